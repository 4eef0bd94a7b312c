"""The module X_proof of a module X with an invariant: a skeleton of its proof for TLAPS, for any number of cells.

A step of the proof for each action, and in it one for what the conjuncts say of the same cells. What TLC has for free
of model values is assumed: that cells are listed in sequences. That they differ is an assumption of X itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from verify.emit.places import actions_from
from verify.emit.tla.layout import boxed, titled, wrapped
from verify.emit.tla.module import Spec

ABOUT = (
    "A proof for TLAPS, as a skeleton: TLAPS has not seen it. What it says of any number of cells was checked by Z3, "
    "and of few cells it can be checked by TLC."
)
DEFINED = re.compile(r"([A-Za-z]\w*)(?:\([\w, ]*\))? *==")
BACKEND = "SMTT(60)"


def proof(spec: Spec) -> Mapping[str, str]:
    """The module by the name of its file."""
    module = f"{spec.module}_proof"
    ranks = {cls: spec.names.namer.name(f"RankOf{name}") for cls, name in spec.names.ids.items()}
    lines = [
        titled(module),
        *boxed([ABOUT]),
        f"EXTENDS {spec.module}, TLAPS",
        "",
        "ASSUME Sequence ==",
        *(f"    /\\ {name} \\in Seq({spec.names.sets[cls]})" for cls, name in spec.names.ids.items()),
        "",
        *_ranks(spec, ranks),
        "LEMMA InitOK == Init => IndInv",
        *_by(["Cells", "Sequence", *ranks.values(), BACKEND], ["Init", *_used(spec)], 2),
        "",
        *_steps(spec),
        "",
        *_safe(spec),
        "=" * 79,
        "",
    ]
    return {f"{module}.tla": "\n".join(lines)}


def _ranks(spec: Spec, ranks: Mapping[str, str]) -> Iterator[str]:
    """That a cell has a place in its sequence, which is a CHOOSE."""
    for cls, name in spec.names.ids.items():
        cells = spec.names.sets[cls]
        yield f"LEMMA {ranks[cls]} == \\A c \\in {cells} : Rank(c, {name}) \\in 1..Len({name})"
        yield f"  BY Sequence DEF Rank, {cells}"
        yield ""


def _steps(spec: Spec) -> Iterator[str]:
    thread = spec.names.sets[spec.system.thread]
    actions = [spec.names.labels[place] for place in sorted(actions_from(spec.system))]
    groups = [["TypeOK"], *_groups(spec)]
    yield "LEMMA StepOK == IndInv /\\ [Next]_vars => IndInv'"
    yield "  <1> SUFFICES ASSUME IndInv, [Next]_vars PROVE IndInv'"
    yield "    OBVIOUS"
    yield from _listed("<1> USE Cells, Sequence DEF", _used(spec), 2)
    for number, action in enumerate(actions, start=1):
        yield f"  <1>{number}. ASSUME NEW self \\in {thread}, {action}(self) PROVE IndInv'"
        yield f"    <2> USE <1>{number} DEF {action}"
        for part, group in enumerate(groups, start=1):
            said = " /\\ ".join(f"{name}'" for name in group)
            yield from wrapped(f"<2>{part}. {said} BY {BACKEND}", 4, 8)
        yield f"    <2>{len(groups) + 1}. QED"
        yield from _by([f"<2>{part + 1}" for part in range(len(groups))], ["IndInv"], 6)
    still = len(actions) + 1
    yield f"  <1>{still}. CASE UNCHANGED vars"
    yield f"    BY <1>{still}, {BACKEND} DEF vars"
    yield f"  <1>{still + 1}. QED"
    facts = [*(f"<1>{number + 1}" for number in range(still)), "Zenon"]
    yield from _by(facts, ["Next", "Step", *spec.names.functions.values(), "Terminating"], 4)


def _groups(spec: Spec) -> Iterator[Sequence[str]]:
    """The conjuncts that speak of the same cells."""
    found = dict[tuple[bool, str], list[str]]()
    for conjunct in spec.conjuncts:
        found.setdefault((conjunct.clause.thread, conjunct.clause.cls), []).append(conjunct.name)
    yield from found.values()


def _safe(spec: Spec) -> Iterator[str]:
    kept = [name for name, prop in spec.properties if prop.holds]
    said = " /\\ ".join(kept)
    yield f"LEMMA InvOK == IndInv => {said}"
    yield from _by(["Cells", BACKEND], [*kept, *_used(spec)], 2)
    yield ""
    yield f"THEOREM Safe == Spec => []({said})"
    yield "  BY InitOK, StepOK, InvOK, PTL DEF Spec"


def _used(spec: Spec) -> Sequence[str]:
    """All that a module defines, but for what is said of its behaviour: that is named where it is needed."""
    names = spec.names
    behaviour = {
        *names.labels.values(), *names.functions.values(), *(name for name, _ in spec.properties), "Init", "Next",
        "Step", "Finished", "Terminating", "Fairness", "Spec", "FairSpec",
    }  # fmt: skip
    defined = (found[1] for line in spec.lines if (found := DEFINED.match(line)))
    return [name for name in defined if name not in behaviour]


def _by(facts: Sequence[str], defined: Sequence[str], indent: int) -> Iterator[str]:
    yield from _listed("BY", facts, indent)
    yield from _listed("DEF", defined, indent + 3)


def _listed(word: str, names: Sequence[str], indent: int) -> Iterator[str]:
    yield from wrapped(f"{word} {', '.join(names)}", indent, indent + 4)


