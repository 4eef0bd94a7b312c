"""`verify new`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from verify.cli.console import BAD_INPUT, drop_stdout, printer


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file to write; `.kc` is added if it is not there.")],
) -> int:
    """Write a small commented system to NAME.kc, to start from; its claims hold."""
    from verify.api import new_file  # noqa: PLC0415 - `--help` must be quick
    from verify.report.text import error_lines  # noqa: PLC0415 - the same

    try:
        result = new_file(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    if result.errors:
        printer(sys.stderr)(error_lines(result.errors))
        return BAD_INPUT
    try:
        printer()([((path, ""),) for path in result.files])
    except BrokenPipeError:  # the file is there, whoever reads of it
        drop_stdout()
    return 0
