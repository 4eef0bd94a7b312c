"""A question to a solver in parts, so that its answer can be read as a state in which an obligation is not met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verify.certificates.cells import THREADS, Slot
from verify.certificates.words import Term, Words
from verify.induction import Broken
from verify.instances import THREAD as CELL
from verify.instances import Slot as Variable
from verify.ir import Action, Expr
from verify.universal import Clause


@dataclass(frozen=True, slots=True)
class Witness:
    """What is asked, and what its terms are; `action` and `clause` only where it is about one of them."""

    words: Words
    asserted: Term
    before: Mapping[Slot, Term]
    stores: Mapping[Slot, Term] = field(default_factory=dict)
    choices: Mapping[str, Term] = field(default_factory=dict)
    bound: Mapping[str, Term] = field(default_factory=dict)
    action: Action | None = None
    clause: Clause | None = None
    body: Expr | None = None

    def script(self) -> str:
        """Whether it can be."""
        return self.words.script(self.asserted)

    def asking(self) -> str:
        """Whether it can be, and how."""
        shown = {*self.before.values(), *self.stores.values(), *self.choices.values(), *self.bound.values()}
        return self.words.script(self.asserted, shown)

    def broken(self, name: str, said: str) -> Broken:
        """What a solver said that it can be."""
        values = self.words.values(said)

        def known(terms: Mapping[str, Term]) -> Mapping[str, int]:
            return {key: value for key, term in terms.items() if (value := self._value(values, term)) is not None}

        before, stores = self._state(values, self.before), self._state(values, self.stores)
        return Broken(
            name, self.action, known(self.choices), self.clause, self.body, known(self.bound), before,
            {**before, **stores},
        )  # fmt: skip

    def _state(self, values: Mapping[Term, int], terms: Mapping[Slot, Term]) -> Mapping[Variable, int]:
        return {
            Variable(CELL if cell == THREADS else cell, index, name): value
            for (cell, index, name), term in terms.items()
            if (value := self._value(values, term)) is not None
        }

    def _value(self, values: Mapping[Term, int], term: Term) -> int | None:
        constant = self.words.constant(term)
        return values.get(term) if constant is None else constant
