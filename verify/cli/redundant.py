"""`verify redundant`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from verify.cli.console import printer
from verify.cli.options import definitions, tasks_of
from verify.report.meter import Meter, width


def redundant(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    about: Annotated[
        list[str] | None, typer.Option("--for", metavar="INV", help="Ask about this invariant; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option("--in", metavar="NAME", help="Ask about this system.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="GUARD", help="Remove a guard before anything is asked; repeatable.")
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    tasks: Annotated[str, typer.Option(metavar="any|N", help="How many tasks there are.")] = "any",
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time for each question.")] = 30.0,
    certificates: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write what proves guards redundant to DIR.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use no answers of earlier runs, and keep none.")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Say which guards of FILE.kc its invariants need: each alone, and every set of checks and locks."""
    from verify.api import Options, cores, redundant_file  # noqa: PLC0415 - `--help` must be quick
    from verify.report.redundancy import redundancy_exit, redundancy_lines, redundancy_text  # noqa: PLC0415 - the same

    options = Options(
        without=tuple(without or ()), defines=definitions(define or ()), system=system, tasks=tasks_of(tasks),
        budget=budget, certificates=certificates,
    )
    meter = Meter(sys.stderr)
    result = redundant_file(file, options, about or (), hear=meter, at_once=cores(), fresh=fresh)
    meter.clear()
    if as_json:
        sys.stdout.buffer.write(f"{redundancy_text(result)}\n".encode())
    else:
        printer(sys.stderr if result.errors else None)(redundancy_lines(result, width()))
    return redundancy_exit(result)
