"""What an action stores, as values of whole variables and as assignments to parts of them.

All of it is read in the state before; of two stores to one cell the later wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verify.emit.places import Key, key_of
from verify.emit.properties import EmitError
from verify.emit.tla.kinds import Kind
from verify.emit.tla.names import Names
from verify.emit.tla.terms import OPEN, WORD_LEVEL, Reader
from verify.instances import THREAD
from verify.ir import PC, TRUE, Action, Bound, Expr, Field, Global, Local, Place, System, Update

SELF = "self"


@dataclass(frozen=True, slots=True)
class Stores:
    """Writes the stores of one system; the variables in `own` are single values of the acting thread."""

    system: System
    names: Names
    own: frozenset[Key] = frozenset()

    def changed(self, action: Action) -> Mapping[str, Sequence[Update]]:
        """The updates by the variable that they change, pc apart."""
        found = dict[str, list[Update]]()
        for update in action.updates:
            if key_of(update.place) in self.names.variables and key_of(update.place) != (THREAD, PC):
                found.setdefault(self.names.variables[key_of(update.place)], []).append(update)
        return found

    def value(self, name: str, updates: Sequence[Update], here: Reader) -> str:
        """A variable after some updates, the later ones over the earlier."""
        value, pending = name, list[str]()

        def settled() -> str:
            return f"[{value} EXCEPT {', '.join(pending)}]" if pending else value

        for update in updates:
            if self._is_single(update.place):
                value = self._single(update, value, here)
            elif update.each is None:
                pending += self.excepted(update, here)
            else:
                value, pending = self._each(update, settled(), here), []
        return settled()

    def assigned(self, name: str, updates: Sequence[Update], here: Reader) -> list[tuple[str, str]]:
        """The same as assignments: of its cells where each update names one, else of the whole variable."""
        if any(self._is_single(update.place) or update.each is not None for update in updates):
            return [(name, self.value(name, updates, here))]
        return [(f"{name}[{self.cell(update.place, here)}]", self._part(update, here)) for update in updates]

    def excepted(self, update: Update, here: Reader) -> list[str]:
        """The change of one cell, behind EXCEPT."""
        return [f"![{self.cell(update.place, here)}] = {self._part(update, here)}"]

    def cell(self, place: Place, here: Reader) -> str:
        """The cell that a place is in. Raises EmitError for a global."""
        index, cls = _index(place, self.system)
        return SELF if index is None else here.cell(index, cls)

    # ---- parts -----------------------------------------------------------------------------------

    def _is_single(self, place: Place) -> bool:
        return isinstance(place, Global) or key_of(place) in self.own

    def _single(self, update: Update, before: str, here: Reader) -> str:
        if update.each is not None:
            raise EmitError("a store for every object goes to one variable")
        yes = here.branches(update.when)[0]
        if update.when == TRUE:
            return self._stored(update, yes, WORD_LEVEL)
        return f"IF {here.cond(update.when)} THEN {self._stored(update, yes)} ELSE {before}"

    def _part(self, update: Update, here: Reader) -> str:
        value = self._stored(update, here.branches(update.when)[0])
        return value if update.when == TRUE else f"IF {here.cond(update.when)} THEN {value} ELSE @"

    def _each(self, update: Update, before: str, here: Reader) -> str:
        assert update.each is not None  # noqa: S101 - the caller has looked
        index, _ = _index(update.place, self.system)
        if index != Bound(update.each.name):
            raise EmitError("a store for every object goes to another")
        inner, name, values = here.bind(update.each)
        value = self._stored(update, inner.branches(update.when)[0])
        whole = f"{before}[{name}]" if before.isidentifier() else f"({before})[{name}]"
        chosen = value if update.when == TRUE else f"IF {inner.cond(update.when)} THEN {value} ELSE {whole}"
        return f"[{name} \\in {values} |-> {chosen}]"

    def _stored(self, update: Update, here: Reader, least: int = OPEN) -> str:
        kind = here.kinds.of[key_of(update.place)]
        cls = getattr(self.system.var(update.place).domain, "cls", "")
        return here.cond(update.value, least) if kind is Kind.TRUTH else here.of_kind(update.value, kind, cls)


def _index(place: Place, system: System) -> tuple[Expr | None, str]:
    """The cell that a place is in, None for the acting thread, and its class."""
    match place:
        case Local(_, of):
            return of, system.thread
        case Field(pointer, cls, _):
            return pointer, cls
        case _:
            raise EmitError("a global is in no cell")
