"""The source map of a module: which statement, variable and claim each of its names is, for tools that read traces."""

from __future__ import annotations

import json

from verify.emit.places import KINDS, actions_from
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.instances import THREAD
from verify.source import Span, where

SCHEMA = "verify-map/1"


def source_map(spec: Spec, model: Model) -> str:
    """The map as JSON, with keys in a fixed order."""
    system, names = spec.system, spec.names
    actions = {}
    for location, found in sorted(actions_from(system).items()):
        micro = found[0].micro[0]
        ended = system.locations[location].kind == "end"
        actions[names.labels[location]] = {
            "function": "" if ended else micro.function,
            "label": "" if ended else micro.label,
            **({} if ended else _place(micro.span)),
            "calls": [] if ended else [where(call) for call in micro.calls],
        }
    whole = {
        "schema": SCHEMA,
        "module": spec.module,
        "system": system.name,
        "actions": actions,
        "ends": {names.labels[place]: kind for place, kind in _ends(spec)},
        "variables": {
            name: {"cell": "local" if cell == THREAD else cell or "global", "name": variable}
            for (cell, variable), name in names.variables.items()
        },
        "cells": {value: {"class": cls, "index": index} for value, (cls, index) in model.cells.items()},
        "properties": {
            **{name: prop.name for name, prop in spec.properties},
            **{name: one.name for name, one in spec.liveness},
        },
    }
    return json.dumps(whole, indent=1) + "\n"


def _place(span: Span) -> dict[str, object]:
    file = where(span).rpartition(":")[0]
    return {"file": file, "line": span.line, "column": span.column, "text": span.text}


def _ends(spec: Spec) -> list[tuple[int, str]]:
    places = spec.system.locations
    return [(place, KINDS[places[place].kind]) for place in spec.names.labels if places[place].kind != "run"]
