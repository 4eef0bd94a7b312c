"""Systems, invariants and claims: what they name must exist and mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from verify.source import Span
from verify.syntax.ast import (
    AssumptionDecl,
    ClaimDecl,
    Decl,
    FieldDecl,
    FunctionDecl,
    GlobalDecl,
    GroupDecl,
    InvariantDecl,
    Quantified,
    SystemDecl,
)
from verify.syntax.check.expressions import condition
from verify.syntax.check.initial import start_value
from verify.syntax.check.names import bind
from verify.syntax.check.pure import expand
from verify.syntax.check.refusals import refusal
from verify.syntax.check.scope import File, Scope, closest, once
from verify.syntax.primitives import OWNED, WAITED_FOR
from verify.syntax.program import Guard
from verify.syntax.types import Lock

BUILT_IN_INVARIANTS = ("no_null_dereference", "no_use_after_free", "no_failed_assertion", "no_bad_unlock")
DEFAULT_SYSTEM = "system"
NEED_GUARD = ("dead", "redundant", "necessary", "minimal")


def systems(declarations: Sequence[Decl], file: File) -> Mapping[str, SystemDecl]:
    """Return the systems completed, in the order of the source."""
    done: dict[str, SystemDecl] = {}
    seen: dict[str, Span] = {}
    for decl in declarations:
        if not isinstance(decl, SystemDecl):
            continue
        once(file, seen, decl.name, decl.span, "system")
        if not decl.groups:
            hint = "add `task init[*] runs FUNCTION;`"
            file.error("KC141", f"system `{decl.name}` has no threads", decl.span, hint=hint)
        if decl.cpus is not None and decl.cpus < 1:
            file.error("KC141", "a system has at least one CPU", decl.span)
        groups: dict[str, Span] = {}
        for group in decl.groups:
            once(file, groups, group.name, group.span, "group")
        done[decl.name] = replace(decl, groups=tuple(_group(g, file) for g in decl.groups))
    return done


def _group(group: GroupDecl, file: File) -> GroupDecl:
    scope = Scope(file, "constant")
    fields = file.structs.get(group.struct)
    if fields is None:
        file.error(
            "KC103", f"unknown struct `{group.struct}`", group.span, hint=closest(group.struct, file.structs)
        )
        return group
    if group.struct != file.thread:
        file.error(
            "KC140", f"threads of `struct {group.struct}`, but `current` is a `struct {file.thread}`", group.span,
            hint="all groups of all systems are of one struct",
        )
    if group.count is not None and group.count < 1:
        file.error("KC141", f"a group of {group.count} threads", group.span, hint="`[*]` is any number")
    _entry(group, file)
    values = []
    seen: dict[str, Span] = {}
    for name, given in group.values:
        once(file, seen, name, given.span, "field")
        if name not in fields:
            scope.unknown("KC101", f"field of `struct {group.struct}`", name, given.span, fields)
            continue
        done = start_value(given, fields[name].declared, scope, chosen=True)
        if done is not None:
            values.append((name, done))
    return replace(group, values=tuple(values))


def _entry(group: GroupDecl, file: File) -> None:
    entry = file.functions.get(group.entry)
    if entry is None:
        file.error("KC102", f"unknown function `{group.entry}`", group.span, hint=closest(group.entry, file.functions))
    elif entry.body is None:
        file.error("KC131", f"`{group.entry}` is used but has no body", group.span)
    elif entry.params:
        file.error("KC141", f"threads start at `{group.entry}`, which has parameters", group.span)


def invariants(
    declarations: Sequence[Decl], file: File, functions: Mapping[str, FunctionDecl]
) -> Mapping[str, InvariantDecl]:
    """Return the invariants completed, calls written out, in the order of the source."""
    done: dict[str, InvariantDecl] = {}
    seen: dict[str, Span] = {}
    for decl in declarations:
        if not isinstance(decl, InvariantDecl):
            continue
        once(file, seen, decl.name, decl.span, "invariant")
        scope = Scope(file, "invariant")
        body = condition(decl.body, scope)
        unless = None
        if decl.unless is not None:
            inner = scope
            if isinstance(decl.body, Quantified):
                quiet = replace(file, errors=[])  # the body has reported its variables already
                inner = replace(bind(decl.body, decl.body.variables, replace(scope, file=quiet)), file=file)
            unless = expand(condition(decl.unless, inner), file, functions)
        done[decl.name] = replace(decl, body=expand(body, file, functions), unless=unless)
    return done


# ---- claims --------------------------------------------------------------------------------------------


def claim(  # noqa: PLR0913, PLR0917 - all that a claim can name
    decl: ClaimDecl, file: File, guards: Mapping[str, Guard], known: Mapping[str, InvariantDecl],
    named: Mapping[str, SystemDecl], assumed: Mapping[str, AssumptionDecl], functions: Mapping[str, FunctionDecl],
) -> ClaimDecl:
    """Return the claim with bare field names made `struct.field`; reports names that mean nothing."""
    if decl.invariant is not None and decl.invariant not in known and decl.invariant not in BUILT_IN_INVARIANTS:
        gone = file.lost.get(decl.invariant)
        near = closest(decl.invariant, [*known, *BUILT_IN_INVARIANTS])
        hint = near if gone is None else f"the one there was speaks of `{gone}`, which went with its `__weak` function"
        file.error("KC160", f"unknown invariant `{decl.invariant}`", decl.span, hint=hint)
    targets = decl.targets
    match decl.kind:
        case "reach" | "eventually":
            for target in targets:
                _guard(target, decl, file, guards)
        case "dead" | "redundant" | "necessary" | "minimal" | "same_outcome":
            for target in targets:
                _removable(target, decl, file, guards)
        case "race_free" | "writers":
            targets = tuple(_field(t, decl, file) for t in targets)
        case "no_starvation":
            targets = tuple(_lock(t, decl, file) for t in targets)
        case "atomic_sections":
            targets = tuple(dict.fromkeys(_owned(t, decl, file) for t in targets))
        case "never_refused" | "refused":
            decl = refusal(decl, file, functions)
        case "prove" | "refute" | "lock_balanced" | "deadlock_free":
            pass
    for target in decl.without:
        if "." in target:
            _removable(target, decl, file, guards)
        elif target not in assumed:
            hint = closest(target, [*assumed, *guards])
            file.error("KC161", f"unknown assumption `{target}`", decl.span, hint=hint)
    for name in decl.functions:
        if name not in file.functions:
            file.error("KC102", f"unknown function `{name}`", decl.span, hint=closest(name, file.functions))
    _system(decl, file, named)
    return replace(decl, targets=targets)


def _guard(target: str, decl: ClaimDecl, file: File, guards: Mapping[str, Guard]) -> Guard | None:
    if target in guards:
        return guards[target]
    function = target.partition(".")[0]
    what = "label" if decl.kind in ("reach", "eventually") else "guard"
    hint = closest(target, guards)
    if function not in file.functions:
        hint = hint or closest(function, file.functions)
    file.error("KC161", f"unknown {what} `{target}`", decl.span, hint=hint)
    return None


def _removable(target: str, decl: ClaimDecl, file: File, guards: Mapping[str, Guard]) -> None:
    guard = _guard(target, decl, file, guards)
    if guard is None:
        return
    note = ((f"`{target}` is here", guard.span),)
    if guard.kind == "none":
        file.error(
            "KC162", f"`{target}` is no check, lock or statement that could be removed", decl.span, notes=note,
            hint="label an `if`, a lock, an assignment or a call",
        )
    elif decl.kind == "dead" and target in decl.targets and guard.kind != "check":
        file.error("KC163", f"`dead` needs a check, and `{target}` is no `if`", decl.span, notes=note)
    elif decl.kind == "same_outcome" and target in decl.targets and guard.kind != "check":
        file.error(
            "KC168", f"`same_outcome` needs a check, and `{target}` is no `if`", decl.span, notes=note,
            hint="a lock or a store changes what happens at each visit, and not only where it refuses somebody",
        )


def _field(target: str, decl: ClaimDecl, file: File) -> str:
    struct, _, field = target.rpartition(".")
    if struct and struct not in file.structs:
        file.error("KC103", f"unknown struct `{struct}`", decl.span, hint=closest(struct, file.structs))
        return target
    owners = [struct] if struct else [s for s, fields in file.structs.items() if field in fields]
    if len(owners) > 1:
        choices = " or ".join(f"`{s}.{field}`" for s in owners)
        file.error("KC165", f"more than one struct has a field `{field}`", decl.span, hint=f"write {choices}")
        return target
    if not struct and not owners and field in file.globals:
        return target
    if not owners or field not in file.structs[owners[0]]:
        every = [*file.globals, *(f for fields in file.structs.values() for f in fields)]
        known = file.structs[struct] if struct else every
        file.error("KC101", f"unknown field `{target}`", decl.span, hint=closest(field, known))
        return target
    return f"{owners[0]}.{field}"


def _lock(target: str, decl: ClaimDecl, file: File) -> str:
    """The lock, semaphore or completion that a claim names, as `struct.field` or the name of a global."""
    name, found = _variable(target, decl, file)
    if found is not None and not (isinstance(found.declared, Lock) and found.declared.kind in WAITED_FOR):
        file.error(
            "KC166", f"nobody waits for `{name}`, which is no lock", decl.span,
            notes=((f"`{name}` is here", found.span),),
            hint="name a lock, a semaphore or a completion; of others, `eventually FUNCTION.LABEL;` may speak",
        )
    return name


def _owned(target: str, decl: ClaimDecl, file: File) -> str:
    """The lock that a claim about its sections names, as above."""
    name, found = _variable(target, decl, file)
    if found is not None and not (isinstance(found.declared, Lock) and found.declared.kind in OWNED):
        file.error(
            "KC167", f"`{name}` has no sections: nobody takes it and gives it back", decl.span,
            notes=((f"`{name}` is here", found.span),),
            hint="name a spinlock, a mutex, an rwlock or an rw_semaphore",
        )
    return name


def _variable(target: str, decl: ClaimDecl, file: File) -> tuple[str, FieldDecl | GlobalDecl | None]:
    """The name of a global, or `struct.field`, and its declaration; a global comes first."""
    name = target if target in file.globals else _field(target, decl, file)
    struct, _, field = name.rpartition(".")
    return name, file.structs.get(struct, {}).get(field) if struct else file.globals.get(field)


def _system(decl: ClaimDecl, file: File, named: Mapping[str, SystemDecl]) -> None:
    if decl.system is not None:
        if decl.system not in named:
            file.error("KC164", f"unknown system `{decl.system}`", decl.span, hint=closest(decl.system, named))
    elif not named:
        file.error("KC164", "a claim about a file without a system", decl.span,
                   hint="add `system { task init[*] runs FUNCTION; }`")  # fmt: skip
    elif len(named) > 1 and DEFAULT_SYSTEM not in named:
        names = ", ".join(f"`{n}`" for n in named)
        file.error("KC164", "which system the claim speaks of is not clear", decl.span, hint=f"add `in` one of {names}")
