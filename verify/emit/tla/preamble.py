"""Operators that expressions may need, defined in a module only where they are used."""

from __future__ import annotations

from collections.abc import Mapping

from verify.emit.places import variables
from verify.emit.tla.layout import item, wrapped
from verify.emit.tla.names import Names
from verify.emit.tla.terms import Helpers
from verify.instances import THREAD
from verify.ir import System, refers

NEEDS: Mapping[str, tuple[str, ...]] = {
    "BitOr": ("BitAnd",),
    "BitXor": ("BitAnd",),
    "BitAnd": ("Bit",),
    "Rem": ("Div",),
}
TEXTS: Mapping[str, tuple[str, ...]] = {
    "Get": ("Get(f, c, zero) == IF c = NULL THEN zero ELSE f[c]  \\* what is read through NULL is zero",),
    "Num": ("Num(b) == IF b THEN 1 ELSE 0",),
    "Bit": ("Bit(x, n) == (x \\div n) % 2  \\* n is a power of 2",),
    "BitOr": ("BitOr(x, y) == x + y - BitAnd(x, y)",),
    "BitXor": ("BitXor(x, y) == x + y - 2 * BitAnd(x, y)",),
    "BitNot": ("BitNot(x) == (-1) - x",),
    "Div": (
        "Div(x, y) ==  \\* towards 0, as in C",
        "    LET q == (IF x < 0 THEN -x ELSE x) \\div (IF y < 0 THEN -y ELSE y)",
        "    IN  IF y = 0 THEN 0 ELSE IF (x < 0) = (y < 0) THEN q ELSE -q",
    ),
    "Rem": ("Rem(x, y) == IF y = 0 THEN 0 ELSE x - y * Div(x, y)",),
    "Shl": ("Shl(x, n) == IF n \\in 0..63 THEN x * 2^n ELSE 0",),
    "Shr": ("Shr(x, n) == IF n \\in 0..63 THEN x \\div 2^n ELSE 0",),
    "LifeNumber": ('LifeNumber(x) == IF x = "free" THEN 0 ELSE IF x = "private" THEN 1 ELSE 2',),
    "Unsigned": ("Unsigned(x, n) == x % n  \\* n is a power of 2",),
    "Signed": ("Signed(x, n) == ((x + n \\div 2) % n) - n \\div 2",),
}


def definitions(system: System, names: Names, helpers: Helpers, known: frozenset[str] = frozenset()) -> list[str]:
    """The lines that define what is used, but for what is `known` already."""
    wanted = needed(helpers) - known
    lines = list[str]()
    for name, text in TEXTS.items():
        lines += text if name in wanted else ()
        if name == "Bit" and "BitAnd" in wanted:
            lines += _bit_and(max(helpers.bits))
    if "PlaceNumber" in wanted:
        cases = " ELSE ".join(f'IF x = "{label}" THEN {place}' for place, label in names.labels.items())
        lines += ["PlaceNumber(x) ==", *wrapped(f"{cases} ELSE 0", 4, 6)]
    for (cls, mine, free), name in helpers.referenced.items():
        head = f"{name}({', '.join(filter(None, ('c', '' if free else 'self', helpers.state)))})"
        lines += _referenced(system, names, cls, head, mine=mine, free=free)
    return lines


def needed(helpers: Helpers) -> frozenset[str]:
    """The operators of the preamble that are used, and those that they use."""
    wanted = set(helpers.used)
    for name in ("Rem", "BitXor", "BitOr", "BitAnd"):
        wanted |= set(NEEDS[name]) if name in wanted else set()
    return frozenset(wanted)


def _bit_and(width: int) -> list[str]:
    """`x & y` of numbers of so many bits and a sign."""
    parts = [f"{1 << n} * Bit(x, {1 << n}) * Bit(y, {1 << n})" if n else "Bit(x, 1) * Bit(y, 1)" for n in range(width)]
    sign = f" - (IF x < 0 /\\ y < 0 THEN {1 << width} ELSE 0)"
    return ["BitAnd(x, y) ==", *wrapped(" + ".join(parts) + sign, 4, 6)]


def _referenced(system: System, names: Names, cls: str, head: str, *, mine: bool, free: bool) -> list[str]:  # noqa: PLR0913 - one case
    """Whether anything but the acting thread's locals and the object's own fields points to an object."""
    lines = [f"{head} ==", "    /\\ c # NULL"]
    first = True
    for (cell, local), var in variables(system):
        if not refers(local, var.domain, cls) or (cell, local) not in names.variables:
            continue
        variable = names.variables[cell, local]
        if cell == "":
            text = f"{variable} = c"
        elif cell == THREAD:
            but = "" if free else " /\\ t # self"
            text = f"\\E t \\in {names.sets[system.thread]} : {variable}[t] = c{but}"
        else:
            but = " /\\ o # c" if cell == cls else ""
            but += " /\\ o # self" if cell == system.thread and not mine and not free else ""
            text = f"\\E o \\in {names.sets[cell]} : {variable}[o] = c{but}"
        found = item("\\/", text, 7)
        lines += ["    /\\ " + found[0].lstrip(), *found[1:]] if first else found
        first = False
    return lines if not first else [*lines, "    /\\ FALSE"]
