"""A counterexample to induction as text and as JSON: before the step, the step, what it changed, what is false then."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from verify.engine.verdict import Counterexample
from verify.report.steps import Line
from verify.source import where

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
NARROW = 24
HEADS = {"initiation": "start", "safety": "state"}  # of what there is where nobody takes a step
WIDTH = 2 + 8  # of the indented heads


def cti_rows(cti: Counterexample, width: int) -> Iterator[str]:
    """The rows that tell it, at most `width` wide."""
    for head, said in _parts(cti):
        rows = textwrap.wrap(said, max(NARROW, width - WIDTH), break_on_hyphens=False)
        for number, row in enumerate(rows):
            yield f"  {head if number == 0 else '':8}{row}"


def _parts(cti: Counterexample) -> Iterator[tuple[str, str]]:
    """Each part with its head."""
    kind = cti.obligation.split(" ")[0]
    yield "before" if cti.step else HEADS.get(kind, "state"), "; ".join(cti.before) or "any"
    if cti.step:
        line = _line(cti)
        yield "step", f"task 1, {line.place} ({where(line.main.span)}): {line.text}"
        if cti.after:
            yield "after", "; ".join(cti.after)
    yield "false", cti.false


def _line(cti: Counterexample) -> Line:
    return Line(1, 1, 1, cti.step, (), (), "", quiet=False)


def cti_object(cti: Counterexample) -> Json:
    """Its fields; `step` has those of a step of a run that say where it is."""
    line = _line(cti) if cti.step else None
    step: Json = None if line is None else {
        "function": line.main.function, "label": line.main.label or None, "file": line.main.span.source.path,
        "line": line.main.span.line, "text": line.text,
    }  # fmt: skip
    return {
        "obligation": cti.obligation, "step": step, "before": list(cti.before), "after": list(cti.after),
        "false": cti.false,
    }  # fmt: skip
