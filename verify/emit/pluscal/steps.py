"""Locations of the IR as labels of PlusCal with their statements.

What an action stores is one multiple assignment, whose values PlusCal reads in the state before, as the IR does. A
place at which a thread may be put by others, or may be at the start, has no label: there the thread is at `idle`, and
`runs` says at which of these places it is, since no statement of PlusCal changes `pc`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from verify.emit.nonnull import Known, known_locals
from verify.emit.places import key_of
from verify.emit.pluscal.branches import Await, Do, Either, If, Node, With, branches, negated
from verify.emit.pluscal.remarks import remark
from verify.emit.pluscal.threads import moves, parked, shared_locals
from verify.emit.tla.layout import noted, wrapped
from verify.emit.tla.names import Names
from verify.emit.tla.stores import SELF, Stores
from verify.emit.tla.terms import Reader
from verify.instances import THREAD
from verify.ir import IDLE, PC, Action, Binary, Const, Expr, Local, Me, Place, System, Update
from verify.source import statement, where

RUNS: Final = "runs"
PLACE: Final = "place"
STEP: Final = 4  # blanks
SHORT: Final = 80  # characters that are quickly read
CALL: Final = re.compile(r"(?!(?:if|while|for|switch|return)\b)([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class Macros:
    """The macros of locks, by what they do and what the source calls that; grows while statements are written."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Their definitions."""
        return [f"macro {name}(l) {{ {BODIES[kind]} }}" for (kind, _), name in self.names.items()]


BODIES: Final[Mapping[str, str]] = {
    "acquire": f"await l = NULL; l := {SELF};",
    "release": "l := NULL;",
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the labels of one system."""

    system: System
    names: Names
    reader: Reader
    stores: Stores
    parked: frozenset[int]
    known: Mapping[int, Known]
    macros: Macros

    def label(self, location: int, actions: Sequence[Action], following: int | None) -> list[str]:
        """The label of a location that threads leave by these actions; `following` has the label behind it."""
        head = noted(f"{self.names.labels[location]}:", self._comment(location, actions))
        body = self._statement(branches(actions), _At(self._here(location), following))
        return [head, *(body or [f"{' ' * STEP}skip;"])]

    def rest(self, location: int, comment: str) -> list[str]:
        """The label of a location that no thread ever leaves."""
        return [noted(f"{self.names.labels[location]}:", comment), f"{' ' * STEP}await FALSE;"]

    def idle(self, leaving: Mapping[int, Sequence[Action]]) -> list[str]:
        """The label of all places without one of their own, of which these are left by some actions."""
        head = noted(f"{self.names.labels[IDLE]}:", f"until it is started; {RUNS}[{SELF}] is where it begins")
        ways = list[list[str]]()
        for location, actions in leaving.items():
            indent = STEP * (2 if len(leaving) > 1 else 1)
            test = f'{" " * indent}await {RUNS}[{SELF}] = "{self.names.labels[location]}";'
            at = _At(self._here(location), None, indent)
            ways.append([noted(test, self._comment(location, actions)), *self._statement(branches(actions), at)])
        if len(ways) == 1:
            return [head, *ways[0]]
        return [head, *_either(ways, STEP)] if ways else [head, f"{' ' * STEP}await FALSE;"]

    def _here(self, location: int) -> Reader:
        return replace(self.reader, known=self.known.get(location, frozenset()), eager=True)

    def _comment(self, location: int, actions: Sequence[Action]) -> str:
        if self.system.locations[location].kind != "run":
            return "nobody knows of it any more"
        span = actions[0].micro[0].span
        return remark(f"{statement(span)}  {where(span)}")

    # ---- statements ------------------------------------------------------------------------------

    def _statement(self, node: Node, at: _At) -> list[str]:
        """The lines of a statement, the last of its label; none if there is nothing to do."""
        match node:
            case Do(action):
                stored = self._release(action, at) or self._assignment(self._stored(action, at), at)
                return [*stored, *self._goto(action, at)]
            case Await(cond, Do(action)) if (taken := self._acquire(cond, action, at)) is not None:
                return [*taken, *self._goto(action, at)]
            case Await(cond, then):
                test = wrapped(f"await {at.here.cond(cond)};", at.indent, at.indent + 2 * STEP)
                return [*test, *self._statement(then, at.knowing(at.here.branches(cond)[0]))]
            case If(cond, then, other):
                idles = not self._statement(then, at.knowing(at.here.branches(cond)[0]))
                return self._if(If(negated(cond), other, then) if idles else node, at)
            case Either(ways):
                return _either([self._statement(way, at.inside()) for way in ways], at.indent)
            case With(binders, then):
                here, chosen = at.here, list[str]()
                for binder in binders:
                    here, name, values = here.bind(binder)
                    chosen.append(f"{name} \\in {values}")
                head = wrapped(f"with ({', '.join(chosen)}) {{", at.indent, at.indent + 2 * STEP)
                return [*head, *self._block(then, at.knowing(here)), f"{at.blanks}}};"]
            case _ as unreachable:
                assert_never(unreachable)

    def _if(self, node: If, at: _At) -> list[str]:
        lines, word = list[str](), "if"
        while True:
            here = at.here.value()
            yes, no = here.branches(node.cond)
            lines += wrapped(f"{word} ({here.cond(node.cond)}) {{", at.indent, at.indent + 2 * STEP)
            lines += self._block(node.then, at.knowing(replace(yes, eager=True)))
            at = at.knowing(replace(no, eager=True))
            if not isinstance(node.other, If):
                break
            node, word = node.other, "} else if"
        if other := self._statement(node.other, at.inside()):
            lines += [f"{at.blanks}}} else {{", *other]
        return [*lines, f"{at.blanks}}};"]

    def _block(self, node: Node, at: _At) -> list[str]:
        inner = at.inside()
        return self._statement(node, inner) or [f"{inner.blanks}skip;"]

    def _goto(self, action: Action, at: _At) -> list[str]:
        """Where an action leads, unless that is what follows."""
        if action.target in self.parked:
            return [f"{at.blanks}goto {self.names.labels[IDLE]};"]
        return [] if action.target == at.following else [f"{at.blanks}goto {self.names.labels[action.target]};"]

    # ---- stores ----------------------------------------------------------------------------------

    def _stored(self, action: Action, at: _At) -> list[tuple[str, str]]:
        """What an action assigns to what, all at once."""
        here = at.here.value()
        found = [(f"{RUNS}[{SELF}]", here.place(runs))] if (runs := self._runs(action)) is not None else []
        if others := moves(action):
            found += self.stores.assigned(RUNS, others, here)
        for name, updates in self.stores.changed(action).items():
            found += self.stores.assigned(name, updates, here)
        return found

    def _runs(self, action: Action) -> int | None:
        """What the thread itself is said to run after an action; None if that stays as it is."""
        if action.target in self.parked:
            same = action.target == IDLE if action.source not in self.parked else action.target == action.source
            return None if same else action.target
        return IDLE if action.source in self.parked else None

    def _assignment(self, stores: Sequence[tuple[str, str]], at: _At) -> list[str]:
        texts = [f"{target} := {value}" for target, value in stores]
        line = f"{at.blanks}{' || '.join(texts)};"
        if not texts or len(line) <= SHORT:
            return [line] if texts else []
        lines = list[str]()
        for number, text in enumerate(texts):
            end = ";" if number == len(texts) - 1 else ""
            lines += wrapped(f"{'|| ' if number else ''}{text}{end}", at.indent + STEP * bool(number), at.indent + 12)
        return lines

    # ---- locks -----------------------------------------------------------------------------------

    def _acquire(self, cond: Expr, action: Action, at: _At) -> list[str] | None:
        """The macro that waits for a lock and takes it, and what else is stored; None if that is not what is done."""
        match cond:
            case Binary("==", place, Const(0)) if isinstance(place, Place):
                inner = at.knowing(at.here.branches(cond)[0])
                return self._lock("acquire", Update(place, Me()), action, inner)
            case _:
                return None

    def _release(self, action: Action, at: _At) -> list[str] | None:
        """The macro that gives a lock away, and what else is stored; None as above."""
        owned = [update for update in action.updates if self.system.var(update.place).lock]
        if len(owned) != 1 or owned[0] != Update(owned[0].place, Const(0)):
            return None
        return self._lock("release", owned[0], action, at)

    def _lock(self, kind: str, wanted: Update, action: Action, at: _At) -> list[str] | None:
        key = key_of(wanted.place)
        same = [update for update in action.updates if not isinstance(update.place, Local)]
        called = CALL.match(statement(action.micro[0].span))
        if same != [wanted] or not self.system.var(wanted.place).lock or called is None:
            return None
        name = self.names.variables[key]
        stored = self._stored(action, at)
        (target,) = [target for target, _ in stored if re.match(rf"{name}\b", target)]
        rest = [(one, value) for one, value in stored if one != target]
        if any(re.search(rf"\b{name}\b", text) for pair in rest for text in pair):
            return None  # it would be read after it is changed
        macro = (kind, called[1])
        if macro not in self.macros.names:
            self.macros.names[macro] = self.names.namer.name(called[1], f"{kind}_{called[1]}")
        return [f"{at.blanks}{self.macros.names[macro]}({target});", *self._assignment(rest, at)]


@dataclass(frozen=True, slots=True)
class _At:
    """Where a statement stands."""

    here: Reader
    following: int | None
    indent: int = STEP

    @property
    def blanks(self) -> str:
        return " " * self.indent

    def inside(self) -> _At:
        return replace(self, indent=self.indent + STEP)

    def knowing(self, here: Reader) -> _At:
        return replace(self, here=here)


def writer(system: System, names: Names, reader: Reader) -> Writer:
    """What writes the labels of a system. Raises EmitError for threads that PlusCal cannot put where they go."""
    shared = shared_locals(system)
    own = frozenset((THREAD, var.name) for var in system.locals if var.name != PC) - shared
    inner = replace(reader, me=SELF, own=own)
    return Writer(system, names, inner, Stores(system, names, own), parked(system), known_locals(system), Macros())


def _either(ways: Sequence[Sequence[str]], indent: int) -> list[str]:
    blanks = " " * indent
    lines = list[str]()
    for number, way in enumerate(ways):
        lines += [f"{blanks}}} or {{" if number else f"{blanks}either {{", *(way or [f"{blanks}{' ' * STEP}skip;"])]
    return [*lines, f"{blanks}}};"]
