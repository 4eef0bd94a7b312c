"""`verify teeth`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from verify.cli.console import printer
from verify.cli.options import definitions
from verify.report.meter import Meter, width


def teeth(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    claim: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Ask only this claim; repeatable.")] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="Change the code of this system.")] = None,
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for all of it.")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Change FILE.kc in one place after the other, and say which changes no claim notices."""
    from verify.api import Options, cores, teeth_file  # noqa: PLC0415 - `--help` must be quick
    from verify.report.teeth import teeth_exit, teeth_lines, teeth_text  # noqa: PLC0415 - the same

    meter = Meter(sys.stderr)
    options = Options(tuple(claim or ()), (), definitions(define or ()), system, budget=budget)
    result = teeth_file(file, options, hear=meter, at_once=cores())
    meter.clear()
    if as_json:
        sys.stdout.buffer.write(f"{teeth_text(result)}\n".encode())
    else:
        printer(sys.stderr if result.errors else None)(teeth_lines(result, width()))
    return teeth_exit(result)
