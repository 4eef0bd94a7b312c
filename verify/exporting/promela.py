"""A system of a file as a Promela model, for Spin."""

from __future__ import annotations

from collections.abc import Mapping

from verify.diagnostics import InputError
from verify.emit.promela.idents import identifier
from verify.emit.promela.model import Model, model_of
from verify.emit.properties import EmitError
from verify.exporting.subject import Subject
from verify.selecting import problem

ABOUT = """
A process is a thread. Each option of its loop is one step of it, with at most one access to
shared memory, and carries the statement that it comes from. Memory is sequentially consistent.
A local that is not needed any more is reset, as is a cell that is free: the number of states
depends on that.
""".rstrip().split("\n")


def export_promela(of: Subject) -> Model:
    """Write a system as a model. Raises InputError for what Spin has no numbers for."""
    try:
        return model_of(_stem(of), of.instance, list(of.properties.values()), [*of.header, *ABOUT])
    except EmitError as error:
        message = f"this cannot be said in Promela: {error}"
        raise InputError([problem("KC905", message, of.selection.file)]) from error


def promela_files(of: Subject) -> Mapping[str, str]:
    """The text of each file by its name. Raises InputError as `export_promela` does."""
    return {f"{_stem(of)}.pml": export_promela(of).text}


def _stem(of: Subject) -> str:
    return identifier(of.name)
