"""How long whole commands take, from start to exit: `python bench/command.py 5`.

For each command the least, the middle and the most of some runs, in seconds on the clock and of processor time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

COMMANDS = (("--help",), ("prove", "core.kc"), ("prove", "fix.kc"), ("prove", "ptrace/v0.kc"))


def run(words: tuple[str, ...]) -> tuple[float, float]:
    """The seconds of one run: on the clock, and of the processors."""
    began, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "verify", *words]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - our own
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, spent


def main() -> None:
    """Run every command some times, 3 unless told, after once to warm up."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for words in COMMANDS:
        run(words)
        clock, processors = zip(*(run(words) for _ in range(runs)), strict=True)
        said = (f"{min(s):.2f} {statistics.median(s):.2f} {max(s):.2f}" for s in (clock, processors))
        sys.stdout.write(f"verify {' '.join(words)}  clock {next(said)}  processors {next(said)}\n")


if __name__ == "__main__":
    main()
