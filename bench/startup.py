"""Whether small systems are searched before a JVM is up: `python bench/startup.py 5`.

For each system of the bundled textbook specs and the core that has fewer states than 10^5 with the tasks that an export
has: the seconds to search all of them in this process, without symmetry, and the wall-clock seconds of the command
`verify prove --engine bfs` as a whole; then how these compare with a bare `java -version` and with TLC on a module of
one state. The middle of some runs each. Without Java or TLC there is nothing to compare, and that is all it says.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.engine.search import Search, search
from verify.exporting.subject import TASKS
from verify.instances import Instance, exact_tasks, instance, least_tasks
from verify.lower import lower
from verify.resources import specs_root
from verify.syntax import load
from verify.tlc.errors import ToolError
from verify.tlc.find import Tools, find
from verify.tlc.run import Job, Limits, run

MOST_STATES = 100_000
RUNS = 3
SPECS = ("classics/*.kc", "core.kc")
MODULE = "---- MODULE One ----\nVARIABLE x\nInit == x = TRUE\nNext == UNCHANGED x\n====\n"
CONFIG = "INIT Init\nNEXT Next\n"


def systems() -> Iterator[tuple[str, str, Instance]]:
    """The file, the system and the instance of each system."""
    root = specs_root()
    for path in (path for pattern in SPECS for path in sorted(root.glob(pattern))):
        program = load(path)
        for name in program.systems:
            system = lower(program, name).system
            tasks = exact_tasks(system) or max(TASKS, least_tasks(system))
            yield path.relative_to(root).as_posix(), name, instance(system, tasks)


def middle(action: Callable[[], object], runs: int) -> float:
    """The middle of the wall-clock seconds that some runs take."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def searched(inst: Instance) -> Search:
    """All states, as far as they are few."""
    return search(inst, None, symmetry=False, max_states=MOST_STATES)


def quietly(command: Sequence[str]) -> None:
    """Run a command to its end, whatever it answers."""
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - our own


def prove(file: str, system: str, tasks: int) -> None:
    """Decide the claims about a system by search."""
    options = ["--engine", "bfs", "--tasks", str(tasks), "--system", system]
    quietly([sys.executable, "-m", "verify", "prove", file, *options])


def startup(tools: Tools, runs: int) -> tuple[float, float]:
    """The seconds of a bare Java, and of TLC on a module of one state."""
    with TemporaryDirectory() as folder:
        Path(folder, "One.tla").write_text(MODULE, encoding="ascii")
        Path(folder, "One.cfg").write_text(CONFIG, encoding="ascii")
        job = Job(Path(folder), "One", "One.cfg")
        if not run(tools, job, Limits(60.0)).complete:
            raise ToolError("TLC does not examine a module of one state", "try another TLC")
        java = middle(lambda: quietly([str(tools.java), "-version"]), runs)
        return java, middle(lambda: run(tools, job, Limits(60.0)), runs)


def main() -> None:
    """Measure and write one line for each system, then the ends of each column."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    try:
        java, tlc = startup(find(os.environ), runs)
    except ToolError as error:
        sys.stdout.write(f"nothing to compare with: {error}\n")
        return
    sys.stdout.write(f"java -version {java:.3f} s, TLC on one state {tlc:.3f} s; middle of {runs} runs\n")
    heads = ("file", "system", "tasks", "states", "search s", "prove s", "search/java", "search/TLC", "prove/TLC")
    sys.stdout.write("{:36} {:7} {:>5} {:>7} {:>9} {:>8} {:>11} {:>10} {:>9}\n".format(*heads))
    slower = {"java -version": 0, "TLC": 0}
    count = 0
    for file, system, inst in systems():
        found = searched(inst)
        if not found.complete:
            continue
        here = middle(lambda inst=inst: searched(inst), runs)  # type: ignore[misc] # of this round
        whole = middle(lambda f=file, s=system, n=inst.tasks: prove(f, s, n), runs)  # type: ignore[misc] # the same
        count += 1
        slower["java -version"] += here >= java
        slower["TLC"] += here >= tlc
        sys.stdout.write(
            f"{file:36} {system:7} {inst.tasks:5} {found.states:7,} {here:9.4f} {whole:8.2f} {here / java:11.2f} "
            f"{here / tlc:10.3f} {whole / tlc:9.2f}\n"
        )
        sys.stdout.flush()
    said = ", ".join(f"{number} not before {tool}" for tool, number in slower.items())
    sys.stdout.write(f"{count} systems of fewer than {MOST_STATES:,} states; searched: {said}\n")


if __name__ == "__main__":
    main()
