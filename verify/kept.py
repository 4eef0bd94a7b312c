"""Answers kept from one run to the next, each under a key that tells all that it depends on.

What is kept was judged when it was found, by the same version of every module here and of Z3: their text is part of the
key. Whoever can write to the folder can put answers there; it is made for its owner alone.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from verify.resources import grammar
from verify.writing import replace_file

FOLDER = "kcverify"
MOST_BYTES = 32 << 20  # of one answer


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of answers; `made` is told of all that makes them."""

    folder: Path
    made: str

    def key(self, *parts: str) -> str:
        """The key of an answer that depends on these texts."""
        return sha256("\0".join((self.made, *parts)).encode()).hexdigest()

    def find(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON has
        """The answer that was kept under a key; None if there is none, or it is not as it was written."""
        path = self._path(key)
        try:
            if path.stat().st_size > MOST_BYTES:
                return None
            seal, _, text = path.read_text(encoding="utf-8").partition("\n")
            return json.loads(text) if seal == _seal(key, text) else None
        except (OSError, ValueError, RecursionError):
            return None

    def keep(self, key: str, answer: object) -> None:
        """Write an answer, where that can be done; to have none is no error."""
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = json.dumps(answer)
            replace_file(path, f"{_seal(key, text)}\n{text}")
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def kept_answers(environment: Mapping[str, str]) -> Kept:
    """The folder of this user: in `XDG_CACHE_HOME`, else in `.cache` at home."""
    base = environment.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith(os.sep) else Path.home() / ".cache"
    return Kept(root / FOLDER, _made())


def _seal(key: str, text: str) -> str:
    return sha256(f"{key}\0{text}".encode()).hexdigest()


def _made() -> str:
    """What an answer depends on besides the question."""
    package = Path(__file__).parent
    texts = sha256()
    for path in sorted(package.rglob("*.py")):
        texts.update(path.read_bytes())
    texts.update(grammar().encode())
    return f"{texts.hexdigest()} z3 {version('z3-solver')} python {platform.python_version()}"
