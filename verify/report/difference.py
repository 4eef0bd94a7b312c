"""The two outcomes of a call that a check makes different, in words."""

from __future__ import annotations

from itertools import islice

from verify.alone import Difference, Outcome
from verify.instances import THREAD, Slot
from verify.ir import FREE, LIFE, PC
from verify.report.names import cell_name, slot_name, value_name
from verify.report.steps import STOPS, Change, change_name

MOST_CHANGES = 4
MOST_NAMES = 2
SIDES = ("with it", "without it")


def rows(difference: Difference) -> list[tuple[str, str]]:
    """With the check and without it: what the call comes to, and what only this side has changed of what others see."""
    return [
        (side, _whole(difference, outcome))
        for side, outcome in zip(SIDES, (difference.kept, difference.removed), strict=True)
    ]


def sentence(difference: Difference, check: str) -> str:
    """Who can tell what, in a sentence without its end."""
    kept, removed = difference.kept, difference.removed
    who = cell_name(difference.instance.system, THREAD, difference.thread)
    ends, instead = _ends(difference, kept), _ends(difference, removed)
    fires = f"{who} is before {check}, which fires"
    match difference.only:
        case "kept":
            return f"{fires}: its call {_whole(difference, kept)}, as it never does without the check"
        case "removed":
            return f"{fires}: without the check its call {_whole(difference, removed)}, as it never does with it"
        case None:
            pass
    if (kept.ending, kept.result) != (removed.ending, removed.result):
        return f"{fires}: its call {ends}; without the check it {instead}"
    names = list(dict.fromkeys(_name(difference, slot) for slot in difference.slots))
    told = " and ".join(names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], "more"])
    return f"{fires}: its call {ends} also without the check, but {told} would tell"


def _whole(difference: Difference, outcome: Outcome) -> str:
    return ",  ".join([_ends(difference, outcome), *_changes(difference, outcome)])


def _ends(difference: Difference, outcome: Outcome) -> str:
    if outcome.ending != "return":
        return STOPS[outcome.ending]
    if outcome.result is None or difference.result is None:
        return "returns"
    system = difference.instance.system
    return f"returns {value_name(system, system.var(difference.result).domain, outcome.result)}"


def _changes(difference: Difference, outcome: Outcome) -> list[str]:
    """What the outcome has changed of the variables on which the two differ; of an object that it makes, only that."""
    system, slots = difference.instance.system, difference.instance.slots()
    found = list[str]()
    for slot in difference.slots:
        old, new = difference.before[slot], outcome.memory[slot]
        life = difference.before.get(Slot(slot.cell, slot.index, LIFE))
        if old == new or (life == FREE and slot.name != LIFE):
            continue
        if slot.name == PC:
            found.append(f"starts {cell_name(system, THREAD, slot.index)} at {system.locations[new].name}")
        else:
            found.append(change_name(system, Change(slot, slots[slot], old, new)))
    more = len(found) - MOST_CHANGES
    return [*islice(found, MOST_CHANGES), *([f"and {more} more"] if more > 0 else [])]


def _name(difference: Difference, slot: Slot) -> str:
    system = difference.instance.system
    if slot.name in (LIFE, PC):
        return cell_name(system, slot.cell, slot.index)
    return slot_name(system, slot)
