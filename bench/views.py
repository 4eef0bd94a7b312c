"""How fast invariants are found and judged, on a bundled spec: `python bench/views.py core 2 3`.

For each invariant of the file, built-in ones too, and each number of tasks: the system sliced and reduced for the
invariant; the shape of the blocks that were enough and the variables that were tracked. Seconds are of processor time.
"""

from __future__ import annotations

import argparse
import sys
import time

from verify.engine.views import find_invariant
from verify.instances import instance, least_tasks
from verify.lower import lower
from verify.lower.claims import BUILT_IN, invariant
from verify.lower.reduce import reduce
from verify.lower.registers import share_locals
from verify.lower.slice import slice_for
from verify.resources import specs_root
from verify.smt import judge
from verify.syntax import load


def main() -> None:
    """Find and judge, and write one line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default="core", help="a bundled spec")
    parser.add_argument("tasks", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--budget", type=float, default=60, metavar="SECONDS", help="for each invariant")
    chosen = parser.parse_args()
    program = load(specs_root() / f"{chosen.spec}.kc")
    for name in program.systems:
        lowered = lower(program, name)
        for claim in [*program.invariants, *BUILT_IN]:
            prop = invariant(program, lowered, claim)
            small = share_locals(slice_for(reduce(slice_for(lowered.system, prop), prop), prop))
            for tasks in chosen.tasks:
                if tasks < least_tasks(small):
                    continue
                inst = instance(small, tasks)
                start = time.process_time()
                found = find_invariant(inst, prop, deadline=time.monotonic() + chosen.budget)
                spent = time.process_time() - start
                line = f"{claim}  tasks {tasks}  {len(small.actions)} actions  {spent:.2f} s: "
                if found.invariant is None:
                    sys.stdout.write(f"{line}none, {found.reason} ({found.shape})\n")
                    continue
                start = time.process_time()
                verdict = judge(inst, found.invariant.clauses, prop, deadline=time.monotonic() + chosen.budget)
                spent = time.process_time() - start
                tracked = f"{found.figures['variables']} variables in {found.figures['attempts']} attempts"
                sys.stdout.write(
                    f"{line}{found.shape}, {tracked}; "
                    f"judged in {spent:.2f} s, {'all' if verdict.ok else 'not all'} of {verdict.count} discharged\n"
                )


if __name__ == "__main__":
    main()
