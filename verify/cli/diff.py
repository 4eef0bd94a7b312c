"""`verify diff`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from verify.cli.console import INTERRUPTED, printer
from verify.cli.options import definitions, tasks_of
from verify.report.meter import Meter, width


def diff(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    before: Annotated[str, typer.Argument(metavar="A.kc", help="A file, or the name of a bundled spec.")],
    after: Annotated[str, typer.Argument(metavar="B.kc", help="Another version of it.")],
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro in both; repeatable.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--for", "--system", metavar="NAME", help="Compare this system of both.")
    ] = None,
    tasks: Annotated[
        str, typer.Option(metavar="any|N", help="How many tasks there are; runs of up to N, or of up to 3.")
    ] = "any",
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for each claim, and for runs.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Tell what differs between two versions: guards, claims, and what runs can be seen to do."""
    from verify.api import Options, cores, diff_files  # noqa: PLC0415 - `--help` must be quick
    from verify.report.diff import DiffResult, diff_lines, diff_text, exit_code  # noqa: PLC0415 - the same

    options = Options(defines=definitions(define or ()), system=system, tasks=tasks_of(tasks), budget=budget)
    meter = Meter(sys.stderr)
    try:
        result = diff_files(before, after, options, hear=meter, at_once=cores())
    except KeyboardInterrupt:
        if as_json:
            sys.stdout.buffer.write(f"{diff_text(DiffResult(before, after, reason='interrupted'))}\n".encode())
        return INTERRUPTED
    finally:
        meter.clear()
    if as_json:
        sys.stdout.buffer.write(f"{diff_text(result)}\n".encode())
    else:
        printer(sys.stderr if result.errors else None)(diff_lines(result, width()))
    return exit_code(result)
