"""Work in forked processes: messages, deaths, interrupts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from verify.workers import can_fork, cores, gather

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # xdist has a thread

Unit = tuple[int, ...]


class Ear:
    """What was heard, and of whose end."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.ends: dict[Unit, str] = {}

    def end(self, unit: Unit, death: str) -> None:
        self.ends[unit] = death

    def gather(
        self, units: list[Unit], work: Callable[[Unit, Callable[[int], None]], None], at_once: int = 2
    ) -> Generator[None]:
        return gather(partial(next, iter(units), None), work, self.heard.append, self.end, at_once=at_once)


def each(unit: Unit, send: Callable[[int], None]) -> None:
    for item in unit:
        send(item)


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_everything_that_is_sent_is_heard(at_once: int) -> None:
    ear = Ear()
    for _ in ear.gather([(1, 2), (3,), (), (4, 5, 6)], each, at_once):
        pass
    assert sorted(ear.heard) == [1, 2, 3, 4, 5, 6]
    assert [item for item in ear.heard if item > 3] == [4, 5, 6]
    assert ear.ends == {(1, 2): "", (3,): "", (): "", (4, 5, 6): ""}


def test_views_of_mappings_can_be_sent() -> None:
    heard: list[object] = []

    def work(_: Unit, send: Callable[[object], None]) -> None:
        send(MappingProxyType({1: 2}))

    for _ in gather(partial(next, iter([(1,)]), None), work, heard.append, lambda *_: None, at_once=1):
        pass
    assert heard == [MappingProxyType({1: 2})]


def test_nothing_to_do_is_done() -> None:
    assert list(Ear().gather([], each)) == []


def test_every_unit_has_a_process_of_its_own() -> None:
    ear = Ear()
    for _ in ear.gather([(1,), (2,), (3,)], lambda _, send: send(os.getpid())):
        pass
    assert len({*ear.heard, os.getpid()}) == 4


def test_a_death_is_told_and_the_others_go_on() -> None:
    def work(unit: Unit, send: Callable[[int], None]) -> None:
        send(unit[0])
        if unit[0] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if unit[0] == 2:
            os._exit(7)
        send(-unit[0])

    ear = Ear()
    for _ in ear.gather([(1,), (2,), (3,)], work):
        pass
    assert ear.ends == {(1,): "SIGKILL", (2,): "exit code 7", (3,): ""}
    assert sorted(ear.heard) == [-3, 1, 2, 3]


def test_a_message_that_breaks_off_is_none(tmp_path: Path) -> None:
    written = tmp_path / "written"

    def work(_: Unit, send: Callable[[int], None]) -> None:
        pipe = send.__self__  # type: ignore[attr-defined] # a bound method
        os.write(pipe.fileno(), (100).to_bytes(4, "big") + b"half")
        written.touch()

    ear = Ear()
    for _ in ear.gather([(1,)], work):
        pass
    assert written.exists()
    assert (ear.heard, ear.ends) == ([], {(1,): ""})


def test_to_close_is_to_kill_but_what_was_sent_is_heard(tmp_path: Path) -> None:
    """The second unit has sent its answer when the iterator is closed over the first."""
    sent, pid = tmp_path / "sent", tmp_path / "pid"

    def work(unit: Unit, send: Callable[[int], None]) -> None:
        if unit == (2,):
            send(2)
            pid.write_text(str(os.getpid()))
            sent.touch()
            signal.pause()
        while not sent.exists():
            pass
        send(1)
        signal.pause()

    ear = Ear()
    messages = ear.gather([(1,), (2,)], work)
    next(messages)
    while not sent.exists():
        pass
    messages.close()
    assert 2 in ear.heard
    assert ear.ends == {}
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_an_interrupt_is_the_parents() -> None:
    """A worker that gets the signal goes on; the parent's comes out of the iterator, and nothing is left."""
    def work(_: Unit, send: Callable[[int], None]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        send(os.getpid())
        os.kill(os.getppid(), signal.SIGINT)
        signal.pause()

    ear = Ear()

    def listen() -> None:
        for _ in ear.gather([(1,)], work):
            pass

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            listen()
    finally:
        signal.signal(signal.SIGINT, before)
    (pid,) = ear.heard
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_threads_forbid_a_fork() -> None:
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(can_fork()))
    thread.start()
    thread.join()
    assert seen == [False]
    assert can_fork()


def test_there_is_a_core() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
