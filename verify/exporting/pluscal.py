"""A system of a file as PlusCal, with a model for TLC."""

from __future__ import annotations

from collections.abc import Mapping

from verify.diagnostics import InputError
from verify.emit.pluscal.algorithm import STARTED_ONCE, specify
from verify.emit.pluscal.idents import identifier
from verify.emit.pluscal.remarks import remark
from verify.emit.pluscal.threads import starts_others
from verify.emit.properties import EmitError
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec
from verify.exporting.subject import Subject
from verify.exporting.tla import module_name
from verify.selecting import problem

ABOUT = """
A label is one step of a thread, with at most one access to shared memory, and carries the \
statement that it comes from. Memory is sequentially consistent. A local that is not needed \
any more is reset, as is a cell that is free: the number of states depends on that.

A thread waits at `idle` until it is started; `runs` says where it begins. `place` is where \
it stands, for the properties.

Translate it, then check it; both are in tla2tools.jar:
""".rstrip().split("\n")


def export_pluscal(of: Subject) -> tuple[Spec, Model]:
    """Write a system as PlusCal. Raises InputError for what it or TLC cannot say."""
    name = identifier(f"{module_name(of)}Pcal")
    header = [remark(line) for line in of.header]
    how = [f"java -cp tla2tools.jar pcal.trans -nocfg {name}", f"java -cp tla2tools.jar tlc2.TLC -deadlock MC{name}"]
    system = of.lowered.system
    try:
        spec = specify(name, system, list(of.properties.values()), [*header, *ABOUT, *how], of.liveness)
    except EmitError as error:
        message = f"this cannot be said in PlusCal for TLC: {error}"
        raise InputError([problem("KC905", message, of.selection.file)]) from error
    return spec, model_of(spec, of.instance, (STARTED_ONCE,) if starts_others(system) else ())


def pluscal_files(of: Subject) -> Mapping[str, str]:
    """The text of each file by its name. Raises InputError as `export_pluscal` does."""
    spec, model = export_pluscal(of)
    return {
        f"{spec.module}.tla": spec.text,
        f"{model.module}.tla": model.text,
        **{f"{name}.cfg": text for name, text in model.configs.items()},
    }
