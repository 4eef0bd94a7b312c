"""The answer as one JSON object, `verify/1`; its schema is `verify-1.schema.json` beside this file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import assert_never

from verify.alone import Difference, Outcome
from verify.diagnostics import Diagnostic
from verify.engine.verdict import Scope, Trace
from verify.instances import THREAD
from verify.ir import LIFE, PC, Domain, Ptr, Range, System, Threads
from verify.report.cti import Json, cti_object
from verify.report.names import cell_name, members
from verify.report.result import ClaimResult, Explanation, FileResult
from verify.report.steps import LIFE_NAMES, Change, Line, steps

SCHEMA = "verify/1"


def text(result: FileResult) -> str:
    """The object, indented, without a newline at the end."""
    return json.dumps(file_object(result), indent=2, ensure_ascii=False)


def schema() -> Mapping[str, object]:
    """The JSON Schema that every object satisfies."""
    loaded: Mapping[str, object] = json.loads(
        files("verify.report").joinpath("verify-1.schema.json").read_text(encoding="utf-8")
    )
    return loaded


def file_object(result: FileResult) -> dict[str, Json]:
    """Everything about one file."""
    return {
        "schema": SCHEMA,
        "file": result.file,
        "versions": dict(result.versions),
        "errors": [error_object(error) for error in result.errors],
        "claims": [claim_object(claim) for claim in result.claims],
        "included": [{"file": file, "claims": count} for file, count in result.included.items()],
    }


def error_object(error: Diagnostic) -> Json:
    """An error of the input."""
    line, column = error.span.source.position(error.span.start)
    return {
        "code": error.code,
        "message": error.message,
        "file": error.span.source.path,
        "line": line,
        "column": column,
        "hint": error.hint,
    }


def claim_object(claim: ClaimResult) -> Json:
    """A claim, judged."""
    return {
        "name": claim.name,
        "kind": claim.kind,
        "invariant": claim.invariant,
        "guard": claim.guard,
        "system": claim.system,
        "assumptions": list(claim.assumptions),
        "verdict": claim.verdict,
        "holds": claim.holds,
        "scope": scope_object(claim.scope),
        "engine": claim.engine,
        "seconds": round(claim.seconds, 3),
        "trace": None if claim.trace is None else trace_object(claim.trace),
        "difference": None if claim.difference is None else difference_object(claim.difference),
        "invariant_found": None if claim.invariant_found is None else list(claim.invariant_found),
        "certificate": claim.certificate,
        "trace_file": claim.trace_file,
        "reason": claim.reason,
        "shown": claim.shown,
        "why": None if claim.why is None else _why(claim.why),
        "cti": None if claim.cti is None else cti_object(claim.cti),
        "toothless": list(claim.toothless),
    }


def _why(why: Explanation) -> Json:
    return {
        "sentences": list(why.sentences),
        "follows": list(why.follows),
        "rests": list(why.rests),
        "clauses": why.clauses,
        "minimal": why.minimal,
    }


def scope_object(scope: Scope | None) -> Json:
    """How far an answer reaches."""
    if scope is None:
        return None
    return {
        "tasks": "any" if scope.tasks is None else scope.tasks,
        "steps": "any" if scope.steps is None else scope.steps,
    }


def trace_object(trace: Trace) -> Json:
    """A run, a line for each step that is shown."""
    return [_step(trace.instance.system, line) for line in steps(trace)]


def difference_object(found: Difference) -> Json:
    """Both outcomes, with the variables on which they differ."""
    only = {"kept": "with", "removed": "without", None: None}[found.only]
    with_it, without_it = _outcome(found, found.kept), _outcome(found, found.removed)
    return {"thread": found.thread, "with": with_it, "without": without_it, "only": only}


def _outcome(found: Difference, outcome: Outcome) -> Json:
    system, slots = found.instance.system, found.instance.slots()
    told = [Change(slot, slots[slot], found.before[slot], outcome.memory[slot]) for slot in found.slots]
    returned = None if found.result is None else system.var(found.result).domain
    return {
        "ending": outcome.ending,
        "result": None if returned is None or outcome.result is None else _value(system, returned, outcome.result),
        "variables": {_key(system, change): _after(system, change) for change in told},
    }


def _after(system: System, change: Change) -> Json:
    match change.slot.name:
        case name if name == LIFE:
            return LIFE_NAMES[change.new]
        case name if name == PC:
            return system.locations[change.new].name
        case _:
            return _value(system, change.var.domain, change.new)


def _step(system: System, line: Line) -> Json:
    return {
        "step": line.number,
        "thread": line.thread,
        "function": line.main.function,
        "label": line.main.label or None,
        "file": line.main.span.source.path,
        "line": line.main.span.line,
        "text": line.text,
        "changes": {_key(system, change): _change(system, change) for change in line.changes},
    }


def _key(system: System, change: Change) -> str:
    slot = change.slot
    if not slot.cell:
        return slot.name
    cell = f"thread {slot.index}" if slot.cell == THREAD else cell_name(system, slot.cell, slot.index)
    return f"{cell}.{slot.name}"


def _change(system: System, change: Change) -> Json:
    if change.slot.name == LIFE:
        return [LIFE_NAMES[change.old], LIFE_NAMES[change.new]]
    return [_value(system, change.var.domain, change.old), _value(system, change.var.domain, change.new)]


def _value(system: System, domain: Domain, value: int) -> Json:
    match domain:
        case Ptr(cls):
            return cell_name(system, cls, value) if value else None
        case Threads():
            return list(members(value))
        case Range():
            return value
        case _:
            assert_never(domain)
