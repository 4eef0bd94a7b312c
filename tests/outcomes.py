"""What the bundled specs come to with few tasks: `python -m tests.outcomes` writes `specs/manifest.toml` anew."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from verify.api import Options, select
from verify.engine.packing import beginnings, layout
from verify.engine.search import search
from verify.exporting.subject import subject
from verify.instances import least_tasks
from verify.judging import Selection
from verify.resources import specs_root

MANIFEST = specs_root() / "manifest.toml"
INCLUDED = ("ptrace/kernel.kc", "/common.kc")  # by others, and nothing alone
# Versions of others that are there: test_mail.py, test_matrix.py, test_versions.py, test_refusals.py.
ELSEWHERE = ("mail/", "refusal/", "ptrace/matrix/", "ptrace/v1.kc", "ptrace/linux_2_4_27.kc")
FILES = sorted(path.relative_to(specs_root()).as_posix() for path in specs_root().rglob("*.kc"))
SPECS = tuple(name for name in FILES if not name.endswith(INCLUDED) and not name.startswith(ELSEWHERE))
SIZES = (1, 2, 3)
MOST_STATES = 1_000_000
MOST_OF = {"races/": 160_000, "uniprocessor/": 100_000}  # there are many of them
HEAD = """\
# What each spec comes to with 1, 2 and 3 tasks, as far as it has at most a million states (in races/ 160,000, in
# uniprocessor/ a hundred thousand): `states` in all, `initial` ones, `depth` in states, and the properties that the
# claims about the system ask for: those that hold in all states, and those that are broken, by a shortest run of so
# many steps. Those in mail/, refusal/, ptrace/v1.kc and ptrace/linux_2_4_27.kc are versions that are here already, the
# last but for its helper.
# Written by `make manifest`, kept true by tests/test_manifest.py.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A system of a spec with a number of tasks."""

    spec: str
    system: str
    tasks: int
    states: int
    initial: int
    depth: int
    holds: tuple[str, ...]
    broken: Mapping[str, int]


@cache
def chosen(spec: str) -> Selection:
    """A spec, with all of its claims."""
    return select(spec, Options())


def systems(spec: str) -> tuple[str, ...]:
    """The systems that a spec says something about."""
    selection = chosen(spec)
    return tuple(dict.fromkeys(selection.system(claim) for claim in selection.claims))


def least(spec: str, system: str) -> int:
    """How many tasks a system starts with."""
    return least_tasks(chosen(spec).lower((system, frozenset(), frozenset())).system)


def outcomes(spec: str) -> Iterator[Outcome]:
    """The outcomes of a spec, for all its systems, by size."""
    for system in systems(spec):
        for tasks in SIZES[least(spec, system) - 1 :]:
            found = outcome(spec, system, tasks)
            if found is None:
                break
            yield found


def outcome(spec: str, system: str, tasks: int) -> Outcome | None:
    """What a system comes to; None if it has too many states."""
    of = subject(chosen(spec), Options(system=system, tasks=tasks), "")
    most = next((most for folder, most in MOST_OF.items() if spec.startswith(folder)), MOST_STATES)
    whole = search(of.instance, None, symmetry=False, max_states=most)
    if not whole.complete:
        return None
    found = {
        name: search(of.instance, prop.expr, deadlock=prop.expr is None).trace for name, prop in of.properties.items()
    }
    return Outcome(
        spec,
        system,
        tasks,
        whole.states,
        len(set(beginnings(layout(of.instance)))),
        whole.depth + 1,
        tuple(name for name, trace in found.items() if trace is None),
        {name: len(trace.steps) for name, trace in found.items() if trace is not None},
    )


def lines(found: Outcome) -> Iterator[str]:
    """An outcome as TOML."""
    yield "[[outcome]]"
    yield f"spec = {json.dumps(found.spec)}"
    yield f"system = {json.dumps(found.system)}"
    for key in ("tasks", "states", "initial", "depth"):
        yield f"{key} = {getattr(found, key)}"
    listed = [f"    {json.dumps(name)}," for name in found.holds]
    yield from ["holds = [", *listed, "]"] if listed else ["holds = []"]
    yield "[outcome.broken]"
    yield from (f"{json.dumps(name)} = {steps}" for name, steps in found.broken.items())
    yield ""


def pinned() -> tuple[Outcome, ...]:
    """What the manifest says."""
    found = tomllib.loads(MANIFEST.read_text())["outcome"]
    return tuple(Outcome(**{**one, "holds": tuple(one["holds"])}) for one in found)


if __name__ == "__main__":
    text = [HEAD, *(line for spec in SPECS for found in outcomes(spec) for line in lines(found))]
    MANIFEST.write_text("\n".join(text))
