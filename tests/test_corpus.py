"""What is promised of every bundled spec: it does something, a change is noticed, the manual has it, it is decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests import corpus
from tests.corpus import PARTS, SPECS
from tests.outcomes import FILES, chosen
from tests.test_docs import BLOCK, LANGUAGE
from verify.api import Options, check_file
from verify.diagnostics import InputError
from verify.resources import specs_root
from verify.syntax import parse_file, parse_text
from verify.syntax.ast import ClaimDecl, Unit
from verify.syntax.grammar import tables
from verify.syntax.lex import Word
from verify.syntax.rows import ROWS

ROOT = specs_root()

# ---- it does something ---------------------------------------------------------------------------


def test_parts_claim_nothing_and_are_included() -> None:
    parts = [name for name in FILES if name.endswith(PARTS)]
    text = "".join((ROOT / spec).read_text() for spec in FILES)
    for part in parts:
        assert f'{Path(part).name}"' in text
        assert not re.search(r"^(prove|refute|reach|necessary|redundant)\b", (ROOT / part).read_text(), re.MULTILINE)


@cache
def readable(name: str) -> Unit:
    """A file of the corpus without what it includes, or with it where it cannot be read alone."""
    text = re.sub(r"^#include.*$", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    try:
        return parse_text(text, name)
    except InputError:
        return parse_file(ROOT / (name if name in SPECS else name.replace("common.kc", "fixed.kc")))


def claims_of(spec: str) -> list[ClaimDecl]:
    """What a file claims itself."""
    unit = readable(spec)
    return [each for each in unit.declarations if isinstance(each, ClaimDecl) and each.span.source.path == unit.path]


@pytest.mark.parametrize("spec", SPECS)
def test_two_things_are_said_to_happen(spec: str) -> None:
    """Of each version, also of a broken one, and by the file itself: versions that share a part each say it."""
    assert len({(claim.targets, claim.system) for claim in claims_of(spec) if claim.kind == "reach"}) >= 2


# ---- a change is noticed -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stand:
    """What a claim says: that a property of a system holds, or is broken, in the program without some guards."""

    what: str
    system: str
    holds: bool
    without: frozenset[str] = frozenset()

    def flips(self, other: Stand) -> bool:
        """Whether the other says the opposite of the same without more guards, or fewer."""
        same = (self.what, self.system) == (other.what, other.system) and self.holds != other.holds
        return same and (self.without < other.without or other.without < self.without)


SAYS = {"prove": True, "redundant": True, "refute": False, "necessary": False}
PAIRS = {"mail/cap_sys_ptrace_v4.kc": "mail/cap_sys_ptrace.kc"}  # a script there is part of the system here
DEFINED = {"atomic/torn_read.kc": "ONE_HALF", "atomic/two_locks.kc": "ONE_LOCK"}  # the mutant is a macro away


def stands(spec: str) -> Iterator[Stand]:
    """What the claims of a spec say of its properties."""
    for claim in claims_of(spec):
        system, without = claim.system or "system", frozenset(claim.without)
        if claim.kind in SAYS:
            guards = frozenset(claim.targets) if claim.kind in ("redundant", "necessary") else frozenset()
            yield Stand(claim.invariant or "", system, SAYS[claim.kind], without | guards)
        elif claim.kind in ("never_refused", "refused"):
            yield Stand(f"{claim.targets[0]} while {claim.said}", system, claim.kind == "never_refused", without)
        elif claim.kind == "minimal":
            yield Stand(claim.invariant or "", system, True, frozenset({"all others"}))
            yield Stand(claim.invariant or "", system, False, frozenset({"all others", *claim.targets}))


@cache
def sources(name: str) -> frozenset[str]:
    """The files that a file of the corpus consists of."""
    found = {name}
    for included in re.findall(r'^#include "(.*)"', (ROOT / name).read_text(), re.MULTILINE):
        beside = (ROOT / name).parent / included
        path = beside if beside.exists() else ROOT / included
        found |= sources(path.resolve().relative_to(ROOT.resolve()).as_posix())
    return frozenset(found)


def other_version(spec: str) -> str | None:
    """The spec that is this one with something changed for the worse, or for the better."""
    folder, _, name = spec.rpartition("/")
    swapped = {"fixed.kc": "vulnerable.kc", "vulnerable.kc": "fixed.kc", f"{name[:-3]}_broken.kc": name}
    wanted = swapped.get(name, name.replace("_broken", ""))
    wanted = f"{folder}/{wanted}"
    return PAIRS.get(spec, wanted if wanted in SPECS and wanted != spec else None)


def noticed(spec: str) -> Iterator[str]:
    """What shows that a change of the program flips a claim, if all claims are right, which other tests see to.

    The spec says so itself: an invariant that is proved is refuted without a guard, or the other way round. Or two
    versions of a program say the opposite of one invariant: each is the other with something changed.
    """
    said = list(stands(spec))
    yield from (one.what for one in said for other in said if one.flips(other))
    pair = other_version(spec)
    if pair is not None:
        yield from (f"{one.what}: {pair}" for one in said for other in stands(pair) if _opposite(one, other))
    for twin in SPECS:
        if twin != spec and sources(twin) & sources(spec):
            alike = ((one, other) for one in said for other in stands(twin) if one.system == other.system)
            yield from (f"{one.what}: {twin}" for one, other in alike if _opposite(one, other))


def _opposite(one: Stand, other: Stand) -> bool:
    return one.what == other.what and one.holds != other.holds


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in DEFINED])
def test_a_change_flips_a_claim(spec: str) -> None:
    assert any(noticed(spec))


@pytest.mark.slow
@pytest.mark.parametrize("spec", DEFINED)
def test_a_macro_flips_a_claim(spec: str) -> None:
    result = check_file(spec, Options(("refute",), defines={DEFINED[spec]: "1"}))
    assert [claim.holds for claim in result.claims] == [False]
    assert [claim.holds for claim in check_file(spec, Options(("refute",))).claims] == [True]


# ---- the manual has it ---------------------------------------------------------------------------


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The rules of the grammar, and its words, that were needed since."""
    found = set[str]()

    class Rows(dict[str, object]):
        def __getitem__(self, rule: str) -> object:
            found.add(rule)
            return ROWS[rule]

    parser = import_module("verify.syntax.parse")
    unit = import_module("verify.syntax")
    parse = parser.parse

    def watched(words: list[Word], *rest: object) -> object:
        found.update(word.text for word in words if _is_fixed(word))
        return parse(words, *rest)

    monkeypatch.setattr(parser, "ROWS", Rows())
    monkeypatch.setattr(unit, "parse", watched)
    return found


def _is_fixed(word: Word) -> bool:
    """Whether it is a word of the language, or an operator of it."""
    return word.kind in ("name", "punctuator") and (
        tables().terminal(word) != "NAME" or bool(tables().fixed(word.text))
    )


def test_each_construct_of_the_specs_stands_in_a_program_of_the_manual(used: set[str]) -> None:
    for kind, text in BLOCK.findall(LANGUAGE.read_text()):
        if kind.split()[:1] == ["c"]:
            parse_text(text)
    manual = frozenset(used)
    assert {"prefix", "claim_minimal", "atomic_sections", "+="} <= manual
    missing = dict[str, str]()
    for name in FILES:
        used.clear()
        readable.__wrapped__(name)
        missing |= dict.fromkeys(used - manual, name)
    assert missing == {}


# ---- it is decided -------------------------------------------------------------------------------

ELSEWHERE = {  # decided by other tests, whole
    "core.kc": "test_strategy.py",
    "fix.kc": "test_docs.py",
    "races/": "test_race_specs.py",
}
LEFT = {  # to `make specs`: the whole kernel, of which a claim takes seconds, and some proofs minutes
    "mail/": "test_mail.py decides not_needed.kc",
    "mutants/": "they are versions of ptrace/v4.kc, as what is in mail/",
    "ptrace/": "test_hunt.py and test_by_tlc.py decide claims of v0.kc",
    "uniprocessor/single_cpu_v4.kc": "single_cpu.kc says the same of the core",
}
LONG = "minimal {kernel_thread.spin"  # of single_cpu.kc: core.kc says it of each guard
HERE = [spec for spec in SPECS if not spec.startswith((*ELSEWHERE, *LEFT)) and (
    not spec.startswith("classics/") or spec.endswith("_broken.kc")  # the others are test_classics.py's
)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("spec", HERE)
def test_all_that_is_claimed_holds(spec: str) -> None:
    """But for what is TLC's: test_liveness.py and test_atomic_sections.py ask it."""
    asked = (claim.name for claim in chosen(spec).claims if not corpus.by_tlc(claim))
    names = tuple(dict.fromkeys(name for name in asked if not name.startswith(LONG)))
    result = check_file(spec, Options(claims=names, budget=300))
    assert not result.errors
    assert [f"{claim.name}: {claim.verdict}" for claim in result.claims if claim.holds is not True] == []
    assert len(result.claims) >= len(names)


def test_claims_that_fail_say_so() -> None:
    """No other claim is there to fail than those that TLC decides."""
    specs = [spec for spec in SPECS if "// fails" in (ROOT / spec).read_text()]
    claims = [claim for spec in specs for claim in chosen(spec).claims if corpus.fails(claim)]
    assert len(claims) == 9
    assert all(corpus.by_tlc(claim) for claim in claims)


@pytest.mark.slow
def test_the_whole_corpus_can_be_decided(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert corpus.main(["classics/peterson_broken", "liveness/handover"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("classics/peterson_broken.kc ")
    assert " 3 claims " in first
    assert second.endswith(" as it says")
    monkeypatch.setattr(corpus, "fails", lambda claim: claim.kind == "no_starvation")
    assert corpus.main(["liveness/handover"]) == 1
    assert "no_starvation ping: True" in capsys.readouterr().out
