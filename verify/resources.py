"""The files that ship with the package: found in a checkout, an editable install and a wheel alike."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """Return the folder `name`: in a wheel inside the package, in a checkout beside it."""
    shipped = PACKAGE / "_data" / name
    return shipped if shipped.is_dir() else PACKAGE.parent / name


def grammar() -> str:
    """Return the text of the grammar of `.kc`."""
    return (_folder("grammar") / "kc.lark").read_text(encoding="utf-8")


def automaton_path() -> Path:
    """Return the place of the tables of the grammar; they may be absent."""
    return _folder("grammar") / "kc.json"


def skeleton() -> str:
    """Return the text of a new `.kc` file: one of the bundled specs, so it is tested like them."""
    return (specs_root() / "skeleton.kc").read_text(encoding="utf-8")


def specs_root() -> Path:
    """Return the folder of the bundled specs."""
    return _folder("specs")
