"""Files that are written: all of one at once, or nothing of it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def prepare(folder: Path) -> None:
    """Make the folder, if there is none. Raises OSError where nothing can be written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def replace_file(path: Path, text: str) -> None:
    """Write a file at once: who reads it finds all of it, or what was there before."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        os.replace(name, path)  # noqa: PTH105 - said so
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
