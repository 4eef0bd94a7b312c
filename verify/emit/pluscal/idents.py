"""Identifiers of PlusCal: those of TLA+, without the words that the translator reads or defines."""

from __future__ import annotations

from typing import Final

from verify.emit.idents import Namer, words
from verify.emit.pluscal.remarks import remark
from verify.emit.tla.idents import FIXED as TLA_FIXED
from verify.emit.tla.idents import RESERVED as TLA_RESERVED
from verify.emit.tla.idents import identifier as of_tla

# Words of both syntaxes, and what a translation declares.
RESERVED: Final = words("""
    algorithm assert await begin by call define do either else elsif end fair goto if macro or print procedure
    procedures process processes return skip stack then variable variables when while with
    Done Error ProcSet Termination defaultInitValue
""")
# What every module here defines, and the arguments of its operators and macros.
FIXED: Final = words("place runs Begun Casts Starts StartedOnce s l")


def namer_of_pluscal() -> Namer:
    """What names things in an algorithm and the module around it."""
    return Namer(set(TLA_RESERVED | TLA_FIXED | RESERVED | FIXED), identifier)


def identifier(text: str) -> str:
    """An identifier of TLA+ in which the translator finds none of its marks."""
    return remark(of_tla(text))
