"""Ask Z3 or cvc5 whether SMT-LIB 2 scripts are satisfiable, in a process that does nothing else.

This file is also what runs in that process: `ask.py SOLVER` reads a JSON list of scripts and prints the solver's
version and an answer for each, up to the first that is not `unsat`: a word, and behind it on the same line the values
that the script asks for. It imports nothing but the solver.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from itertools import takewhile
from typing import Literal, NamedTuple, Self

Solver = Literal["z3", "cvc5"]
SOLVERS: tuple[Solver, ...] = ("z3", "cvc5")
WORDS = frozenset({"sat", "unsat", "unknown"})


class Answer(NamedTuple):
    """What a solver said of some scripts: `unsat`, `sat`, or why neither; nothing after the first not `unsat`.

    Where a script asks for values, they stand behind the `sat`.
    """

    solver: Solver
    version: str
    words: Sequence[str]


def is_installed(solver: Solver) -> bool:
    """Whether a solver can be asked."""
    return find_spec(solver) is not None


class Bench:
    """Solvers at work, each script in a fresh process; to leave it ends those that still run."""

    def __init__(self, at_once: int) -> None:
        """Have at most so many processes at a time."""
        self._pool = ThreadPoolExecutor(at_once)
        self._lock = threading.Lock()
        self._running = set[subprocess.Popen[bytes]]()
        self._open = True

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs."""
        with self._lock:
            self._open = False
            for process in self._running:
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def ask(self, solver: Solver, scripts: Sequence[str], seconds: float) -> Future[Answer]:
        """What the solver will say of scripts within some seconds for all of them."""
        return self._pool.submit(self._answer, solver, scripts, seconds)

    def _answer(self, solver: Solver, scripts: Sequence[str], seconds: float) -> Answer:
        with self._lock:
            if not self._open:
                return Answer(solver, "", ["interrupted"])
            process = _start(solver)
            self._running.add(process)
        late, out, err = False, b"", b""
        with suppress(BrokenPipeError), process:  # the pipe to one that was killed
            try:
                out, err = process.communicate(json.dumps(scripts).encode(), timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                late = True
            finally:
                with self._lock:
                    self._running.discard(process)
        version, *lines = out.decode(errors="replace").splitlines() or [""]
        words = list(takewhile(lambda line: line.partition(" ")[0] in WORDS, lines))
        if len(words) < len(scripts) and words[-1:] in ([], ["unsat"]):
            said = [*err.decode(errors="replace").strip().splitlines()[-1:], *lines[len(words) :], "no answer"]
            words.append("out of time" if late else f"broke: {said[0][:200]}")
        return Answer(solver, version, words)


def _start(solver: Solver) -> subprocess.Popen[bytes]:
    """A process that waits for scripts; `-P` keeps it from importing what lies about."""
    command = [sys.executable, "-P", __file__, solver]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 - our own command


# ---- in the process of a solver ------------------------------------------------------------------


def _z3(scripts: Sequence[str]) -> Iterator[str]:
    import z3  # noqa: PLC0415 - only one of the two is wanted

    yield z3.get_version_string()
    for script in scripts:
        context = z3.Context()
        yield " ".join(z3.Z3_eval_smtlib2_string(context.ref(), script).split())


def _cvc5(scripts: Sequence[str]) -> Iterator[str]:
    import cvc5  # noqa: PLC0415 - the same

    yield cvc5.__version__
    for script in scripts:
        solver = cvc5.Solver()
        solver.setOption("incremental", "false")
        solver.setOption("bitblast", "eager")  # all is bits and functions of them: several times as fast
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "script")
        said = []
        while not (command := parser.nextCommand()).isNull():
            said.append(str(command.invoke(solver, parser.getSymbolManager())))
        yield " ".join("".join(said).split())


def main(solver: str) -> None:
    """Answer the scripts on the input."""
    for number, word in enumerate({"z3": _z3, "cvc5": _cvc5}[solver](json.load(sys.stdin))):
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()
        if number and word != "unsat":
            break


if __name__ == "__main__":
    main(sys.argv[1])
