"""The command `verify`: parse, call `api`, print, exit with the code of the answer."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from verify.cli import console
from verify.cli.assumptions import assumptions
from verify.cli.check import check
from verify.cli.console import INTERRUPTED, UNKNOWN, internal_error, unwritten, usage_error
from verify.cli.diff import diff
from verify.cli.export import export
from verify.cli.new import new
from verify.cli.prove import prove
from verify.cli.redundant import redundant
from verify.cli.teeth import teeth
from verify.cli.tlc import tlc
from verify.cli.writers import writers

NURSERY = 200_000  # new objects until garbage is looked for: a system is millions of small ones, hardly any in circles
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
EPILOG = (
    "Exit codes: 0 every claim holds, 1 some claim fails, 2 usage, syntax or type error, 3 something is unknown, "
    "4 a needed tool is absent, 70 internal error, 130 interrupted."
)
CHECK_EPILOG = (
    "Exit codes: 0 every certificate is accepted, 1 some is rejected, 2 some is none or cannot be read, "
    "4 cvc5 is not installed, 70 internal error, 130 interrupted."
)
DIFF_EPILOG = (
    "Exit codes: 0 nothing differs and all was compared, 1 something differs, 2 usage, syntax or type error, "
    "3 nothing that was compared differs, but not all was, 70 internal error, 130 interrupted."
)
EXPORT_EPILOG = (
    "Exit codes: 0 the files are written, 2 usage, syntax or type error, 3 some proof is missing, 70 internal error, "
    "130 interrupted."
)
TEETH_EPILOG = (
    "Exit codes: 0 it is known of every change whether a claim notices it, 2 usage, syntax or type error, 3 of some it "
    "is not known, 70 internal error, 130 interrupted."
)
ASSUMPTIONS_EPILOG = (
    "Exit codes: 0 all is decided, 2 usage, syntax or type error, 3 something is unknown, 70 internal error, "
    "130 interrupted."
)
REDUNDANT_EPILOG = (
    "Exit codes: 0 all is decided, 1 some invariant does not hold, 2 usage, syntax or type error, "
    "3 something is unknown, 70 internal error, 130 interrupted."
)
TLC_EPILOG = (
    "Exit codes: 0 every claim holds, 1 some claim fails, 2 usage, syntax or type error, 3 something is unknown, "
    "4 TLC or Java is absent or broken, 70 internal error or the two disagree, 130 interrupted."
)
NEW_EPILOG = "Exit codes: 0 the file is written, 2 it is there already or cannot be written, 70 internal error."
WRITERS_EPILOG = "Exit codes: 0 here they are, 2 usage, syntax or type error, 70 internal error."

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=EPILOG)(prove)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=DIFF_EPILOG)(diff)
app.command(epilog=EXPORT_EPILOG)(export)
app.command(epilog=NEW_EPILOG)(new)
app.command(epilog=REDUNDANT_EPILOG)(redundant)
app.command(epilog=TEETH_EPILOG)(teeth)
app.command(epilog=TLC_EPILOG)(tlc)
app.command(epilog=WRITERS_EPILOG)(writers)
app.command(epilog=ASSUMPTIONS_EPILOG)(assumptions)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in args
    gc.set_threshold(NURSERY)
    try:
        code = app(args=args, prog_name="verify", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            sys.stderr.write("verify: interrupted\n")
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        return usage_error(error, as_json=as_json)
    except BrokenPipeError:
        console.drop_stdout()
        return UNKNOWN
    except OSError as error:
        return unwritten(error) if error.errno in FULL else internal_error(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a message and a code
        return internal_error(error, as_json=as_json)


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
