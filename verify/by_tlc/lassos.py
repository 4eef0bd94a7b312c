"""Which temporal properties of an export TLC finds violated, by which runs, and which hold.

TLC 2.15 shows one run for all the temporal properties that it is given, without a word about which is violated, and
stops there, with `-continue` too. So it is started again without those that the run violates, as far as the definition
says so, until it finds no run: once if all hold, and once more for each that does not at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from verify.by_tlc.decode import lasso_of
from verify.emit.properties import Liveness
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.instances import Instance
from verify.lasso import Lasso, Starved, is_fair_run, starved
from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.trace import Violation

Start = Callable[[Sequence[str]], Answer]  # TLC's answer about a module with these temporal properties
Violated = tuple[Lasso, Starved]
DISAGREES = "TLC shows a run on which something never happens that the definition does not accept"


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of temporal properties, by identifier, and the answer of the last start."""

    answer: Answer
    violated: Mapping[str, Violated]
    held: frozenset[str]
    difference: str = ""  # what TLC says and the definition does not


def ask(spec: Spec, model: Model, inst: Instance, start: Start) -> Found:
    """Ask TLC about the temporal properties of a module until nothing new comes out. Raises what `start` raises."""
    left = dict(spec.liveness)
    violated = dict[str, Violated]()
    difference = ""
    while True:
        answer = start(tuple(left))
        shown = next((v for v in answer.violations if v.kind == "temporal"), None)
        if shown is None:
            return Found(answer, violated, frozenset(left) if answer.temporal else frozenset(), difference)
        if not shown.trace:  # TLC was stopped in the middle of it
            return Found(answer, violated, frozenset(), difference)
        new = _violated(spec, model, inst, left, shown)
        difference = difference if new else DISAGREES
        violated |= new
        left = {name: one for name, one in left.items() if new and name not in new}


def _violated(
    spec: Spec, model: Model, inst: Instance, left: Mapping[str, Liveness], shown: Violation
) -> Mapping[str, Violated]:
    """The properties that a run violates; none if it is no fair run of the system."""
    try:
        lasso = lasso_of(spec, model, inst, shown)
    except TlcOutputError:
        return {}
    if not is_fair_run(lasso):
        return {}
    waits = {name: [starved(lasso, response) for response in one.responses] for name, one in left.items()}
    return {name: (lasso, who) for name, each in waits.items() if (who := next(filter(None, each), None))}
