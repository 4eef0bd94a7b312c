"""How fast Z3 judges and searches, on the system of `bench/search.py`: `python bench/smt.py 2 3`.

For each number of tasks: the judge on the invariant that view abstraction finds; bounded search to a depth; and the
acceptance of a run of 60 steps. Seconds are of processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from search import invariant, system

from verify.engine.views import find_invariant
from verify.instances import Step, Trace, instance
from verify.ir import FALSE
from verify.semantics import initial_states, successors
from verify.smt import accepts, bmc, judge

Result = TypeVar("Result")
RUN = 60


def timed(what: Callable[[], Result]) -> tuple[Result, float]:
    """Return the result and how long it took."""
    start = time.process_time()
    result = what()
    return result, time.process_time() - start


def run(tasks: int) -> Trace:
    """Some run of 60 steps, in which the threads take turns as far as they can."""
    inst = instance(system(), tasks)
    states = [next(initial_states(inst))]
    steps: list[Step] = []
    for number in range(RUN):
        ways = list(successors(inst, states[-1]))
        step, state = min(ways, key=lambda way: (way[0].thread - number) % tasks)
        steps.append(step)
        states.append(state)
    return Trace(inst, states, steps)


def main() -> None:
    """Measure the instances of the sizes given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--depth", type=int, default=10, help="how far to unroll")
    chosen = parser.parse_args()
    for tasks in chosen.tasks:
        inst = instance(system(), tasks)
        found, seconds = timed(partial(find_invariant, inst, invariant()))
        sys.stdout.write(f"tasks {tasks}  views: {seconds:.2f} s, blocks of {found.shape}\n")
        if found.invariant is not None:
            clauses = found.invariant.clauses
            verdict, seconds = timed(partial(judge, inst, clauses, invariant()))
            sys.stdout.write(
                f"tasks {tasks}  judge: {seconds:.2f} s for {verdict.count} obligations on {len(clauses)} clauses, "
                f"{'all' if verdict.ok else 'not all'} discharged\n"
            )
        shown, seconds = timed(partial(bmc, inst, invariant(), max_steps=chosen.depth))
        sys.stdout.write(f"tasks {tasks}  bmc: {seconds:.2f} s, no violation in {shown.steps} steps\n")
        trace = run(tasks)
        good, seconds = timed(partial(accepts, trace, FALSE))
        sys.stdout.write(f"tasks {tasks}  accepts: {seconds:.2f} s for {RUN} steps: {good}\n")


if __name__ == "__main__":
    main()
