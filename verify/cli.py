"""The command `verify`: parse, call `api`, print, exit with the code of the answer. Nothing else prints."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from verify.report.meter import Meter, width

if TYPE_CHECKING:
    from verify.api import Selection
    from verify.report.checked import Checked
    from verify.report.result import ClaimResult, FileResult
    from verify.report.run import Styled

BAD_INPUT, UNKNOWN, NO_TOOL, INTERNAL, INTERRUPTED = 2, 3, 4, 70, 130
REPORT = "please report it with the file, the command line and the output of the same with VERIFY_DEBUG=1"
INSTALL = "try `pip install 'kcverify[check]'`, or `pip install cvc5==1.4.2`"
NURSERY = 10_000  # new objects until garbage is looked for: a system is millions of small ones, hardly any in circles
EPILOG = (
    "Exit codes: 0 every claim holds, 1 some claim fails, 2 usage, syntax or type error, 3 something is unknown, "
    "4 a needed tool is absent, 70 internal error, 130 interrupted."
)

CHECK_EPILOG = (
    "Exit codes: 0 every certificate is accepted, 1 some is rejected, 2 some is none or cannot be read, "
    "4 cvc5 is not installed, 70 internal error, 130 interrupted."
)

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# ---- the command line ----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in args
    try:
        code = app(args=args, prog_name="verify", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            sys.stderr.write("verify: interrupted\n")
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        return _usage_error(error, as_json=as_json)
    except BrokenPipeError:
        _drop_stdout()
        return UNKNOWN
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a message and a code
        return _internal_error(error, as_json=as_json)


@app.callback(invoke_without_command=True, epilog=EPILOG)
def verify(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the versions of the tool and the solver.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Prove or refute locking and security patches written in .kc."""
    from verify.api import versions  # noqa: PLC0415 - `--help` must be quick

    if version:
        found = versions()
        sys.stdout.write(f"verify {found['verify']} (z3 {found['z3']}, Python {found['python']})\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.BadParameter("a command is missing: try `verify prove FILE.kc`, or `verify --help`")
    return 0


@app.command(epilog=EPILOG)
def prove(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    claim: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Check only this claim; repeatable.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="GUARD", help="Remove a guard; repeatable.")] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="Check only claims about this system.")] = None,
    tasks: Annotated[str, typer.Option(metavar="any|N", help="How many tasks there are.")] = "any",
    engine: Annotated[
        Literal["auto", "bfs", "views", "chc", "bmc"], typer.Option(help="Which engine looks for the answer.")
    ] = "auto",
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for each claim.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
    explain: Annotated[bool, typer.Option("--explain", help="Say why, of proofs for any number of tasks.")] = False,  # noqa: FBT002 - a flag
    no_reduce: Annotated[bool, typer.Option("--no-reduce", help="Keep every step apart.")] = False,  # noqa: FBT002 - a flag
    no_slice: Annotated[bool, typer.Option("--no-slice", help="Keep what the claim does not depend on.")] = False,  # noqa: FBT002 - a flag
    certificates: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write what proves claims for any number of tasks to DIR.")
    ] = None,
) -> int:
    """Check the claims of FILE.kc: prove them, or refute them with the shortest run."""
    gc.set_threshold(NURSERY)
    from verify.api import Options, check_file, cores, exit_code  # noqa: PLC0415 - `--help` must be quick

    options = Options(
        tuple(claim or ()), tuple(without or ()), _definitions(define or ()), system, _tasks(tasks), engine, budget,
        not no_reduce, not no_slice, certificates, explain,
    )
    meter = Meter(sys.stderr)
    if as_json:
        result = check_file(file, options, hear=meter, at_once=cores())
        meter.clear()
        _write_json(result)
        _show_faults(result)
        return exit_code(result)
    show = _printer()
    done: list[ClaimResult] = []

    def each(result: ClaimResult, selection: Selection) -> None:
        meter.clear()
        _show_claim(show, result, [c.name for c in selection.claims], chosen=bool(options.claims))
        done.append(result)

    try:
        result = check_file(file, options, hear=meter, each=each, at_once=cores())
        meter.clear()
        _show_rest(show, result, len(done), chosen=bool(options.claims))
    except BrokenPipeError:
        _drop_stdout()
        return 1 if any(claim.holds is False for claim in done) else UNKNOWN
    _show_faults(result)
    return exit_code(result)


@app.command(epilog=CHECK_EPILOG)
def check(
    certificate: Annotated[list[str], typer.Argument(metavar="CERTIFICATE...", help="Files that `prove` wrote.")],
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time of a solver for each proof.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Check certificates again, from their text and their sources, with Z3 and cvc5."""
    gc.set_threshold(NURSERY)
    from verify.api import check_certificates, cores, has_second_solver  # noqa: PLC0415 - `--help` must be quick
    from verify.report.checked import checked_lines, checked_text, exit_code, trusted_lines  # noqa: PLC0415 - the same

    if not has_second_solver():
        sys.stderr.write(f"verify: cvc5 is not installed\n{INSTALL}\n")
        return NO_TOOL
    show = _printer()

    def each(result: Checked) -> None:
        if not as_json:
            show(checked_lines(result, width()))

    try:
        results = check_certificates(certificate, seconds=budget, each=each, at_once=cores())
    except KeyboardInterrupt:
        return INTERRUPTED
    if as_json:
        sys.stdout.buffer.write(f"{checked_text(results)}\n".encode())
    elif any(result.verdict == "accepted" for result in results):
        show(trusted_lines(width()))
    return exit_code(results)


def _tasks(said: str) -> int | None:
    """The number of tasks; None for any. Raises typer.BadParameter."""
    from verify.api import tasks_from  # noqa: PLC0415 - `--help` must be quick

    try:
        return tasks_from(said)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tasks") from None


def _definitions(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    return {name: value if equals else "1" for name, equals, value in pairs}


# ---- output --------------------------------------------------------------------------------------

Show = Callable[[Iterable["Styled"]], None]


def _show_claim(show: Show, result: ClaimResult, names: Sequence[str], *, chosen: bool) -> None:
    from verify.report.text import claim_lines, name_width  # noqa: PLC0415 - `--help` must be quick

    columns = width()
    show(claim_lines(result, columns, name_width(names, columns), chosen=chosen))


def _show_rest(show: Show, result: FileResult, done: int, *, chosen: bool) -> None:
    """Print what comes after the claims: errors, or those an interrupt left over and the count."""
    from verify.report.text import error_lines, summary  # noqa: PLC0415 - `--help` must be quick

    if result.errors:
        _printer(sys.stderr)(error_lines(result.errors))
        return
    for claim in result.claims[done:]:
        _show_claim(show, claim, [c.name for c in result.claims], chosen=chosen)
    show([summary(result)])


def _write_json(result: FileResult) -> None:
    from verify.report.json_object import text  # noqa: PLC0415 - `--help` must be quick

    sys.stdout.buffer.write(f"{text(result)}\n".encode())
    sys.stdout.flush()


def _printer(stream: TextIO | None = None) -> Show:
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


def _drop_stdout() -> None:
    """Let nothing more go to a pipe that nobody reads; the interpreter would complain of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---- failures ------------------------------------------------------------------------------------


def _usage_error(error: typer.TyperException, *, as_json: bool) -> int:
    message = error.format_message()
    if as_json:
        _write_json(_failure("KC900", message, "try `verify --help`"))
    else:
        sys.stderr.write(f"verify: {message}\nTry `verify --help`.\n")
    return BAD_INPUT


def _internal_error(error: Exception, *, as_json: bool) -> int:
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
        _write_json(_failure("KC970", what, hint))
    return code


def _show_faults(result: FileResult) -> None:
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
