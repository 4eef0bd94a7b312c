"""`verify prove`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from verify.cli import console
from verify.cli.console import (
    UNKNOWN,
    printer,
    show_claim,
    show_faults,
    show_rest,
    write_json,
)
from verify.cli.options import definitions, tasks_of
from verify.report.meter import Meter

if TYPE_CHECKING:
    from verify.api import Selection
    from verify.report.result import ClaimResult


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
    traces: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write the runs that decide claims to DIR, in ITF.")
    ] = None,
) -> int:
    """Check the claims of FILE.kc: prove them, or refute them with a run, a short one."""
    from verify.api import Options, check_file, cores, exit_code  # noqa: PLC0415 - `--help` must be quick

    options = Options(
        tuple(claim or ()), tuple(without or ()), definitions(define or ()), system, tasks_of(tasks), engine, budget,
        not no_reduce, not no_slice, certificates, explain, traces,
    )
    meter = Meter(sys.stderr)
    if as_json:
        result = check_file(file, options, hear=meter, at_once=cores())
        meter.clear()
        write_json(result)
        show_faults(result)
        return exit_code(result)
    show = printer()
    done: list[ClaimResult] = []

    def each(result: ClaimResult, selection: Selection) -> None:
        meter.clear()
        show_claim(show, result, [c.name for c in selection.claims], chosen=bool(options.claims))
        done.append(result)

    try:
        result = check_file(file, options, hear=meter, each=each, at_once=cores())
        meter.clear()
        show_rest(show, result, len(done), chosen=bool(options.claims))
    except BrokenPipeError:
        console.drop_stdout()
        return 1 if any(claim.holds is False for claim in done) else UNKNOWN
    show_faults(result)
    return exit_code(result)
