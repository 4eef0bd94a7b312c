"""`verify writers`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from verify.cli.console import printer
from verify.cli.options import definitions
from verify.report.meter import width


def writers(
    file: Annotated[str, typer.Argument(metavar="FILE.kc", help="A file, or the name of a bundled spec.")],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="`struct.field`, or the name of a global.")],
    system: Annotated[str | None, typer.Option("--in", metavar="SYSTEM", help="In this system.")] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="NAME=VALUE", help="Define a macro; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """List every store to FIELD, and the locks that are surely held there."""
    from verify.api import Options, writers_file  # noqa: PLC0415 - `--help` must be quick
    from verify.report.writers import exit_code, writers_lines, writers_text  # noqa: PLC0415 - the same

    result = writers_file(file, field, Options(defines=definitions(define or ()), system=system))
    if as_json:
        sys.stdout.buffer.write(f"{writers_text(result)}\n".encode())
    else:
        printer(sys.stderr if result.errors else None)(writers_lines(result, width()))
    return exit_code(result)
