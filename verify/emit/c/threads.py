"""The body of a thread: a label for each place in the code, whose step is taken there, and a jump to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.c.layout import statements
from verify.emit.c.terms import Reader
from verify.emit.places import actions_from
from verify.instances import THREAD, Slot, starts
from verify.ir import IDLE, PC, Action, Const, Local

DISPATCH, PARKED = "dispatch", "parked"
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Flow:
    """How threads go from place to place."""

    reader: Reader
    leaving: Mapping[int, Sequence[Action]]
    entries: Sequence[int]  # where a thread may begin, at the start or when it is restarted
    parks: bool  # whether a thread without a step may be restarted by another

    def order(self) -> Sequence[int]:
        """The places with steps, so that most go on to the one after them."""
        found = dict[int, None]()
        waiting = list(reversed([*self.entries, *sorted(self.leaving)]))
        while waiting:
            place = waiting.pop()
            if place in found or place not in self.leaving:
                continue
            found[place] = None
            waiting += reversed([action.target for action in self.leaving[place]])
        return list(found)


def flow_of(reader: Reader) -> Flow:
    """Work out the control flow of an instance's threads."""
    system = reader.instance.system
    moved = [
        (update.value.value if isinstance(update.value, Const) else None)
        for action in system.actions
        for update in action.updates
        if isinstance(update.place, Local) and update.place.name == PC
    ]
    leaving = actions_from(system)
    anywhere = sorted(leaving) if None in moved else []
    entries = [*(group.entry for group in system.groups), *(place for place in moved if place is not None), *anywhere]
    return Flow(reader, leaving, list(dict.fromkeys(entries)), bool(moved))


def body(flow: Flow) -> Iterator[str]:
    """The lines of the function `run`."""
    names = flow.reader.names
    order = flow.order()
    blocks = {place: _jumps(flow, place, after) for place, after in zip(order, [*order[1:], None], strict=True)}
    entries = [place for place in flow.entries if place in flow.leaving]
    dispatched = flow.parks or len(flow.entries) != 1 or entries != flow.entries or _may_be_idle(flow)
    wanted = {line.split("goto ")[1].rstrip(";") for lines in blocks.values() for line in lines if "goto " in line}
    yield from ("static void run(int me)", "{", f"{INDENT}int to;", "")
    if dispatched:
        again = DISPATCH in wanted
        yield from _dispatch(flow, entries, again=again)
        wanted |= {names.labels[place] for place in entries}
    for place in order:
        if names.labels[place] in wanted:
            yield f"{names.labels[place]}:"
        yield f"{INDENT}STEP({names.step(place)});"
        yield from (f"{INDENT}{line}" for line in blocks[place])
    yield from ("}", "")


def _may_be_idle(flow: Flow) -> bool:
    """Whether there may be fewer tasks than cells for them."""
    inst = flow.reader.instance
    counters = [Slot(THREAD, me, PC) for me in range(1, inst.tasks + 1)]
    return any(IDLE in start[counter] for start in starts(inst) for counter in counters)


def _dispatch(flow: Flow, entries: Sequence[int], *, again: bool) -> Iterator[str]:
    names = flow.reader.names
    yield from [f"{PARKED}:", f"{INDENT}WAIT();"] if flow.parks else [f"{INDENT}LOOK();"]
    if again:
        yield f"{DISPATCH}:"
    yield f"{INDENT}switch (to) {{"
    for place in entries:
        yield f"{INDENT}case {names.place(place)}:"
        yield f"{INDENT * 2}goto {names.labels[place]};"
    yield f"{INDENT}default:"
    yield f"{INDENT * 2}{f'goto {PARKED}' if flow.parks else 'return'};"
    yield f"{INDENT}}}"


def _jumps(flow: Flow, place: int, after: int | None) -> list[str]:
    """Where to go from a place: to the one that the step said, and at last to `after` without a jump."""
    names = flow.reader.names
    moved = any(
        isinstance(update.place, Local) and update.place.name == PC
        for action in flow.leaving[place]
        for update in action.updates
    )
    targets = list(dict.fromkeys(action.target for action in flow.leaving[place]))
    if not moved and after in targets:  # last, as it needs no jump
        targets.sort(key=lambda target: target == after)
    lines = list[str]()
    for number, target in enumerate(targets):
        jump = f"goto {names.labels[target]};" if target in flow.leaving else _end(flow, target)
        if number == len(targets) - 1 and not moved:
            lines += [] if target == after else [jump]
        else:
            lines += [f"if (to == {names.place(target)})", f"    {jump}"]
    return lines + ([f"goto {DISPATCH};"] if moved else [])


def _end(flow: Flow, target: int) -> str:
    """What a thread does where it has no step: it waits for another to restart it, if any can."""
    kind = flow.reader.instance.system.locations[target].kind
    return f"goto {PARKED};" if flow.parks and kind in ("idle", "end") else "return;"


def parking(flow: Flow) -> Iterator[str]:
    """The functions that restarting needs: whether a place has no step, and where another thread stands."""
    if not flow.parks:
        return
    names = flow.reader.names
    places = [names.place(place) for place in names.labels if place not in flow.leaving]
    yield "/* whether a thread there waits for another to restart it */"
    yield from ("static int is_parked(int place)", "{")
    yield from statements(INDENT, f"return {' || '.join(f'place == {place}' for place in places)};")
    yield from ("}", "")
    yield "/* where a thread stands that is restarted; one that is running cannot be */"
    yield from ("static int *restarted(int me, int other)", "{", f"{INDENT}if (other != me && !is_parked(pc[other]))")
    yield from (f"{INDENT * 2}reach_error();", f"{INDENT}return &pc[other];", "}", "")
