"""`verify export`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from verify.cli.console import BAD_INPUT, UNKNOWN, drop_stdout, printer
from verify.cli.options import definitions, tasks_of
from verify.report.meter import Meter

Language = Literal["c", "dot", "pluscal", "promela", "smt2", "tla"]  # of `verify.exporting.languages`, slow to import


def export(  # noqa: PLR0913, PLR0917 - typer makes the options of the parameters
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    to: Annotated[Language, typer.Option(help="The language of the other tool.")] = "tla",
    folder: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Where the files go.")] = ".",
    without: Annotated[list[str] | None, typer.Option(metavar="GUARD", help="Remove a guard; repeatable.")] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="Export this system.")] = None,
    tasks: Annotated[
        str, typer.Option(metavar="N", help="How many tasks there are.", show_default="as the system says, else 2")
    ] = "any",
    claim: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this claim; repeatable.")] = None,
    budget: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time for each claim, where proofs are exported.")
    ] = 60.0,
    proofs: Annotated[bool, typer.Option("--proofs", help="Prove the claims, and write the invariants too.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Write a system of FILE.kc and the claims about it, or their proofs, in the language of another tool."""
    from verify.api import Options, export_file  # noqa: PLC0415 - `--help` must be quick
    from verify.report.text import error_lines  # noqa: PLC0415 - the same

    if proofs and to != "tla":
        raise typer.BadParameter("proofs are written with `--to tla`, or alone with `--to smt2`", param_hint="--proofs")
    options = Options(
        tuple(claim or ()), tuple(without or ()), definitions(define or ()), system, tasks_of(tasks), budget=budget
    )
    meter = Meter(sys.stderr)
    result = export_file(file, options, folder, to, hear=meter, proofs=proofs)
    meter.clear()
    if result.errors:
        printer(sys.stderr)(error_lines(result.errors))
        return BAD_INPUT
    printer(sys.stderr)([((line, "dim"),) for line in result.left])
    try:
        printer()([((path, ""),) for path in result.files])
    except BrokenPipeError:  # the files are there, whoever reads of them
        drop_stdout()
    return UNKNOWN if proofs and result.left else 0
