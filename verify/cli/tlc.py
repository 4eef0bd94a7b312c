"""`verify tlc`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from verify.cli.console import INTERRUPTED, NO_TOOL, printer
from verify.cli.options import definitions, tasks_of
from verify.report.meter import Meter, width


def tlc(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    claim: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Check only this claim; repeatable.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="GUARD", help="Remove a guard; repeatable.")] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="Check claims about this system.")] = None,
    tasks: Annotated[
        str, typer.Option(metavar="N", help="How many tasks there are.", show_default="as the system says, else 2")
    ] = "any",
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for all of it.")] = 600.0,
    jar: Annotated[str | None, typer.Option(metavar="FILE", help="The tla2tools.jar to run.")] = None,
    inductive: Annotated[bool, typer.Option("--inductive", help="Check the invariants of proofs instead.")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Check a system of FILE.kc with TLC, and compare verdicts, runs and the number of states."""
    from verify.api import Options, ToolError, inductive_file, tlc_file  # noqa: PLC0415 - `--help` must be quick
    from verify.engine.verdict import Progress  # noqa: PLC0415 - the same
    from verify.report.inductive import InductiveResult, inductive_exit, inductive_lines, inductive_text  # noqa: PLC0415 - the same
    from verify.report.tlc import TlcResult, exit_code, tlc_lines, tlc_text  # noqa: PLC0415 - the same

    meter = Meter(sys.stderr)

    def hear(figures: Mapping[str, int]) -> None:
        meter("tlc", Progress("TLC", figures))

    options = Options(
        tuple(claim or ()), tuple(without or ()), definitions(define or ()), system, tasks_of(tasks), budget=budget
    )
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: TLC must not go on alone
        if inductive:
            shown = inductive_file(file, options, jar=jar, hear=hear)
            answer = (inductive_text(shown), inductive_lines(shown, width()), inductive_exit(shown), shown.errors)
        else:
            result = tlc_file(file, options, jar=jar, hear=hear)
            answer = (tlc_text(result), tlc_lines(result, width()), exit_code(result), result.errors)
    except ToolError as error:
        meter.clear()
        sys.stderr.write(f"verify: {error.message}\n{error.hint}\n")
        return NO_TOOL
    except KeyboardInterrupt:
        meter.clear()
        if as_json:
            stopped = InductiveResult(file) if inductive else TlcResult(file, reason="interrupted")
            text = inductive_text(stopped) if isinstance(stopped, InductiveResult) else tlc_text(stopped)
            sys.stdout.buffer.write(f"{text}\n".encode())
        return INTERRUPTED
    meter.clear()
    text, lines, code, errors = answer
    if as_json:
        sys.stdout.buffer.write(f"{text}\n".encode())
    else:
        printer(sys.stderr if errors else None)(lines)
    return code
