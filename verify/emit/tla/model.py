"""The model MCX of a module X: how many cells there are, for TLC, and the configurations to run it with.

MCX checks what is claimed to hold; where cells are alike, up to their names, and MCX_full does the same without that,
so that states can be counted. What is claimed to be reached or broken has a configuration each; what is claimed to
happen later has one for all of it. MCX_inductive checks an invariant that the module has: from all its states, and
those at the start, one step leads to no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.places import Key
from verify.emit.tla.generator import START, generator, order_of
from verify.emit.tla.kinds import Kind, kinds_of
from verify.emit.tla.layout import titled
from verify.emit.tla.module import Spec
from verify.emit.tla.names import cells_of
from verify.instances import Instance


@dataclass(frozen=True, slots=True)
class Model:
    """A module with its cells, and configurations by name."""

    module: str
    text: str
    configs: Mapping[str, str]
    cells: Mapping[str, tuple[str, int]]  # model value: class and index


def model_of(spec: Spec, inst: Instance, always: Sequence[str] = ()) -> Model:
    """The model of an instance of the system of `spec`; every configuration checks the invariants `always` first."""
    names = spec.names
    module = f"MC{spec.module}"
    cells = cells_of(names, inst.sizes)
    values = {cls: [value for value, (of, _) in cells.items() if of == cls] for cls in names.ids}
    alike = list(_alike(spec, values))
    lines = [titled(module), f"EXTENDS {spec.module}, TLC", ""]
    everything = [value for found in values.values() for value in found]
    lines += [f"CONSTANTS {', '.join(everything)}", ""] if everything else []
    lines += [f"MC{names.ids[cls]} == <<{', '.join(found)}>>" for cls, found in values.items()]
    if alike:
        lines += ["", "\\* What cells are called makes no difference, but to those with a name in the source."]
        union = " \\cup ".join(f"Permutations({{{', '.join(found)}}})" for found in alike)
        lines.append(f"Symmetry == {union}")
    if spec.conjuncts:
        order = order_of(spec.names, spec.conjuncts, widths(spec, inst))
        lines += ["", *generator(spec.names, spec.types, spec.conjuncts, order)]
    lines += ["=" * 79, ""]
    constants = [
        "CONSTANTS",
        "    NULL = NULL",
        *(f"    {value} = {value}" for value in everything),
        *(f"    {names.ids[cls]} <- MC{names.ids[cls]}" for cls in values),
    ]
    kept = [name for name, prop in spec.properties if prop.holds]
    everywhere = [*always, "TypeOK", *kept, *(["IndInv"] if spec.conjuncts else [])]
    configs = {module: _config(constants, everywhere, symmetry=bool(alike))}
    configs |= {f"{module}_full": _config(constants, everywhere)} if alike else {}
    broken = [name for name, prop in spec.properties if not prop.holds]
    configs |= {f"{module}_{name}": _config(constants, [*always, name]) for name in broken}
    lasting = [name for name, _ in spec.liveness]
    configs |= {f"{module}Liveness": liveness_config(constants, lasting) + _invariants(always)} if lasting else {}
    configs |= {f"{module}_inductive": _inductive(constants, kept)} if spec.conjuncts else {}
    return Model(module, "\n".join(lines), configs, cells)


def _alike(spec: Spec, values: Mapping[str, Sequence[str]]) -> Iterator[Sequence[str]]:
    """The cells of each class that differ in nothing but their numbers, if there are two or more."""
    for cls, found in values.items():
        some = [value for index, value in enumerate(found, start=1) if (cls, index) not in spec.names.statics]
        if len(some) > 1:
            yield some


def liveness_config(constants: Sequence[str], properties: Sequence[str]) -> str:
    """A configuration for what every fair run is to come to. No symmetry: it would hide runs."""
    return "\n".join(["SPECIFICATION FairSpec", *constants, "PROPERTIES", *(f"    {p}" for p in properties)]) + "\n"


def _config(constants: Sequence[str], invariants: Sequence[str], *, symmetry: bool = False) -> str:
    lines = ["SPECIFICATION Spec", *constants]
    lines += ["SYMMETRY Symmetry"] if symmetry else []
    return "\n".join(lines) + "\n" + _invariants(invariants)


def _invariants(names: Sequence[str]) -> str:
    return "".join(["INVARIANTS\n", *(f"    {name}\n" for name in names)]) if names else ""


def _inductive(constants: Sequence[str], kept: Sequence[str]) -> str:
    """The states of the invariant as those to start from: a run that has no others shows that steps keep it."""
    return "\n".join([f"INIT {START}", "NEXT Next", *constants]) + "\n" + _invariants(["IndInv", *kept])


def widths(spec: Spec, inst: Instance) -> Mapping[Key, int]:
    """How many values each variable of the module has."""
    kinds, found = kinds_of(spec.system), dict[Key, int]()
    for slot, var in inst.slots().items():
        key = (slot.cell, slot.name)
        if key in spec.names.variables:
            width = len(spec.names.labels) if kinds.of[key] is Kind.PLACE else len(inst.values(var.domain))
            found[key] = found.get(key, 1) * width
    return {key: found.get(key, 1) for key in spec.names.variables}
