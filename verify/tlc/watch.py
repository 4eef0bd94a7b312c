"""An invariant that is always true, and says which others are not: one run tells of all of them.

In a state where an invariant is violated, TLC does not evaluate those that stand behind it in the .cfg, with
`-continue` or without. So a run that names them one by one can miss some. `Watch` evaluates them all in every state,
and prints each that is false, the first time: its number, and on how many steps the state was found. TLC evaluates
invariants once in each state, and with one worker it finds states in the order of these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.values import parse_value

WATCH: Final = "Watch"
_TELL: Final = "WatchTell"
_BEGINS = f'<<"{WATCH}", '


def definition(invariants: Sequence[str]) -> str:
    """The TLA+ text that defines `Watch` of invariants: for a module that extends Naturals and TLC.

    It takes TLC's registers from 0 on. `Watch` has to be the first invariant of the .cfg, or the only one.
    """
    registers = " /\\ ".join(f"TLCSet({number}, FALSE)" for number in range(len(invariants) + 1))
    told = [(0, "FALSE"), *enumerate(invariants, start=1)]  # 0 tells that it is evaluated at all, and the first level
    lines = (f"    /\\ {_TELL}({number}, {name})" for number, name in told)
    said = f'<<"{WATCH}", number, TLCGet("level")>>'
    return "\n".join(
        [
            f"ASSUME {WATCH}Registers == {registers}",
            f"{_TELL}(number, holds) ==",
            f"    holds \\/ TLCGet(number) \\/ (PrintT({said}) /\\ TLCSet(number, TRUE))",
            f"{WATCH} ==",
            *lines,
            "",
        ]
    )


def watched(answer: Answer, invariants: Sequence[str]) -> Mapping[str, int | None]:
    """The invariants, in the order of the definition, that a run tells something of.

    Each that is violated is there with the steps to the first state in which it is: as many as the shortest run has,
    if TLC had one worker. Each that holds is there with None. Nothing is known of others: a run that was not complete
    tells of violations alone.
    Raises TlcOutputError if what is printed is not what `Watch` prints.
    """
    levels = dict[int, int]()
    for line in answer.printed:
        if line.startswith(_BEGINS):
            number, level = _told(line, len(invariants))
            levels[number] = min(level, levels.get(number, level))  # each worker tells for itself
    if 0 not in levels:
        return {}
    known: dict[str, int | None] = dict.fromkeys(invariants) if answer.complete else {}
    return known | {invariants[n - 1]: level - levels[0] for n, level in levels.items() if n}


def _told(line: str, last: int) -> tuple[int, int]:
    match parse_value(line):
        case (_, int(number), int(level)) if 0 <= number <= last:
            return number, level
        case _:
            raise TlcOutputError(f"not what {WATCH} prints of {last} invariants: {line[:60]!r}")
