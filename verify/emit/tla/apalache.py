"""The module APX of a module X: its types, for Apalache, and the cells of a model.

Types stand in comments (Snowcat, the type system of Apalache), so that X itself is plain TLA+. All cells are of one
sort: NULL is compared with those of every class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.emit.places import variables
from verify.emit.tla.kinds import Kind, kinds_of
from verify.emit.tla.layout import boxed, item, titled, wrapped
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec

SORT = "CELL"
TYPES: Mapping[Kind, str] = {
    Kind.NUMBER: "Int",
    Kind.TRUTH: "Bool",
    Kind.CELL: SORT,
    Kind.THREADS: f"Set({SORT})",
    Kind.PLACE: "Str",
    Kind.LIFE: "Str",
}


def apalache(spec: Spec, model: Model, checks: Mapping[str, str]) -> Mapping[str, str]:
    """The module by the name of its file. `checks` are the arguments of Apalache's `check`, by what they show."""
    module = f"AP{spec.module}"
    lines = [
        titled(module),
        *boxed([f"Types of {spec.module} for Apalache, and the cells of a model. Apalache has not been run on it."]),
        "EXTENDS Integers, Sequences",
        "",
        *_declared("CONSTANTS", {**dict.fromkeys(spec.names.ids.values(), f"Seq({SORT})"), "NULL": SORT}),
        "",
        *_declared("VARIABLES", _variables(spec)),
        "",
        f"INSTANCE {spec.module}",
        "",
        "\\* --cinit=ConstInit",
        "ConstInit ==",
        *_cells(spec, model),
        "",
        *(_commands(module, checks) if checks else ()),
        "=" * 79,
        "",
    ]
    return {f"{module}.tla": "\n".join(lines)}


def _declared(word: str, types: Mapping[str, str]) -> Iterator[str]:
    yield word
    for number, (name, kind) in enumerate(types.items(), start=1):
        yield f"    \\* @type: {kind};"
        yield f"    {name}{',' if number < len(types) else ''}"


def _variables(spec: Spec) -> Mapping[str, str]:
    kinds = kinds_of(spec.system)
    found = dict[str, str]()
    for key, _ in variables(spec.system):
        if key in spec.names.variables:
            kind = TYPES[kinds.of[key]]
            found[spec.names.variables[key]] = f"{SORT} -> {kind}" if key[0] else kind
    return found


def _cells(spec: Spec, model: Model) -> Iterator[str]:
    for cls, name in spec.names.ids.items():
        mine = (f'"{value}_OF_{SORT}"' for value, (owner, _) in model.cells.items() if owner == cls)
        yield from item("/\\", f"{name} = <<{', '.join(mine)}>>", 4)
    yield f'    /\\ NULL = "null_OF_{SORT}"'


def _commands(module: str, checks: Mapping[str, str]) -> Iterator[str]:
    yield f"\\* apalache-mc check --cinit=ConstInit ... {module}.tla, and for the dots"
    for what, arguments in checks.items():
        yield from (f"\\* {line.strip()}" for line in wrapped(f"{what} {arguments}", 0, 4))
