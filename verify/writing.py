"""Files that are written: all of one at once, or nothing of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Place = Callable[[str, Path], None]  # gives a file that is written its name


def prepare(folder: Path) -> None:
    """Make the folder, if there is none. Raises OSError where nothing can be written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def replace_file(path: Path, text: str) -> None:
    """Write a file at once: who reads it finds all of it, or what was there before."""
    _write(path, text, os.replace)


def create_file(path: Path, text: str) -> None:
    """Write a file at once where there is none. Raises FileExistsError where there is something, if only a link."""
    _write(path, text, os.link)


def _write(path: Path, text: str, place: Place) -> None:
    """Write the text to a file beside the path, and place it there. Raises OSError, and then leaves nothing behind."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        place(name, path)
    finally:
        with suppress(OSError):  # it may have moved
            Path(name).unlink()
