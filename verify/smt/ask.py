"""Ask Z3 or cvc5 whether an SMT-LIB 2 script is satisfiable, each in a process of its own.

This file is also what runs in that process: `ask.py SOLVER` reads a script and prints the version and the answer. It
imports nothing but the solver.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from typing import Literal, NamedTuple, Self

Solver = Literal["z3", "cvc5"]
SOLVERS: tuple[Solver, ...] = ("z3", "cvc5")


class Answer(NamedTuple):
    """What a solver said: `unsat`, `sat`, or why it said neither."""

    solver: Solver
    version: str
    word: str


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

    def ask(self, solver: Solver, script: str, seconds: float) -> Future[Answer]:
        """What the solver will say of a script within some seconds."""
        return self._pool.submit(self._answer, solver, script, seconds)

    def _answer(self, solver: Solver, script: str, seconds: float) -> Answer:
        with self._lock:
            if not self._open:
                return Answer(solver, "", "interrupted")
            process = _start(solver)
            self._running.add(process)
        try:
            out, err = process.communicate(script.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Answer(solver, "", "out of time")
        finally:
            with self._lock:
                self._running.discard(process)
        return _said(solver, process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def _start(solver: Solver) -> subprocess.Popen[bytes]:
    """A process that waits for a script; `-P` keeps it from importing what lies about."""
    command = [sys.executable, "-P", __file__, solver]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 - our own command


def _said(solver: Solver, code: int, out: str, err: str) -> Answer:
    version, _, word = out.strip().partition(" ")
    if code or word not in ("sat", "unsat", "unknown"):
        last = [*err.strip().splitlines(), word or "no answer"][-1 if not err.strip() else -2]
        return Answer(solver, version, f"broke: {last[:200]}")
    return Answer(solver, version, word)


def _z3(script: str) -> str:
    import z3  # noqa: PLC0415 - only one of the two is wanted

    said = z3.Z3_eval_smtlib2_string(z3.main_ctx().ref(), script)
    return f"{z3.get_version_string()} {said.strip()}"


def _cvc5(script: str) -> str:
    import cvc5  # noqa: PLC0415 - the same

    solver = cvc5.Solver()
    solver.setOption("bitblast", "eager")  # all is bits: several times as fast
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "script")
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(str(command.invoke(solver, parser.getSymbolManager())))
    return f"{cvc5.__version__} {''.join(said).strip()}"


if __name__ == "__main__":
    print({"z3": _z3, "cvc5": _cvc5}[sys.argv[1]](sys.stdin.read()))  # noqa: T201 - to the process that started this one
