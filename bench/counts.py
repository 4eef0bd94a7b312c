"""Whether TLC counts what the manifest says, for every spec and size: `python bench/counts.py 1000000`.

Of each outcome in `specs/manifest.toml` that has no more states than that, 10^5 if nothing is said: the wall-clock
seconds of the search here and of TLC, with the states, and whether TLC finds the same number of states and of initial
states, the same depth and, for the claims, runs of the same lengths. Exit code 1 if it does not.
Without Java or TLC it says so, and of a system that cannot be said in TLA+ for TLC, why.
"""

from __future__ import annotations

import sys
import time
import tomllib

from verify.api import Options, ToolError, tlc_file
from verify.engine.search import search
from verify.exporting.subject import subject
from verify.resources import specs_root
from verify.selecting import select

MOST_STATES = 100_000
SECONDS = 1800.0


def main(arguments: list[str]) -> int:
    """Print a line for each outcome."""
    most = int(arguments[0]) if arguments else MOST_STATES
    wrong = 0
    for one in tomllib.loads((specs_root() / "manifest.toml").read_text())["outcome"]:
        if one["states"] > most:
            continue
        options = Options(system=one["system"], tasks=one["tasks"], budget=SECONDS)
        began = time.perf_counter()
        search(subject(select(one["spec"], options), options, "").instance, None, symmetry=False)
        ours = time.perf_counter() - began
        began = time.perf_counter()
        try:
            result = tlc_file(one["spec"], options)
        except ToolError as error:
            sys.stdout.write(f"{error.message}: nothing to compare\n")
            return 0
        theirs = time.perf_counter() - began
        name = f"{one['spec']} {one['system']}"
        if result.errors:
            sys.stdout.write(f"{name:50} {one['tasks']} tasks   nothing to compare: {result.errors[0].message}\n")
            continue
        found = result.theirs
        same = found is not None and (found.states, found.initial, found.depth) == tuple(
            one[key] for key in ("states", "initial", "depth")
        )
        agrees = same and not result.differences
        wrong += not agrees
        sys.stdout.write(
            f"{name:50} {one['tasks']} tasks {one['states']:>8,} states   here {ours:7.2f} s   TLC {theirs:7.2f} s"
            f"   {'agrees' if agrees else f'DIFFERS: {result.theirs} {result.differences} {result.reason}'}\n"
        )
        sys.stdout.flush()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
