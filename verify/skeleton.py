"""A file to start from: a small system whose claims hold, with a comment where one may wonder."""

from __future__ import annotations

from pathlib import Path

from verify.diagnostics import Diagnostic, InputError
from verify.resources import skeleton
from verify.source import Source, Span
from verify.writing import create_file

SUFFIX = ".kc"


def write_skeleton(name: str) -> Path:
    """Write the skeleton to a file of that name, and return where it is.

    `name` may be without its suffix, and a path into a folder that there is. Raises InputError where something of that
    name is there, or nothing can be written; ValueError, with what is wrong, for what is no name of a file.
    """
    path = _path(name)
    try:
        create_file(path, skeleton())
    except FileExistsError as error:
        hint = "give another name; nothing was written"
        raise InputError([_problem(path, f"there is already a `{path}`", hint)]) from error
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise InputError([_problem(path, f"`{path}` cannot be written: {reason}", "")]) from error
    return path


def _path(name: str) -> Path:
    """The file that is meant. What a shell, a terminal or `verify` itself would read as something else is none."""
    last = name.rpartition("/")[2].removesuffix(SUFFIX)
    if not name.isprintable():
        raise ValueError(f"a name of printable characters is wanted, not {name!a}")
    if last.strip(". ") == "" or last.startswith("-"):
        raise ValueError(f"a name for a file is wanted, not `{name}`")
    return Path(name if name.endswith(SUFFIX) else f"{name}{SUFFIX}")


def _problem(path: Path, message: str, hint: str) -> Diagnostic:
    return Diagnostic("KC906", message, Span(Source(str(path), ""), 0, 0), hint=hint)
