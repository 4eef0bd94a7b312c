"""Answers that are kept from one run to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.kept import Kept


def test_an_answer_is_kept_under_its_key_alone(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "this version")
    one, other = kept.key("a"), kept.key("b")
    kept.keep(one, {"verdict": "proved"})
    assert (kept.find(one), kept.find(other)) == ({"verdict": "proved"}, None)
    assert Kept(tmp_path, "another version").find(Kept(tmp_path, "another version").key("a")) is None


@pytest.mark.parametrize("change", [
    lambda text: text.replace("refuted", "proved"), lambda text: text[:-5], lambda _: "", lambda _: "{}\n{}",
    lambda text: text.partition("\n")[2],
])  # fmt: skip
def test_what_is_not_as_it_was_written_is_no_answer(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - from text to text
    kept = Kept(tmp_path, "this version")
    kept.keep(kept.key("a"), {"verdict": "refuted"})
    (path,) = tmp_path.rglob("*.json")
    path.write_text(change(path.read_text()))
    assert kept.find(kept.key("a")) is None


def test_an_answer_under_the_key_of_another_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "this version")
    one, other = kept.key("a"), kept.key("b")
    kept.keep(one, {"verdict": "proved"})
    kept.keep(other, {"verdict": "refuted"})
    paths = {path.stem: path for path in tmp_path.rglob("*.json")}
    paths[other].write_text(paths[one].read_text())
    assert kept.find(other) is None
