"""Work on many units, in processes of their own where that is safe, each of them for so long and no longer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from verify.workers import Send, can_fork, gather

U = TypeVar("U")
M = TypeVar("M")
GRACE = 3.0  # seconds that a unit may take longer than it was told to


def spread(
    take: Callable[[], U | None], work: Callable[[U], M], *, at_once: int, deadline: float, most: float
) -> Generator[tuple[U, M | None]]:
    """What comes of each unit that `take` gives; None where its process was ended, as one that takes too long is.

    `most` are the seconds for a unit, `deadline` is a value of time.monotonic(). What `work` raises is raised here.
    """
    if at_once > 1 and can_fork():
        yield from _forked(take, work, at_once=at_once, deadline=deadline, most=most)
        return
    while (unit := take()) is not None:
        yield unit, work(unit)


def _forked(
    take: Callable[[], U | None], work: Callable[[U], M], *, at_once: int, deadline: float, most: float
) -> Generator[tuple[U, M | None]]:
    heard = list[tuple[U, M | Exception | None]]()
    answered = set[U]()

    def limited(unit: U, send: Send[tuple[U, M | Exception | None]]) -> None:
        signal.setitimer(signal.ITIMER_REAL, max(0.0, min(most, deadline - time.monotonic())) + GRACE)
        try:
            send((unit, work(unit)))
        except OSError:  # nobody hears
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where there is somebody to tell
            send((unit, error))

    def hear(message: tuple[U, M | Exception | None]) -> None:
        answered.add(message[0])
        heard.append(message)

    def ended(unit: U, _: str) -> None:
        if unit not in answered:
            heard.append((unit, None))

    with closing(gather(take, limited, hear, ended, at_once=at_once)) as messages:
        for _ in messages:
            while heard:
                unit, said = heard.pop(0)
                if isinstance(said, Exception):
                    raise said
                yield unit, said
