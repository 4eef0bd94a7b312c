"""Identifiers of Promela that neither Spin, its preprocessor nor the C that it writes takes for anything else."""

from __future__ import annotations

import re
from typing import Final

from verify.emit.idents import Namer, words

LONGEST: Final = 48  # characters of a name, before a number that tells it from others

# Words of the language, also those that Spin knows only in formulas.
KEYWORDS = words("""
    active always assert atomic bit bool break byte c_code c_decl c_expr c_state c_track chan const D_proctype
    d_step do else empty enabled end equivalent eval eventually false fi for full get_priority goto hidden if
    implies in init inline int len local ltl mtype nempty never next nfull noclaim notrace np_ od of pc_value pid
    print printf printm priority proctype product progress provided release return run select set_priority short
    show skip strong stronguntil timeout trace true typedef unless unsigned until weakuntil xr xs accept
""")
# Words of C, as every variable becomes a member of a struct in C, and macros that are in sight there.
OF_C = words("""
    asm auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef typeof union unsigned void volatile
    while alloca errno linux max min mix now qptr pptr stderr stdin stdout uchar uint ulong unix ushort this
""")
# What every model defines.
FIXED = words("self object free private published monitor pc")
BARRED = re.compile(r"(?:si|sa|st|sigev|onstack|before)_|(?:min|max)seq|[A-Z0-9]")  # how other macros of C begin


def identifier(text: str) -> str:
    """The text with nothing but letters, digits and underscores, not too long, and no macro of C."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:LONGEST] or "x"
    return f"v_{found}" if BARRED.match(found) else found


def namer_of_promela() -> Namer:
    """What names things in a model."""
    return Namer(set(KEYWORDS | OF_C | FIXED), identifier)
