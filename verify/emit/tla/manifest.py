"""The manifest of a module, in the form in which tlaplus/Examples lists its specifications and what TLC finds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from verify.emit.tla.atomic import Atomic
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec


@dataclass(frozen=True, slots=True)
class Expected:
    """What TLC finds in all states: `states` and `depth` as it counts them, the properties that some state breaks."""

    states: int
    depth: int
    broken: Sequence[str]


def manifest(spec: Spec, model: Model, above: Sequence[Atomic], source: str, expected: Expected | None) -> str:
    """The manifest as JSON; without `expected`, it is not said what comes out."""
    whole = {
        "path": ".",
        "title": f"{spec.module}, from {source}",
        "description": f"The system `{spec.system.name}` of {source} as a transition system",
        "sources": [],
        "authors": [],
        "tags": [],
        "modules": [
            _module(spec.module, []),
            _module(model.module, [_config(name, text, expected) for name, text in model.configs.items()]),
            *(_module(one.module, [_config(one.module, one.config, None)]) for one in above),
            _module(f"AP{spec.module}", []),
        ],
    }
    return json.dumps(whole, indent=2) + "\n"


def _module(name: str, models: Sequence[object]) -> dict[str, object]:
    return {
        "path": f"{name}.tla", "communityDependencies": [], "tlaLanguageVersion": 2, "features": [], "models": models,
    }


def _config(name: str, text: str, expected: Expected | None) -> dict[str, object]:
    symmetry = "SYMMETRY" in text
    later = "PROPERTIES" in text
    broken = expected is not None and any(f"    {one}\n" in text for one in expected.broken)
    found: dict[str, object] = {
        "path": f"{name}.cfg",
        "runtime": "unknown",
        "size": "small",
        "mode": "exhaustive search",
        "features": ["liveness"] if later else ["symmetry"] if symmetry else [],
        "result": "unknown" if expected is None or later else "safety failure" if broken else "success",
    }
    if expected is not None and not broken and not symmetry and not later:
        found |= {"distinctStates": expected.states, "stateDepth": expected.depth}
    return found
