"""Actions of the IR as operators of TLA+: one for each location, with the acting thread as its argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from verify.emit.nonnull import Known, known_locals
from verify.emit.places import Key, actions_from, key_of, local_of, owner, variables
from verify.emit.tla.layout import item, nested, noted, plain, wrapped
from verify.emit.tla.names import Names
from verify.emit.tla.stores import SELF, Stores
from verify.emit.tla.terms import Reader, chain
from verify.instances import THREAD
from verify.ir import PC, TRUE, Action, Binary, BinaryOp, Expr, System, Unary
from verify.source import statement, where

AND, OR = "/\\", "\\/"
OPPOSITE: Mapping[BinaryOp, BinaryOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Groups:
    """Variables that one name stands for: the fields of a class, the locals of a function, the globals."""

    of: Mapping[str, tuple[str, ...]]

    def unchanged(self, changed: Iterable[str]) -> str:
        """What stays as it is; empty if nothing does."""
        gone = set(changed)
        kept = list[str]()
        for name, members in self.of.items():
            rest = [member for member in members if member not in gone]
            kept += [name] if len(rest) == len(members) else rest
        return f"UNCHANGED <<{', '.join(kept)}>>" if len(kept) > 1 else f"UNCHANGED {kept[0]}" if kept else ""


def groups_of(system: System, names: Names) -> Groups:
    """Group the variables; one alone stands for itself, and so does pc."""
    found = dict[str, list[str]]()
    for key, _ in variables(system):
        if key in names.variables:
            found.setdefault(_group(key), []).append(names.variables[key])
    named = dict[str, tuple[str, ...]]()
    for group, members in found.items():
        alone = len(members) == 1
        named[members[0] if alone else names.namer.name(f"{group}_vars", f"{group}_variables")] = tuple(members)
    return Groups(named)


def _group(key: Key) -> str:
    cell, name = key
    if cell == THREAD:
        return "pc" if name == PC else local_of(name)[0] or "thread"
    return cell or "global"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the actions of one system."""

    system: System
    names: Names
    groups: Groups
    reader: Reader
    stores: Stores
    known: Mapping[int, Known]

    def operator(self, location: int, actions: Sequence[Action]) -> list[str]:
        """The operator of a location: its actions are the ways to go on from there."""
        name = self.names.labels[location]
        micro = actions[0].micro[0]
        place = self.system.locations[location]
        text = f"{statement(micro.span)}  {where(micro.span)}" if place.kind == "run" else "nobody knows of it any more"
        comment = plain(text)
        head = noted(f"{name}({SELF}) ==", comment)
        here = replace(self.reader, me=SELF, known=self.known.get(location, frozenset()), eager=True)
        chosen = self._choice(location, actions, here)
        if chosen is not None:
            return [head, *chosen]
        if len(actions) == 1 and not actions[0].binders:
            return [head, *self._single(location, actions[0], here)]
        return [head, *self._branches(location, actions, here)]

    # ---- forms -----------------------------------------------------------------------------------

    def _choice(self, location: int, actions: Sequence[Action], here: Reader) -> list[str] | None:
        """Two ways that differ in where they lead, by one condition: an `if`."""
        if len(actions) != 2 or any(action.binders for action in actions):  # noqa: PLR2004 - a pair
            return None
        one, two = actions
        if one.updates != two.updates or not opposite(one.guard, two.guard) or _moves(one):
            return None
        here = here.value()
        target = f"IF {here.cond(one.guard)} THEN {here.place(one.target)} ELSE {here.place(two.target)}"
        return [*item(AND, f"Goto({SELF}, {here.place(location)}, {target})", 4), *self._effects(one, here, (), 4)]

    def _single(self, location: int, action: Action, here: Reader) -> list[str]:
        if _moves(action):
            lines = item(AND, f"pc[{SELF}] = {here.place(location)}", 4)
        else:
            lines = item(AND, f"Goto({SELF}, {here.place(location)}, {here.place(action.target)})", 4)
        guard, inner = self._guard(action, here, 4)
        return [*lines, *guard, *self._effects(action, inner, (), 4)]

    def _branches(self, location: int, actions: Sequence[Action], here: Reader) -> list[str]:
        changed = {name for action in actions for name in self.stores.changed(action)} | {"pc"}
        lines = item(AND, f"pc[{SELF}] = {here.place(location)}", 4)
        several = len(actions) > 1
        for number, action in enumerate(actions):
            indent = 10 if several else 4
            inner, quantified = here, list[str]()
            for binder in action.binders:
                inner, name, values = inner.bind(binder)
                quantified += wrapped(f"\\E {name} \\in {values} :", indent + (0 if several else 3), indent + 4)
            if quantified:
                indent += 3 if several else 6
            guard, after = self._guard(action, inner, indent)
            body = [*guard, *self._move(action, after, indent), *self._effects(action, after, changed, indent)]
            whole = [*quantified, *body]
            if several:
                whole = nested(OR, whole)
                lines += nested(AND, whole) if number == 0 else whole
            else:
                lines += nested(AND, whole) if quantified else whole
        rest = self.groups.unchanged(changed)
        return lines + (item(AND, rest, 4) if rest else [])

    # ---- parts -----------------------------------------------------------------------------------

    def _guard(self, action: Action, here: Reader, indent: int) -> tuple[list[str], Reader]:
        """The lines of the guard, and what is known where it holds."""
        lines = list[str]()
        for part in chain(action.guard, "&&"):
            if part != TRUE:
                lines += item(AND, here.cond(part, 1), indent)
            here = here.branches(part)[0]
        return lines, here

    def _move(self, action: Action, here: Reader, indent: int) -> list[str]:
        return item(AND, f"pc' = {self._pc(action, here)}", indent)

    def outcome(self, action: Action, here: Reader) -> Mapping[str, str]:
        """The values of the variables that the action changes, by the variable as it is written."""
        here = here.value()
        values = {name: self.stores.value(name, updates, here) for name, updates in self.stores.changed(action).items()}
        return {self.names.variables[THREAD, PC]: self._pc(action, here), **values}

    def _pc(self, action: Action, here: Reader) -> str:
        here = here.value()
        moves = [f"![{SELF}] = {here.place(action.target)}"]
        for update in action.updates:
            if key_of(update.place) == (THREAD, PC):
                moves += self.stores.excepted(update, here)
        return f"[{self.names.variables[THREAD, PC]} EXCEPT {', '.join(moves)}]"

    def _effects(self, action: Action, here: Reader, changing: Iterable[str], indent: int) -> list[str]:
        """Every variable after the action, but those that the whole operator leaves as they are.

        `changing` are the variables that some way to go on from the location changes; none where there is one way.
        """
        here, changed = here.value(), self.stores.changed(action)
        alone = not changing
        lines = item(AND, f"pc' = {self._pc(action, here)}", indent) if alone and _moves(action) else []
        for name, updates in changed.items():
            lines += item(AND, f"{name}' = {self.stores.value(name, updates, here)}", indent)
        if alone:
            rest = self.groups.unchanged([*changed, "pc"])
        else:
            kept = [name for name in self._all() if name in set(changing) - set(changed) - {"pc"}]
            rest = f"UNCHANGED <<{', '.join(kept)}>>" if kept else ""
        return lines + (item(AND, rest, indent) if rest else [])

    def _all(self) -> Iterable[str]:
        return (name for members in self.groups.of.values() for name in members)


def writer(system: System, names: Names, groups: Groups, reader: Reader) -> Writer:
    """What writes the actions of a system."""
    return Writer(system, names, groups, reader, Stores(system, names), known_locals(system))


def by_function(system: System) -> Mapping[str, list[tuple[int, Sequence[Action]]]]:
    """The locations that a thread can leave and its ways from there, by function, in the order of the source."""
    found = dict[str, list[tuple[int, Sequence[Action]]]]()
    for location, actions in sorted(actions_from(system).items()):
        found.setdefault(owner(system, location), []).append((location, actions))
    return found


def opposite(one: Expr, two: Expr) -> bool:
    """Whether one condition is surely the other's opposite."""
    match one, two:
        case (Binary(op, a, b), Binary(other, c, d)) if OPPOSITE.get(op) == other:
            return (a, b) == (c, d)
        case (Unary("!", arg), other) | (other, Unary("!", arg)):
            return arg == other
        case _:
            return False


def _moves(action: Action) -> bool:
    """Whether the action says where another thread stands."""
    return any(key_of(update.place) == (THREAD, PC) for update in action.updates)
