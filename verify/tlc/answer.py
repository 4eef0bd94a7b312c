"""What a run of TLC shows.

TLC's exit code 0 does not mean that the module holds: it comes with violations after `-continue`, with a search that
stopped at its bound, with properties that could not be evaluated. So the messages are what counts:

    holds     exit code 0, "no error has been found", no message of an error, and no states left on the queue
    violated  an invariant or a property is reported as violated; deadlocks and false assumptions have verdicts of
              their own
    unknown   everything else
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from verify.tlc.messages import BUG, ERROR, Line, Message
from verify.tlc.trace import HEADINGS, PROGRESS, VIOLATIONS, Traces, Violation

Verdict = Literal["holds", "violated", "deadlock", "assumption", "unknown"]

VERSION = 2262
SUCCESS = 2193
STATISTICS = 2199
INITIAL = (2190, 2191)  # 2191 where some come in several ways
DEPTH = 2194
TEMPORAL = 2192  # temporal properties are being checked, of which states
TEMPORAL_END = 2267
FINISHED = 2186
ASSUMPTION = 2104
PARSING = 3002
SANY_START = 2220
SANY_END = 2219

CONTINUED = frozenset({0, 12, 13})  # exit codes of a run to the end with violations; 0 in all versions so far
MAX_REASON = 400  # characters

_COUNTS = re.compile(r"([\d,]+) states generated.*?, ([\d,]+) distinct states found.*?, ([\d,]+) states left on queue")
_DEPTH = re.compile(r"\bis (\d+)\.")
_PROGRESS = re.compile(r"Progress\((\d+)\)")
_INITIAL = re.compile(r": ([\d,]+) (?:distinct states?|states?) generated(?:, with ([\d,]+) of them distinct)?")
_MILLISECONDS = re.compile(r"in (\d+)ms")
_WHOLE = "complete state space"
_FINE = re.compile(r"\s*|Parsing file .*|Semantic processing of module .*|\*+ SANY2 Version .*")


class Progress(NamedTuple):
    """How far TLC is: states generated and distinct, states left on the queue, states on the longest path."""

    generated: int
    distinct: int
    queue: int
    depth: int


class Initial(NamedTuple):
    """Initial states: how many in all ways of making them, and how many different ones."""

    generated: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run of TLC shows; a count is None where TLC did not come to say it.

    What a run had generated when it was cut off is as of its last word of progress. `depth` is in states, so that an
    initial state alone has depth 1, and exact with one worker only. `ms` is TLC's own time in milliseconds. `printed`
    are the lines that the module printed. `complete` says that all states were examined, with whatever violations.
    """

    verdict: Verdict
    reason: str  # why it is unknown, in words; "" for the other verdicts
    violations: tuple[Violation, ...] = ()
    version: str = ""
    generated: int | None = None
    distinct: int | None = None
    queue: int | None = None
    initial: Initial | None = None
    depth: int | None = None
    ms: int | None = None
    printed: tuple[str, ...] = ()
    complete: bool = False
    temporal: bool = False  # whether temporal properties were checked in all states, and none was violated

    def of(self, name: str, checked: Sequence[str]) -> Literal["holds", "violated", "unknown"]:
        """What the run shows of one invariant, of those that the .cfg names, in its order.

        In a state where one is violated, TLC does not evaluate those behind it. So an invariant holds if the run is
        complete and none is violated but such as stand behind it, or in initial states, where TLC evaluates all.
        """
        if any(v.kind == "invariant" and v.name == name for v in self.violations):
            return "violated"
        if not self.complete or name not in checked:
            return "unknown"
        behind = checked[checked.index(name) + 1 :]
        later = (v for v in self.violations if v.kind == "invariant" and len(v.trace) > 1)
        return "holds" if all(violation.name in behind for violation in later) else "unknown"


def progress(message: Message) -> Progress | None:
    """What a message says of how far TLC is, if it does."""
    if message.code != PROGRESS:
        return None
    depth, counts = _PROGRESS.match(message.text), _counts(message.text)
    return Progress(*counts, int(depth[1])) if depth and counts else None


def answer(said: Iterable[Message | Line], code: int, *, cut: str = "") -> Answer:
    """What TLC showed by what it said and its exit code; `cut` is what kept it from its end, in words.

    Raises TlcOutputError if a state cannot be read.
    """
    traces, messages, printed, sany = Traces(), list[Message](), list[str](), list[str]()
    at_sany = False
    for item in said:
        match item:
            case Line(text) if at_sany:
                sany.append(text)
            case Line(text):
                printed.append(text)
                traces.hear(item)
            case Message():
                at_sany = item.code == SANY_START or (at_sany and item.code != SANY_END)
                messages.append(item)
                traces.hear(item)
    violations = traces.violations()
    texts = {message.code: message.text for message in messages}
    final = _counts(texts.get(STATISTICS, ""))
    generated, distinct, queue = final or _counts(texts.get(PROGRESS, "")) or (None, None, None)
    done = SUCCESS in texts and final is not None and queue == 0 and not cut
    complete = done and code in CONTINUED and not any(_stops(message) for message in messages)
    holds = done and code == 0 and not any(_is_error(message) for message in messages)
    verdict = _verdict(violations, holds=holds, assumption=ASSUMPTION in texts)
    return Answer(
        verdict,
        _reason(messages, sany, texts, code, cut) if verdict == "unknown" else "",
        violations,
        texts.get(VERSION, ""),
        generated,
        distinct,
        queue,
        _initial(texts),
        _found(_DEPTH, texts.get(DEPTH)),
        _found(_MILLISECONDS, texts.get(FINISHED)),
        tuple(printed),
        complete,
        complete and TEMPORAL_END in texts and _WHOLE in texts.get(TEMPORAL, ""),
    )


def problems(lines: Iterable[str]) -> tuple[str, ...]:
    """What SANY says beside the names of the modules that it reads."""
    return tuple(line.strip() for line in lines if not _FINE.fullmatch(line))


def _verdict(violations: Sequence[Violation], *, holds: bool, assumption: bool) -> Verdict:
    if any(violation.kind != "deadlock" for violation in violations):
        return "violated"
    if violations:
        return "deadlock"
    if assumption:
        return "assumption"
    return "holds" if holds else "unknown"


def _is_error(message: Message) -> bool:
    return any(inner.severity in {ERROR, BUG} for inner in message.all())


def _stops(message: Message) -> bool:
    """Whether it is of an error after which TLC does not go on, even with `-continue`."""
    goes_on = message.code in HEADINGS or VIOLATIONS.get(message.code) in {"invariant", "action"}
    return _is_error(message) and not goes_on


def _reason(messages: Sequence[Message], sany: Sequence[str], texts: Mapping[int, str], code: int, cut: str) -> str:
    """Why a run shows nothing: errors in TLC's words, or what ended it, or what is missing."""
    if PARSING in texts and (wrong := problems(sany)):
        return _short("SANY: " + " ".join(wrong))
    if errors := [message.words() for message in messages if _is_error(message)]:
        return _short(" ".join(errors))
    if cut:
        return cut
    if SUCCESS not in texts:
        return f"TLC did not say that it had examined all states (exit code {code})"
    return f"TLC ended with exit code {code}" if code else "TLC left states on its queue"


def _short(text: str) -> str:
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))


def _counts(text: str) -> tuple[int, int, int] | None:
    """States generated, distinct, and left on the queue."""
    found = _COUNTS.search(text)
    return (_number(found[1]), _number(found[2]), _number(found[3])) if found else None


def _found(pattern: re.Pattern[str], text: str | None) -> int | None:
    found = pattern.search(text or "")
    return _number(found[1]) if found else None


def _initial(texts: Mapping[int, str]) -> Initial | None:
    found = _INITIAL.search(next((texts[code] for code in INITIAL if code in texts), ""))
    return Initial(_number(found[1]), _number(found[2] or found[1])) if found else None
