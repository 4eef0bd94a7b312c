"""An invariant that tells of many others, in one run.

In a state where an invariant is violated, TLC does not evaluate those that stand behind it in the .cfg, with
`-continue` or without. So a run that names them one by one can miss some. `Watch` evaluates them all in every state,
and prints each that is false, the first time: its number, and on which level the state was found. TLC evaluates
invariants once in each state, and one worker finds states in the order of their levels.

`Watch` is always true; or, to show runs, it is false in each state in which it has printed something new. With
`-continue`, TLC then shows a run to that state, one for all that are false there for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.trace import Violation
from verify.tlc.values import parse_value

WATCH: Final = "Watch"
_TELL: Final = "WatchTell"
_BEGINS = f'<<"{WATCH}", '


def definition(invariants: Sequence[str], *, shows_runs: bool = False) -> str:
    """The TLA+ text that defines `Watch` of invariants: for a module that extends Naturals and TLC.

    It takes TLC's registers from 0 to the number of the invariants, and one more to show runs. `Watch` has to be the
    first invariant of the .cfg, or the only one.
    """
    last = len(invariants)
    news = last + 1  # the register that is false after news
    registers = " /\\ ".join(f"TLCSet({number}, FALSE)" for number in range(last + 1 + shows_runs))
    told = [(0, "FALSE"), *enumerate(invariants, start=1)]  # 0 tells that it is evaluated at all, and the first level
    return "\n".join(
        [
            f"ASSUME {WATCH}Registers == {registers}",
            f"{_TELL}(number, holds) ==",
            "    \\/ holds",
            "    \\/ TLCGet(number)",
            f'    \\/ /\\ PrintT(<<"{WATCH}", number, TLCGet("level")>>)',
            "       /\\ TLCSet(number, TRUE)",
            *([f"       /\\ TLCSet({news}, number = 0)"] if shows_runs else []),
            f"{WATCH} ==",
            *([f"    /\\ TLCSet({news}, TRUE)"] if shows_runs else []),
            *(f"    /\\ {_TELL}({number}, {name})" for number, name in told),
            *([f"    /\\ TLCGet({news})"] if shows_runs else []),
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
    for number, level in _told(answer.printed, len(invariants)):
        levels[number] = min(level, levels.get(number, level))  # each worker tells for itself
    if 0 not in levels:
        return {}
    known: dict[str, int | None] = dict.fromkeys(invariants) if answer.complete else {}
    return known | {invariants[n - 1]: level - levels[0] for n, level in levels.items() if n}


def shown(answer: Answer, invariants: Sequence[str]) -> Mapping[str, Violation]:
    """The run that TLC shows to the first state in which each violated invariant is false, where `Watch` shows runs.

    With more than one worker, a line may stand before the run of another: then whoever gets it must look at its end.
    Raises TlcOutputError as above.
    """
    runs = dict[str, Violation]()
    for violation in answer.violations:
        if violation.name == WATCH:
            for number, _ in _told(violation.printed, len(invariants)):
                if number:
                    runs.setdefault(invariants[number - 1], violation)
    return runs


def _told(lines: Iterable[str], last: int) -> Iterator[tuple[int, int]]:
    """The numbers and levels of the lines that `Watch` printed."""
    for line in lines:
        if line.startswith(_BEGINS):
            match parse_value(line):
                case (_, int(number), int(level)) if 0 <= number <= last:
                    yield number, level
                case _:
                    raise TlcOutputError(f"not what {WATCH} prints of {last} invariants: {line[:60]!r}")
