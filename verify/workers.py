"""Units of work in forked processes: a process for each unit, as many at a time as there are cores.

A fork sees everything that the parent had loaded, so that only answers have to be sent. Nothing passes from one unit to
the next, whatever the order in which they are done, and a process that dies takes no other unit with it.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pickle import UnpicklingError
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess  # where there is none, there is no fork either

U = TypeVar("U")  # a unit
M = TypeVar("M")  # a message about it
Send = Callable[[M], None]


@dataclass(frozen=True, slots=True)
class Worker(Generic[U]):
    """A process and the unit that it is at."""

    unit: U
    process: ForkProcess


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether a fork is safe: a thread that holds a lock now would never release it in the fork."""
    return hasattr(os, "fork") and threading.active_count() == 1


def gather(
    take: Callable[[], U | None],
    work: Callable[[U, Send[M]], None],
    hear: Callable[[M], None],
    ended: Callable[[U, str], None],
    *,
    at_once: int,
) -> Generator[None]:
    """Let `hear` have whatever `work` sends about each unit that `take` gives; yields after every message.

    `take` is asked whenever a process may begin, and has none when all are given. `ended` hears of every process that
    is over, and what killed it, if anything did. To close the iterator, as an interrupt does, kills the processes that
    are left, after which `hear` still gets what they had sent.
    """
    context = get_context("fork")
    at_work: dict[Connection[M, M], Worker[U]] = {}
    lifeline, held = os.pipe()

    def start(unit: U) -> None:
        gc.freeze()  # to look for garbage in what was there before a fork is to copy it
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_worker, args=(work, unit, there, lifeline, held), daemon=True)
        process.start()
        there.close()  # now only the worker can write, so that its death ends the pipe
        at_work[here] = Worker(unit, process)

    try:
        while True:
            while len(at_work) < at_once and (unit := take()) is not None:
                with _undisturbed():
                    start(unit)
            if not at_work:
                return
            for pipe in wait(list(at_work)):
                assert isinstance(pipe, Connection)  # noqa: S101 - nothing else was given
                with _undisturbed():
                    if not _heard(pipe, hear):
                        worker = at_work.pop(pipe)
                        worker.process.join()
                        ended(worker.unit, _death(worker.process.exitcode))
                yield
    finally:
        with _undisturbed():
            for worker in at_work.values():
                worker.process.kill()
            for pipe, worker in at_work.items():
                while _heard(pipe, hear):
                    pass
                worker.process.join()
            os.close(lifeline)
            os.close(held)
            gc.unfreeze()


def _heard(pipe: Connection[M, M], hear: Callable[[M], None]) -> bool:
    """Pass one message on; false at the end of the pipe, which may come in the midst of a message."""
    try:
        message = pipe.recv()
    except (EOFError, OSError, UnpicklingError):
        pipe.close()
        return False
    hear(message)
    return True


def _death(code: int | None) -> str:
    """What ended a process, in words; nothing if it came to its end."""
    if not code:
        return ""
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


def _view(mapping: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(mapping)


ForkingPickler.register(MappingProxyType, lambda view: (_view, (dict(view),)))  # it has no name to be sent by


# ---- in the worker -------------------------------------------------------------------------------


def _worker(work: Callable[[U, Send[M]], None], unit: U, pipe: Connection[M, M], lifeline: int, held: int) -> None:
    """Do one unit. It is the parent's to be interrupted; it kills its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.close(held)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    with suppress(BrokenPipeError):  # the parent is gone
        work(unit, pipe.send)


def _die_with_parent(lifeline: int) -> None:
    """Wait for the end of a pipe that only the parent can write to, and never does."""
    os.read(lifeline, 1)
    os._exit(1)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep an interrupt until afterwards: it would leave half a message in a pipe, or a process that nobody knows."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
