"""Where a model begins: values that are chosen, then a process for each thread.

All ways through it have the same number of steps, so that a breadth-first search finds shortest runs.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from verify.emit.promela.layout import packed, wrapped
from verify.emit.promela.names import LIVES, Names
from verify.emit.promela.terms import MOST_CHOICES, literal
from verify.emit.properties import EmitError
from verify.instances import Instance, Slot, Start, starts
from verify.ir import LIFE, PC

MONITOR = "monitor"


def init(inst: Instance, names: Names) -> list[str]:
    """The process that begins. Raises EmitError if a value is chosen from too many."""
    ways = [{slot: way[slot] for slot in way if (slot.cell, slot.name) in names.variables} for way in starts(inst)]
    open_ = [slot for slot in ways[0] if any(len(way[slot]) > 1 for way in ways)]
    common = {slot: values for slot, values in ways[0].items() if all(way[slot] == values for way in ways)}
    parts = [_fixed({slot: values for slot, values in common.items() if slot not in open_}, names, 4)]
    if len(ways) > 1:
        options = [line for way in ways for line in _way(way, common, open_, names)]
        parts.append(["    if  /* how many tasks there are of each group */", *options, "    fi"])
    parts += [_choice(slot, common[slot], names, 4) for slot in open_ if slot in common]
    parts += [[f"    run {names.process}({thread})"] for thread in range(1, inst.tasks + 1)]
    return ["init {", "  atomic {", *_in_order([*parts, [f"    run {MONITOR}()"]]), "  }", "}"]


def _way(way: Start, common: Container[Slot], open_: Sequence[Slot], names: Names) -> list[str]:
    """One way to begin, as an option."""
    own = {slot: values for slot, values in way.items() if slot not in common}
    first = _fixed({slot: values for slot, values in own.items() if slot not in open_}, names, 7)
    first[0] = f"    :: {first[0].lstrip()}"
    return _in_order([first, *(_choice(slot, own[slot], names, 7) for slot in open_ if slot in own)])


def _in_order(parts: Sequence[Sequence[str]]) -> list[str]:
    """Statements of some lines each, one after the other."""
    *most, last = parts
    return [line for first in most for line in [*first[:-1], f"{first[-1]};"]] + list(last)


def _fixed(values: Start, names: Names, indent: int) -> list[str]:
    """Give values to variables, in one step; what is 0 is so from the start."""
    stores = [f"{_variable(slot, names)} = {_value(slot, one, names)}" for slot, (one,) in values.items() if one]
    return wrapped(f"d_step {{ {'; '.join(stores) or 'skip'} }}", indent, indent + 4)


def _choice(slot: Slot, values: Sequence[int], names: Names, indent: int) -> list[str]:
    if len(values) > MOST_CHOICES:
        message = f"`{slot.name}` begins with one of {len(values)} values, each of which has to be written"
        raise EmitError(message)
    variable = _variable(slot, names)
    return packed(["if", *(f":: {variable} = {_value(slot, one, names)}" for one in values), "fi"], indent)


def _variable(slot: Slot, names: Names) -> str:
    name = names.variables[slot.cell, slot.name]
    return f"{name}[{slot.index}]" if slot.cell else name


def _value(slot: Slot, value: int, names: Names) -> str:
    table = names.labels if slot.name == PC else LIVES if slot.name == LIFE else {}
    return table.get(value) or literal(value)
