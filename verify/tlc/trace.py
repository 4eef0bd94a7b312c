"""Violations that TLC reports, each with the run that leads to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from verify.tlc.errors import TlcOutputError
from verify.tlc.messages import Line, Message
from verify.tlc.values import Value, parse_state

Kind = Literal["invariant", "action", "temporal", "deadlock"]

VIOLATIONS: Mapping[int, Kind] = {  # by the code of the message
    2107: "invariant",  # in an initial state, which stands in the message
    2110: "invariant",  # in a later one
    2108: "action",  # an initial state breaks a property
    2112: "action",  # a step does
    2116: "temporal",  # TLC does not say which property
    2114: "deadlock",
}
STATE = frozenset({2216, 2217})
STUTTERING = 2218
BACK_TO_STATE = 2122
HEADINGS = frozenset({2121, 2264})  # "the behavior up to this point is", "a counter-example"
PROGRESS = 2200  # may stand anywhere: another thread says it
EVALUATION = 2111  # an invariant could not be evaluated; a run follows, but nothing is violated

_NAME = re.compile(r"(?:Invariant|Property|Action property) (.+?) is violated")
_STATE = re.compile(r"(\d+):(?: <(.+?)>)?\n", re.DOTALL)  # a depth-first search does not tell the action
_ACTION = re.compile(r"(\S+?)(?:\(.*\))? line \d+, col ", re.DOTALL)
_INITIAL = (None, "Initial predicate")


@dataclass(frozen=True, slots=True)
class State:
    """One state of a run, with number 1 for the first, and the action that led to it, if TLC tells of one."""

    number: int
    action: str | None
    values: Mapping[str, Value] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Violation:
    """What is violated, and by which run.

    A run of a temporal property goes on for ever: from its last state back to the one with the number `loop`, or it
    stutters there. The trace is empty where TLC was stopped while it printed it.
    """

    kind: Kind
    name: str  # "" for a deadlock and for temporal properties
    trace: tuple[State, ...] = ()
    loop: int | None = None
    stutters: bool = False
    printed: tuple[str, ...] = ()  # what the module had printed since the message before


@dataclass(slots=True)
class _Growing:
    kind: Kind
    name: str
    printed: tuple[str, ...]
    states: list[State] = field(default_factory=list)
    loop: int | None = None
    stutters: bool = False
    whole: bool = False

    def violation(self) -> Violation:
        if not self.whole:
            return Violation(self.kind, self.name, printed=self.printed)
        return Violation(self.kind, self.name, tuple(self.states), self.loop, self.stutters, self.printed)


class Traces:
    """Violations out of messages and lines, which come one at a time."""

    def __init__(self) -> None:
        """Begin before the first."""
        self._printed = list[str]()  # since the last message
        self._found: list[_Growing] = []
        self._at: _Growing | None = None  # the one whose run is being printed
        self._known = dict[str, Value]()

    def hear(self, item: Message | Line) -> None:
        """Take what comes next. Raises TlcOutputError if it is a state that cannot be read."""
        if isinstance(item, Line):
            self._printed.append(item.text)
        elif item.code != PROGRESS:
            self._hear(item)
            self._printed.clear()

    def _hear(self, message: Message) -> None:
        code = message.code
        if code in STATE and self._at:
            self._at.states.append(_state(message.text, self._at.states, self._known))
        elif code == STUTTERING and self._at:
            self._at.stutters = True
        elif code == BACK_TO_STATE and self._at:
            self._at.loop = int(message.text.partition(":")[0])
        elif code in VIOLATIONS or code == EVALUATION:
            self._end()
            if code in VIOLATIONS:
                self._at = _begun(VIOLATIONS[code], message, tuple(self._printed), self._known)
                self._found.append(self._at)
        elif code not in HEADINGS | STATE:
            self._end()

    def violations(self) -> tuple[Violation, ...]:
        """Those heard of so far."""
        return tuple(growing.violation() for growing in self._found)

    def _end(self) -> None:
        if self._at:
            self._at.whole = True
        self._at = None


def _begun(kind: Kind, message: Message, printed: tuple[str, ...], known: dict[str, Value]) -> _Growing:
    name = _NAME.match(message.text)
    growing = _Growing(kind, name[1] if name else "", printed)
    if message.code in {2107, 2108}:
        state = message.text.partition("\n")[2]
        growing.states.append(State(1, None, parse_state(state, known)))
    return growing


def _state(text: str, before: list[State], known: dict[str, Value]) -> State:
    """The state of a message; what it does not name is as it was, as in a trace of differences."""
    head = _STATE.match(text)
    if head is None:
        raise TlcOutputError(f"no state: {text[:60]!r}")
    place = None if head[2] in _INITIAL else _ACTION.match(head[2])
    action = place[1] if place else None if head[2] in _INITIAL else head[2]
    last = before[-1].values if before else {}
    values = {**last, **parse_state(text[head.end() :], known)}
    return State(int(head[1]), action, values)
