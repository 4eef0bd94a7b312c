"""Where the time of a proof for any number of tasks goes, on a bundled spec: `python bench/proofs.py fix`.

For each invariant of the file and each guess of what to know of the system, until one does: the variables known, the
actions of the small system, and the seconds of processor time that it took to make it, to find clauses and to judge
them.
"""

from __future__ import annotations

import argparse
import sys
import time

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.ir import Expr, System
from verify.lower import lower
from verify.lower.claims import balanced, invariant
from verify.lower.small import Passes, small_for_proof
from verify.resources import specs_root
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.syntax import load
from verify.unbounded import guesses


def attempts(name: str, system: System, prop: Expr, budget: float) -> None:
    """Write one line for each guess, until one does."""
    for guess in guesses(system, prop):
        began = time.process_time()
        small = small_for_proof(system, prop, guess, Passes())
        made = time.process_time()
        line = f"{name}  {len(guess.keys)} variables  {len(small.system.actions)} actions  small {made - began:.2f} s"
        told = small.told()
        try:
            clauses = universal_invariant(
                told.system, told.prop, axioms=told.axioms, deadline=time.monotonic() + budget
            )
            found = time.process_time()
            answer = judge_universal(
                told.system, clauses, told.prop, axioms=told.axioms, deadline=time.monotonic() + budget
            )
        except (NoViewsError, EncodingError) as error:
            sys.stdout.write(f"{line}  views {time.process_time() - made:.2f} s: {error}\n")
            continue
        judged = time.process_time()
        verdict = f"{answer.count} obligations" if answer.ok else f"`{answer.failed[0].name}` failed"
        sys.stdout.write(
            f"{line}  views {found - made:.2f} s, {len(clauses)} clauses  judge {judged - found:.2f} s: {verdict}\n"
        )
        if answer.ok:
            return


def main() -> None:
    """Try to prove every invariant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default="fix", help="a bundled spec")
    parser.add_argument("--budget", type=float, default=60, metavar="SECONDS", help="for each step of an attempt")
    chosen = parser.parse_args()
    program = load(specs_root() / f"{chosen.spec}.kc")
    for system in program.systems:
        low = lower(program, system)
        for name in program.invariants:
            attempts(f"{name} in {system}", low.system, invariant(program, low, name), chosen.budget)
        attempts(f"lock_balanced in {system}", low.system, balanced(low.system), chosen.budget)


if __name__ == "__main__":
    main()
