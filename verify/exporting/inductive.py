"""The proofs for any number of tasks that the claims of a subject have, each with the system that it is of, in TLA+.

A proof is not of the whole system: what it does not need is left out, steps are merged, history variables are added. So
that system is a module of its own, whose states are those that the invariant speaks of (docs/semantics.md says why what
is proved of it holds of the whole).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verify.emit.idents import camel
from verify.emit.places import local_of, variables
from verify.emit.properties import EmitError, Property
from verify.emit.tla.apalache import apalache
from verify.emit.tla.idents import identifier
from verify.emit.tla.layout import plain
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec, specify
from verify.emit.tla.proof import proof
from verify.engine.verdict import Proved
from verify.exporting.clausal import clausal
from verify.exporting.subject import Asked, Subject
from verify.exporting.tla import module_name
from verify.instances import THREAD as LOCALS
from verify.instances import Instance, exact_tasks, instance, least_tasks
from verify.ir import LIFE, Expr, System
from verify.judging import Options, judge_of
from verify.lower.small import Guess, Passes, Small, small_for_proof
from verify.outcome import no_store, wants
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause


@dataclass(frozen=True, slots=True)
class Inductive:
    """A property, and the module of a system with an invariant that shows it; the clauses are those Z3 accepted."""

    asked: Asked
    made: Small
    system: System  # with its history variables
    prop: Expr  # of that system
    instance: Instance
    spec: Spec
    model: Model
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoProof:
    """A property without an invariant that can be exported, and why."""

    asked: Asked
    reason: str


@dataclass(frozen=True, slots=True)
class Proofs:
    """The files of all proofs that a subject has, and the properties without one, each with why."""

    files: Mapping[str, str]
    missing: tuple[tuple[Asked, str], ...]


def proofs_of(of: Subject, options: Options) -> Proofs:
    """What shows the claims of a subject for any number of tasks."""
    found = [proof_of(of, asked, options) for asked in to_show(of)]
    files = {name: text for one in found if isinstance(one, Inductive) for name, text in one.files.items()}
    return Proofs(files, tuple((one.asked, one.reason) for one in found if isinstance(one, NoProof)))


def to_show(of: Subject) -> Sequence[Asked]:
    """What an invariant could show: claims that hold if a property of states does, for each property the first."""
    wanted = [asked for asked in of.asked if asked.prop is not None and wants(asked.claim) == "proved"]
    names = dict.fromkeys(asked.name for asked in wanted)
    return [next(asked for asked in wanted if asked.name == name) for name in names]


def proof_of(of: Subject, asked: Asked, options: Options) -> Inductive | NoProof:
    """The proof of a property for any number of tasks; `options` say how long to look for it."""
    if asked.prop is None:
        return NoProof(asked, "no invariant alone shows that nobody is stuck")
    if exact_tasks(of.lowered.system) is not None:
        return NoProof(asked, "the system says how many tasks there are, so there is no proof for any number")
    alone = replace(of.selection, claims=(asked.claim,))
    judgement = judge_of(alone, replace(options, claims=(), tasks=None))(asked.claim)
    verdict = judgement.verdict
    if judgement.idle:
        return NoProof(asked, no_store(asked.claim, judgement.idle))
    if judgement.unreached:
        return NoProof(asked, f"no run comes to `{', '.join(judgement.unreached)}`")
    if not isinstance(verdict, Proved) or verdict.basis is None:
        return NoProof(asked, "no proof for any number of tasks was found")
    basis = verdict.basis
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)
    made = small_for_proof(of.lowered.system, asked.prop, guess, Passes(basis.reduce, basis.slice))
    told = made.told()
    if told.axioms:
        return NoProof(asked, "its proof counts threads, and assumes that the counters are right")
    try:
        clauses = clausal(told.system, basis.clauses)
        if not judge_universal(told.system, clauses, told.prop).ok:
            return NoProof(asked, "Z3 does not accept the invariant once its clauses are made small")
        return _written(of, asked, made, told.system, told.prop, clauses)
    except (EmitError, EncodingError) as error:
        return NoProof(asked, f"its invariant cannot be said in TLA+ for TLC: {error}")


# ---- the module ----------------------------------------------------------------------------------


def _written(  # noqa: PLR0913, PLR0917 - a proof in all its parts
    of: Subject, asked: Asked, made: Small, system: System, prop: Expr, clauses: Sequence[Clause]
) -> Inductive:
    module = identifier(f"{module_name(of)}_{_suffix(of, asked)}")
    said = Property(asked.name, prop, of.properties[asked.name].note)
    spec = specify(module, system, [said], [*of.header, *_about(of, made, system, asked)], clauses=clauses)
    inst = instance(system, max(of.instance.tasks, least_tasks(system)))
    model = model_of(spec, inst)
    ((name, _),) = spec.properties
    files = {
        f"{spec.module}.tla": spec.text,
        f"{model.module}.tla": model.text,
        **{f"{config}.cfg": text for config, text in model.configs.items()},
        **apalache(spec, model, _checks(name)),
        **proof(spec),
    }
    return Inductive(asked, made, system, prop, inst, spec, model, files)


def _suffix(of: Subject, asked: Asked) -> str:
    """The name of the property, with a number where another before it has the same, in capitals or not."""
    names = list(of.properties)
    said = [camel(name) for name in names[: names.index(asked.name) + 1]]
    alike = sum(name.lower() == said[-1].lower() for name in said)
    return said[-1] if alike == 1 else f"{said[-1]}_{alike}"


def _checks(name: str) -> Mapping[str, str]:
    """The three questions about an invariant, as Apalache is asked them."""
    return {
        "Initiation:": "--length=0 --init=Init --inv=IndInv",
        "Consecution:": "--length=1 --init=IndInv --inv=IndInv",
        "Safety:": f"--length=0 --init=IndInv --inv={name}",
    }


def _about(of: Subject, made: Small, system: System, asked: Asked) -> Iterator[str]:
    """What the module has of the system, and what is said of it."""
    yield ""
    yield (
        f"What shows `{plain(asked.claim.name)}` for any number of tasks. This is not the whole system: steps of which "
        "others see nothing are merged, and what the proof does not need is left out. It has all that runs of the "
        "whole system show of the property (docs/semantics.md), and may have more."
    )
    for cls, names in _left_out(of.lowered.system, system).items():
        yield f"Left out of {f'struct {cls}' if cls else 'the globals'}: {', '.join(names)}."
    for name, homes in _shared(made).items():
        yield f"{name} is {'; or '.join(homes)}."
    yield ""
    yield (
        "IndInv holds at the start, every step keeps it, and it implies the property: Z3 has accepted that for any "
        "number of cells."
    )


def _left_out(whole: System, small: System) -> Mapping[str, Sequence[str]]:
    """The variables that only the whole system has, by class; not those of objects that have become globals."""
    kept = {key for key, _ in variables(small)} | {("", LIFE)}
    static = {static.cls for static in whole.statics}
    found = dict[str, list[str]]()
    for (cls, name), _ in variables(whole):
        if cls not in (LOCALS, *static) and (cls, name) not in kept and not name.startswith("#"):
            found.setdefault(cls, []).append(plain(name))
    return found


def _shared(made: Small) -> Mapping[str, Sequence[str]]:
    """What the locals that stand for several are in the source."""
    found = dict[str, list[str]]()
    for (_, name), home in sorted(made.names().items()):
        function, local = local_of(home)
        text = f"{local} of {function}" if function and ".#" not in home else f"a value between two steps of {function}"
        homes = found.setdefault(local_of(name)[1], [])
        homes += [text] if text not in homes else []
    return found
