"""Reading files: text only, of bounded size, and included files only from folders that may be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from verify.diagnostics import Diagnostic, InputError
from verify.source import Source, Span
from verify.syntax.limits import MAX_BYTES, Budget


def read(path: Path, name: str, budget: Budget, at: Span | None = None) -> Source:
    """Read the file at `path` as the source called `name`.

    `at` is the place that asks for the file; without one, errors point at the start of the file itself. Raises
    InputError if the file is no regular file, cannot be read, is too large, or is not UTF-8 text.
    """
    top = at or Span(Source(name, ""), 0, 0)
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise InputError([Diagnostic("KC001", f"`{shown(name)}` {what}", top)])
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "bad name"
        raise InputError([Diagnostic("KC001", f"`{shown(name)}` cannot be read: {reason.lower()}", top)]) from error
    budget.read_bytes(len(data), top)
    return Source(name, _decode(data, name))


def checked(text: str, name: str, budget: Budget) -> Source:
    """Make a source of text that comes from elsewhere; raises InputError as `read` does."""
    budget.read_bytes(len(text), Span(Source(name, ""), 0, 0))
    _refuse_nul(text, name)
    return Source(name, text)


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = Source(name, data[: error.start].decode("utf-8"))
        message = f"`{shown(name)}` is not UTF-8 text: byte 0x{data[error.start]:02X}"
        raise InputError([Diagnostic("KC002", message, _end(before), hint="save the file as UTF-8")]) from error
    _refuse_nul(text, name)
    return text


def _refuse_nul(text: str, name: str) -> None:
    if "\0" in text:
        before = Source(name, text[: text.index("\0")])
        raise InputError([Diagnostic("KC002", f"`{shown(name)}` is not text: it holds a NUL byte", _end(before))])


def _end(source: Source) -> Span:
    return Span(source, len(source.text), len(source.text))


def shown(text: str) -> str:
    """Return `text` with what a terminal cannot show replaced."""
    return "".join(c if c.isprintable() else "?" for c in text)


def find(wanted: str, folder: Path | None, roots: Sequence[Path], at: Span) -> Path:
    """Return the real path of the included file `wanted`.

    It is looked up in `folder`, that of the including file, then in `roots`, and must lie in one of them or below,
    whatever `..` or symbolic links say. Raises InputError at `at` otherwise.
    """
    if Path(wanted).is_absolute():
        raise _absent(f"`{shown(wanted)}` is an absolute path", at)
    places = [p for p in (folder, *roots) if p is not None]
    allowed = [place.resolve() for place in places]
    outside = False
    for place in allowed:
        try:
            real = (place / wanted).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            continue  # absent, a loop of links, or no name at all
        if any(real.is_relative_to(root) for root in allowed):
            return real
        outside = True
    if outside:
        raise _absent(f"`{shown(wanted)}` lies outside the folders that may be read", at)
    raise _absent(f"no file `{shown(wanted)}`", at)


def _absent(message: str, at: Span) -> InputError:
    hint = "an included file lies in the folder of the including file or below, or is a bundled spec"
    return InputError([Diagnostic("KC021", message, at, hint=hint)])
