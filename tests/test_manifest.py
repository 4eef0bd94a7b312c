"""What the manifest of the bundled specs says is so."""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.outcomes import MANIFEST, SIZES, SPECS, lines, outcome, pinned, systems

PINNED = {spec: tuple(found) for spec, found in groupby(pinned(), key=lambda one: one.spec)}


def test_every_spec_that_says_something_is_there() -> None:
    assert list(PINNED) == [spec for spec in SPECS if systems(spec)]
    for spec, found in PINNED.items():
        assert tuple(dict.fromkeys(one.system for one in found)) == systems(spec)
        assert all(one.tasks in SIZES for one in found)


def test_it_is_written_as_it_is_read() -> None:
    text = MANIFEST.read_text()
    assert text.endswith("\n".join(line for one in pinned() for line in lines(one)))


@pytest.mark.slow
@pytest.mark.parametrize("spec", PINNED)
def test_specs_come_to_what_it_says(spec: str) -> None:
    found = [outcome(one.spec, one.system, one.tasks) for one in PINNED[spec]]
    assert found == [*PINNED[spec]]
