"""The control flow of a system: places in the code as nodes, in a frame for each function, steps as edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from verify.emit.dot.formulas import said
from verify.emit.dot.text import ALARM, BEGIN, INK, cut, edge, graph, node, quoted
from verify.emit.places import KINDS, actions_from, places
from verify.ir import PC, TRUE, Action, Const, Local, System
from verify.source import statement, where

WIDTH = 44  # of a label
ERRORS = frozenset({"null", "freed", "assert", "unlock"})


def flow(system: System, name: str, header: Sequence[str]) -> str:
    """The graph of the control flow."""
    leaving = actions_from(system)
    inside = dict[str, list[str]]()
    ends = {place for action in system.actions for place in (action.source, action.target)}
    for place in sorted(places(system) & (ends | {group.entry for group in system.groups})):
        location = system.locations[place]
        function = location.function if location.kind == "run" else ""
        inside.setdefault(function, []).append(_place(system, place, leaving.get(place, ())))
    lines = list[str]()
    for number, (function, nodes) in enumerate(inside.items()):
        if function:
            lines += [f"    subgraph {quoted(f'cluster_{number}')} {{", f"        label={quoted(f'{function}()')};"]
            lines += [f'        color="{INK}"; style="rounded"; labeljust="l";', *(f"        {one}" for one in nodes)]
            lines.append("    }")
        else:
            lines += [f"    {one}" for one in nodes]
    lines += [f"    {line}" for line in [*_groups(system), *_steps(system, leaving)]]
    return graph(name, list(header), lines)


def _place(system: System, place: int, actions: Sequence[Action]) -> str:
    location = system.locations[place]
    if location.kind in ERRORS:
        return node(str(place), label=KINDS[location.kind].replace("_", " "), shape="octagon", fillcolor=ALARM)
    if location.kind != "run":
        return node(str(place), label=location.name, shape="ellipse")
    text = location.name
    if len(actions) > 1:  # what decides; its edges say how
        text += f"\n{cut(_text(actions[0]), WIDTH)}"
    return node(str(place), label=text)


def _groups(system: System) -> Iterator[str]:
    """Where tasks begin."""
    for number, group in enumerate(system.groups):
        count = "*" if group.count is None else str(group.count)
        yield node(f"group {number}", label=f"{group.name}[{count}]", shape="cds", fillcolor=BEGIN, style="filled")
        yield edge(f"group {number}", str(group.entry))


def _steps(system: System, leaving: Mapping[int, Sequence[Action]]) -> Iterator[str]:
    for place, actions in leaving.items():
        for action in actions:
            text = "" if len(actions) > 1 or system.locations[place].kind != "run" else cut(_text(action), WIDTH)
            guard = "" if action.guard == TRUE else f"[{cut(said(action.guard, system), WIDTH)}]"
            micro = action.micro[0]
            tip = f"{_text(action)}  {where(micro.span)}" if micro.span.end else action.label
            wrong = system.locations[action.target].kind in ERRORS
            yield edge(
                str(place), str(action.target), label="\n".join(f"  {part}" for part in (text, guard) if part),
                tooltip=tip, color="#b03a2e" if wrong else "",
            )
            yield from _started(action)


def _started(action: Action) -> Iterator[str]:
    """Where a step makes another thread begin."""
    for update in action.updates:
        match update.place, update.value:
            case Local(name, of), Const(value) if name == PC and of is not None:
                yield edge(str(action.source), str(value), label="starts a thread", style="dashed")
            case _:
                pass


def _text(action: Action) -> str:
    micro = action.micro[0]
    return statement(micro.span) if micro.span.end else action.label
