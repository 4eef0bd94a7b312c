"""Systems, assumptions, invariants and claims, from the parts that the grammar finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

from verify.source import Span
from verify.syntax.ast import AssumptionDecl, ClaimDecl, ClaimKind, Expr, GroupDecl, InvariantDecl, SystemDecl
from verify.syntax.lex import Word
from verify.syntax.rows.place import Place, integer, only

Value = tuple[str, Expr]  # field, value


@dataclass(frozen=True, slots=True)
class Option:
    """`cpus 1;` and `preempt off;` of a system, `in S` and `without f.g` of a claim."""

    kind: Literal["cpus", "preempt", "in", "without"]
    span: Span
    number: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """`[3]`, or `[*]` without a number."""

    number: int | None


def _once(at: Place, kind: str, options: tuple[Option, ...]) -> Option | None:
    """Return the option of a kind that may be given once."""
    given = [option for option in options if option.kind == kind]
    for again in given[1:]:
        at.refuse("KC042", f"`{kind}` is given twice", span=again.span)
    return given[0] if given else None


def system(at: Place, name: Word | None, *parts: GroupDecl | Option) -> SystemDecl:
    """`system SMP { cpus 2; task init[*] runs user; }`."""
    options = only(Option, parts)
    cpus, preempt = _once(at, "cpus", options), _once(at, "preempt", options)
    return SystemDecl(
        name.text if name else "system",
        only(GroupDecl, parts),
        cpus.number if cpus else None,
        preempt is None or preempt.number != 0,
        span=at.span,
    )


def cpus(at: Place, number: Word | None = None) -> Option:
    """`cpus 1;`, `cpus any;`."""
    return Option("cpus", at.span, integer(at, number) if number else None)


def preempt(at: Place, switch: Word) -> Option:
    """`preempt off;`."""
    return Option("preempt", at.span, int(switch.text == "on"))


def group(
    at: Place, struct: Word, name: Word, number: Count | None, entry: Word, *values: Value | None
) -> GroupDecl:
    """`task init[*] runs user with { uid = 0; };`."""
    given = tuple(value for value in values if value is not None)
    return GroupDecl(struct.text, name.text, number.number if number else 1, entry.text, given, span=at.span)


def count(at: Place, number: Word | None = None) -> Count:
    """`[3]`, `[*]`."""
    return Count(integer(at, number) if number else None)


def value(_at: Place, field: Word, expr: Expr) -> Value:
    """`uid = 0;` of a group."""
    return field.text, expr


def assumption(at: Place, name: Word, cond: Expr) -> AssumptionDecl:
    """`assume name: cond;`."""
    return AssumptionDecl(name.text, cond, span=at.span)


def assumption_atomic(at: Place, name: Word, *statements: str) -> AssumptionDecl:
    """`assume name: atomic(f.store, g.store);`."""
    return AssumptionDecl(name.text, atomic=statements, span=at.span)


def invariant(at: Place, name: Word, unless: Expr | None, body: Expr) -> InvariantDecl:
    """`invariant name unless cond = body;`."""
    return InvariantDecl(name.text, unless, body, span=at.span)


def in_system(at: Place, name: Word) -> Option:
    """`in SMP` of a claim."""
    return Option("in", at.span, names=(name.text,))


def without(at: Place, *names: str) -> Option:
    """`without f.check, no_cap` of a claim."""
    return Option("without", at.span, names=names)


def guard(_at: Place, function: Word, label: Word) -> str:
    """`function.label`."""
    return f"{function.text}.{label.text}"


def place(_at: Place, first: Word, second: Word | None) -> str:
    """`struct.field`, or `field` alone."""
    return f"{first.text}.{second.text}" if second else first.text


def _claim(
    at: Place,
    kind: str,
    parts: tuple[object, ...],
    *,
    invariant: str | None = None,
    functions: tuple[str, ...] = (),
) -> ClaimDecl:
    """Make a claim; the targets and options are among `parts`."""
    options = only(Option, parts)
    system = _once(at, "in", options)
    removed = tuple(name for option in options if option.kind == "without" for name in option.names)
    return ClaimDecl(
        cast("ClaimKind", kind), invariant, only(str, parts), functions, system.names[0] if system else None, removed,
        span=at.span,
    )


def claim_invariant(at: Place, kind: Word, name: Word, *options: Option) -> ClaimDecl:
    """`prove inv;`."""
    return _claim(at, kind.text, options, invariant=name.text)


def claim_guard(at: Place, kind: Word, target: str, name: Word, *options: Option) -> ClaimDecl:
    """`necessary f.check for inv;`."""
    return _claim(at, kind.text, (target, *options), invariant=name.text)


def claim_place(at: Place, kind: Word, target: str, *options: Option) -> ClaimDecl:
    """`dead f.check;`."""
    return _claim(at, kind.text, (target, *options))


def claim_system(at: Place, kind: Word, *options: Option) -> ClaimDecl:
    """`deadlock_free;`."""
    return _claim(at, kind.text, options)


def claim_call(at: Place, kind: Word, target: Word, cond: Expr, *options: Option) -> ClaimDecl:
    """`never_refused open while may_open(file);`."""
    return replace(_claim(at, kind.text, (target.text, *options)), cond=cond, said=cond.span.text)


def claim_minimal(at: Place, *parts: str | Word | Option) -> ClaimDecl:
    """`minimal {f.check, g.lock} for inv;`."""
    return _claim(at, "minimal", parts, invariant=only(Word, parts)[0].text)


def claim_race_free(at: Place, target: str, *options: Option) -> ClaimDecl:
    """`race_free task.ptrace;`."""
    return _claim(at, "race_free", (target, *options))


def claim_no_starvation(at: Place, target: str, *options: Option) -> ClaimDecl:
    """`no_starvation task.alloc_lock;`."""
    return _claim(at, "no_starvation", (target, *options))


def claim_atomic_sections(at: Place, *parts: str | Option) -> ClaimDecl:
    """`atomic_sections task.alloc_lock, tasklist_lock;`."""
    return _claim(at, "atomic_sections", parts)


def claim_writers(at: Place, *parts: str | Word | Option) -> ClaimDecl:
    """`writers task.ptrace = {f, g};`."""
    return _claim(at, "writers", parts, functions=tuple(word.text for word in only(Word, parts)))
