"""`verify check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from verify.cli.console import INTERRUPTED, NO_TOOL, printer
from verify.report.meter import width

if TYPE_CHECKING:
    from verify.report.checked import Checked

INSTALL = "try `pip install 'kcverify[check]'`, or `pip install cvc5==1.4.2`"


def check(
    certificate: Annotated[list[str], typer.Argument(metavar="CERTIFICATE...", help="Files that `prove` wrote.")],
    budget: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time of a solver for each proof.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,  # noqa: FBT002 - a flag
) -> int:
    """Check certificates again, from their text and their sources, with Z3 and cvc5."""
    from verify.api import check_certificates, cores, has_second_solver  # noqa: PLC0415 - `--help` must be quick
    from verify.report.checked import checked_lines, checked_text, exit_code, trusted_lines  # noqa: PLC0415 - the same

    if not has_second_solver():
        sys.stderr.write(f"verify: cvc5 is not installed\n{INSTALL}\n")
        return NO_TOOL
    show = printer()

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
