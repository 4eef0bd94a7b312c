"""Where a system begins, as the TLA+ predicate Init: how many tasks of each group there are, and what they are given.

The numbering is that of `verify.instances`: tasks group by group, objects made for their fields in the order of the
tasks, global objects before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.places import Key, variables
from verify.emit.properties import EmitError
from verify.emit.tla.kinds import Kind
from verify.emit.tla.layout import item
from verify.emit.tla.names import Names
from verify.emit.tla.terms import LIVES, ZERO, Reader
from verify.instances import THREAD
from verify.ir import FREE, LIFE, PC, PUBLISHED, Const, Fresh, InitValue, System, Var


@dataclass(frozen=True, slots=True)
class Told:
    """How another variable tells of a thread `t` that it is a task of each group, and of some group."""

    groups: Mapping[str, str]
    some: str


@dataclass(frozen=True, slots=True)
class Starts:
    """Writes the Init of one system; unless something tells the group of a task, its number does."""

    system: System
    names: Names
    reader: Reader
    told: Told | None = None

    # ---- how many ----------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """The lines of Init, its head included."""
        body = list[str]()
        for key, var in variables(self.system):
            if key in self.names.variables:
                relation, value = self.begins(key, var)
                body += item("/\\", f"{self.names.variables[key]} {relation} {value}", 4)
        return ["Init ==", *self._counts(), *body]

    def _counts(self) -> list[str]:
        """Quantifiers over the numbers of tasks in each group, and what must be true of them."""
        lines = list[str]()
        for group in self.system.groups:
            name = self.names.groups[group.name]
            values = f"{{{group.count}}}" if group.count is not None else f"0..{self._room()}"
            lines.append(f"    \\E {name} \\in {values} :")
        total = " + ".join(self.names.groups[group.name] for group in self.system.groups) or "0"
        exact = self._open() and self.system.thread not in self.system.created
        return [*lines, *item("/\\", f"{total} {'=' if exact else '<='} {self._room()}", 4), *self._least(total)]

    def _least(self, total: str) -> list[str]:
        if any(group.count for group in self.system.groups):
            return []
        return item("/\\", f"{total} > 0", 4)

    def _open(self) -> bool:
        return any(group.count is None for group in self.system.groups)

    def _room(self) -> str:
        return f"Len({self.names.ids[self.system.thread]})"

    def _first(self, number: int) -> str:
        """How many tasks there are before those of a group."""
        return " + ".join(self.names.groups[group.name] for group in self.system.groups[:number]) or "0"

    # ---- values --------------------------------------------------------------------------------

    def begins(self, key: Key, var: Var) -> tuple[str, str]:
        r"""What a variable begins with: `=` and the value, or `\in` and the set of them."""
        cell, _ = key
        if cell == "":
            return "=", self._value(var, key, var.default)
        cls = self.system.thread if cell == THREAD else cell
        cases = list(self._cases(key, var, cls))
        default = self._value(var, key, var.default)
        domain = self.names.sets[cls]
        if cases and cases[-1][0] == f"Rank(t, {self.names.ids[cls]}) <= {self._room()}" and len(cases[-1][1]) == 1:
            default = cases.pop()[1][0]  # of all that are left
        if all(len(values) == 1 for _, values in cases):
            chosen = _cases([(test, values[0]) for test, values in cases], default)
            return "=", f"[t \\in {domain} |-> {chosen}]"
        sets = _cases([(test, f"{{{', '.join(values)}}}") for test, values in cases], f"{{{default}}}")
        everything = _united(cases, default)
        return "\\in", f"{{f \\in [{domain} -> {everything}] : \\A t \\in {domain} : f[t] \\in {sets}}}"

    def _cases(self, key: Key, var: Var, cls: str) -> Iterator[tuple[str, Sequence[str]]]:
        """Pairs of a condition on the number of a cell `t`, and the values it may begin with there."""
        rank = f"Rank(t, {self.names.ids[cls]})"
        begun = self._begun(cls)
        if key == (cls, LIFE) or (key[0] == cls and cls != self.system.thread):
            birth = PUBLISHED if var.name == LIFE else self.system.initial.get((cls, var.name), var.default)
            other = FREE if var.name == LIFE else var.default
            if birth != other and begun:
                there = self.told.some if self.told and cls == self.system.thread else f"{rank} <= {begun}"
                yield there, [self._value(var, key, birth)]
            return
        if key[0] == cls or var.name == PC:
            for number, group in enumerate(self.system.groups):
                mine = self.told.groups[group.name] if self.told else f"{rank} <= {self._first(number + 1)}"
                entry: InitValue = (self.system.initial.get((cls, var.name), var.default),)
                given = (group.entry,) if var.name == PC else group.values.get(var.name, entry)
                if given != (var.default,):
                    yield mine, self._given(number, var, key, given, rank)
                elif number < len(self.system.groups) - 1:
                    yield mine, [self._value(var, key, var.default)]

    def _given(self, number: int, var: Var, key: Key, given: InitValue, rank: str) -> Sequence[str]:
        """The values that a cell of a task of group `number` may begin with."""
        if not isinstance(given, Fresh):
            return [self._value(var, key, value) for value in given]
        group = self.system.groups[number]
        mine = [name for name, value in group.values.items() if value == Fresh(given.cls)]
        before = [str(sum(static.cls == given.cls for static in self.system.statics))]
        for earlier in self.system.groups[:number]:
            each = sum(value == Fresh(given.cls) for value in earlier.values.values())
            before += [f"{each} * {self.names.groups[earlier.name]}"] if each else []
        first = self._first(number)
        index = rank if first == "0" else f"{rank} - ({first})"
        last = mine.index(var.name) + 1 - len(mine)
        parts = [*before, _times(len(mine), index), str(last) if last >= 0 else f"(-{-last})"]
        place = " + ".join(part for part in parts if part != "0")
        return [f"{self.names.ids[given.cls]}[{place}]"]

    def _begun(self, cls: str) -> str:
        """How many cells of a class there are at the start; empty if none."""
        if cls == self.system.thread:
            return " + ".join(self.names.groups[group.name] for group in self.system.groups)
        statics = sum(static.cls == cls for static in self.system.statics)
        parts = [str(statics)]
        for group in self.system.groups:
            each = sum(value == Fresh(cls) for value in group.values.values())
            parts.append(_times(each, self.names.groups[group.name]))
        return " + ".join(part for part in parts if part != "0")

    def _value(self, var: Var, key: Key, value: int) -> str:
        kind = self.reader.kinds.of[key]
        match kind:
            case Kind.PLACE:
                return self.reader.place(value)
            case Kind.LIFE:
                return LIVES[value]
            case Kind.NUMBER | Kind.TRUTH:
                return self.reader.of_kind(Const(value), kind)
            case _ if value == 0:
                return ZERO[kind]
            case Kind.CELL:
                return self.reader.cell(Const(value), getattr(var.domain, "cls", ""))
            case _:
                raise EmitError("a set of threads that is not empty at the start")


def _times(factor: int, text: str) -> str:
    return (text if factor == 1 else f"{factor} * ({text})") if factor else "0"


def _cases(cases: Sequence[tuple[str, str]], other: str) -> str:
    """Nested `IF`s, the first test that holds decides."""
    if other == "FALSE" and [value for _, value in cases] == ["TRUE"]:
        return cases[0][0]
    text = other
    for test, value in reversed(cases):
        text = value if value == text else f"IF {test} THEN {value} ELSE {text}"
    return text


def _united(cases: Sequence[tuple[str, Sequence[str]]], other: str) -> str:
    found = dict.fromkeys([*(value for _, values in cases for value in values), other])
    return f"{{{', '.join(found)}}}"

