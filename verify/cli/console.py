"""Output: styled lines on a terminal or a pipe, JSON, and what a failure says. Nothing else prints."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from verify.report.meter import width

if TYPE_CHECKING:
    import typer

    from verify.report.result import ClaimResult, FileResult
    from verify.report.run import Styled

BAD_INPUT, UNKNOWN, NO_TOOL, INTERNAL, INTERRUPTED = 2, 3, 4, 70, 130
REPORT = "please report it with the file, the command line and the output of the same with VERIFY_DEBUG=1"

# ---- output --------------------------------------------------------------------------------------

Show = Callable[[Iterable["Styled"]], None]


def show_claim(show: Show, result: ClaimResult, names: Sequence[str], *, chosen: bool) -> None:
    """Print a claim and what was found."""
    from verify.report.text import claim_lines, name_width  # noqa: PLC0415 - `--help` must be quick

    columns = width()
    show(claim_lines(result, columns, name_width(names, columns), chosen=chosen))


def show_rest(show: Show, result: FileResult, done: int, *, chosen: bool) -> None:
    """Print what comes after the claims: errors, or those an interrupt left over and the count."""
    from verify.report.text import error_lines, included, summary  # noqa: PLC0415 - `--help` must be quick

    if result.errors:
        printer(sys.stderr)(error_lines(result.errors))
        return
    for claim in result.claims[done:]:
        show_claim(show, claim, [c.name for c in result.claims], chosen=chosen)
    show([summary(result), *included(result, width())])


def write_json(result: FileResult) -> None:
    """Print an answer as one JSON object."""
    from verify.report.json_object import text  # noqa: PLC0415 - `--help` must be quick

    sys.stdout.buffer.write(f"{text(result)}\n".encode())
    sys.stdout.flush()


def printer(stream: TextIO | None = None) -> Show:
    """How to print styled lines: in colour on a terminal, else as plain text, in ASCII where it must be."""
    out = stream or sys.stdout
    environment = os.environ
    wanted = out.isatty() or bool(environment.get("FORCE_COLOR"))
    if wanted and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb":
        return _coloured(out)
    return lambda lines: _plain(out, lines)


def _coloured(out: TextIO) -> Show:
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.text import Text  # noqa: PLC0415 - the same

    console = Console(file=out, force_terminal=True, width=10_000, highlight=False, markup=False, emoji=False)

    def show(lines: Iterable[Styled]) -> None:
        for line in lines:
            text = Text.assemble(*(_spelled(out, words, style) for words, style in line))
            text.rstrip()
            console.print(text, soft_wrap=True)
        out.flush()

    return show


def _plain(out: TextIO, lines: Iterable[Styled]) -> None:
    out.writelines("".join(_spelled(out, words)[0] for words, _ in line).rstrip() + "\n" for line in lines)
    out.flush()


def _spelled(out: TextIO, words: str, style: str = "") -> tuple[str, str]:
    from verify.report.text import PLAIN  # noqa: PLC0415 - `--help` must be quick

    encoding = out.encoding or "ascii"
    try:
        words.encode(encoding)
    except UnicodeEncodeError:
        words = words.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return words, style


def drop_stdout() -> None:
    """Let nothing more go to a pipe that nobody reads; the interpreter would complain of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---- failures ------------------------------------------------------------------------------------


def usage_error(error: typer.TyperException, *, as_json: bool) -> int:
    """Say what is wrong with the command line."""
    message = error.format_message()
    if as_json:
        write_json(_failure("KC900", message, "try `verify --help`"))
    else:
        sys.stderr.write(f"verify: {message}\nTry `verify --help`.\n")
    return BAD_INPUT


def internal_error(error: Exception, *, as_json: bool) -> int:
    """Say what broke and how to report it; a missing dependency is a broken installation, not a bug."""
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("verify"):
        code, what, hint = NO_TOOL, f"the package `{error.name}` is missing", "install kcverify again"
    else:
        code, what = INTERNAL, f"internal error: {type(error).__name__}: {error}"
        hint = REPORT
    sys.stderr.write(f"verify: {what}\n{hint}\n")
    if os.environ.get("VERIFY_DEBUG"):
        traceback.print_exception(error)
    if as_json:
        write_json(_failure("KC970", what, hint))
    return code


def unwritten(error: OSError) -> int:
    """Say why nothing more can be written: what is not told counts as not known."""
    drop_stdout()
    sys.stderr.write(f"verify: the answer cannot be written: {error.strerror}\n")
    return UNKNOWN


def show_faults(result: FileResult) -> None:
    """Say what broke while claims were judged, and how to report it."""
    broken = [claim for claim in result.claims if claim.fault]
    if broken:
        sys.stderr.write(f"verify: {broken[0].reason}\n{REPORT}\n")
    if os.environ.get("VERIFY_DEBUG"):
        sys.stderr.writelines(claim.fault for claim in broken)


def _failure(code: str, message: str, hint: str) -> FileResult:
    """Make the answer to a command that came to nothing."""
    from verify.api import versions  # noqa: PLC0415 - `--help` must be quick
    from verify.diagnostics import Diagnostic  # noqa: PLC0415 - the same
    from verify.report.result import FileResult  # noqa: PLC0415 - the same
    from verify.source import NOWHERE  # noqa: PLC0415 - the same

    return FileResult("", versions(), errors=(Diagnostic(code, message, NOWHERE, hint=hint),))
