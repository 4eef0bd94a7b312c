"""What options mean, for all commands alike."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def tasks_of(said: str) -> int | None:
    """The number of tasks; None for any. Raises typer.BadParameter."""
    from verify.api import tasks_from  # noqa: PLC0415 - `--help` must be quick

    try:
        return tasks_from(said)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tasks") from None


def definitions(given: Sequence[str]) -> dict[str, str]:
    """The macros that `-D` options define."""
    pairs = [text.partition("=") for text in given]
    return {name: value if equals else "1" for name, equals, value in pairs}
