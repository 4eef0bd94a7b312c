"""What the manifest of the bundled specs says is so."""

from __future__ import annotations

import time
from itertools import groupby

import pytest

from tests.outcomes import MANIFEST, SIZES, SPECS, chosen, least, lines, outcome, pinned, systems
from verify.api import Options
from verify.exporting.subject import subject
from verify.smt import bmc

UNROLLED, NONE_YET = 12, 4  # steps to where a property is broken, and where none is
PINNED = {spec: tuple(found) for spec, found in groupby(pinned(), key=lambda one: one.spec)}


def test_every_spec_that_says_something_is_there() -> None:
    assert list(PINNED) == [spec for spec in SPECS if systems(spec)]
    for spec, found in PINNED.items():
        there = tuple(dict.fromkeys(one.system for one in found))
        assert there == tuple(system for system in systems(spec) if system in there)
        assert all(one.tasks in SIZES for one in found)


@pytest.mark.slow
def test_systems_that_are_not_there_are_large() -> None:
    there = {(one.spec, one.system) for one in pinned()}
    left = [(spec, system) for spec in PINNED for system in systems(spec) if (spec, system) not in there]
    assert {system for _, system in left} == {"peers", "few"}
    assert all(least(*each) not in SIZES or outcome(*each, least(*each)) is None for each in left)


def test_it_is_written_as_it_is_read() -> None:
    text = MANIFEST.read_text()
    assert text.endswith("\n".join(line for one in pinned() for line in lines(one)))


@pytest.mark.slow
@pytest.mark.parametrize("spec", PINNED)
def test_specs_come_to_what_it_says(spec: str) -> None:
    found = [outcome(one.spec, one.system, one.tasks) for one in PINNED[spec]]
    assert found == [*PINNED[spec]]


@pytest.mark.slow
@pytest.mark.parametrize("spec", [spec for spec in PINNED if not spec.startswith("races/")])  # of which there are many
def test_z3_finds_runs_of_the_same_lengths(spec: str) -> None:
    """Its unrolling begins with no steps, so that a run that it finds is a shortest one."""
    for one in PINNED[spec]:
        of = subject(chosen(spec), Options(system=one.system, tasks=one.tasks), "")
        short = {name: steps for name, steps in one.broken.items() if steps <= UNROLLED}
        for name in (*short, *one.holds):
            prop = of.properties[name].expr
            if prop is not None:  # a deadlock is no property of a state
                most = short.get(name, NONE_YET)
                found = bmc(of.instance, prop, max_steps=most, deadline=time.monotonic() + 300)
                assert (found.trace and len(found.trace.steps)) == short.get(name), name
                assert found.steps == most - (name in short)  # as far as no run is one
