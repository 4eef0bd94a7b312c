"""One processor: the pass that lets another thread run only where the first gives the processor up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from verify.ir import Action, Const, Expr, Global, Local, Me, Ptr, Quant, System, Update, Var
from verify.lower.compose import substitute
from verify.lower.effects import QUIET
from verify.lower.flow import outgoing
from verify.lower.simplify import binary, conj, conjuncts, disj, ite, negate

CPU = Global("cpu.owner")  # no name of a program: the thread that has the processor and may not lose it
FREE_CPU = Const(0)
HAS_CPU = binary("==", CPU, Me())
MAY_RUN = disj([binary("==", CPU, FREE_CPU), HAS_CPU])


def on_one_cpu(system: System, waits: Collection[int], *, preempt: bool) -> System:
    """The system on one processor.

    Without preemption a thread keeps the processor until it blocks at one of `waits`, sleeps there, ends, or comes back
    to user code. With it, the thread keeps the processor only while it has preemption switched off, as every
    spinlock does.
    """
    actions = [_running(system, action, waits, preempt=preempt) for action in system.actions]
    if not preempt:
        leaving = outgoing(system.actions)
        actions += [a for where in sorted(waits) for a in _yielding(where, leaving.get(where, []))]
    return replace(system, globals=(*system.globals, Var(CPU.name, Ptr(system.thread))), actions=tuple(actions))


def gives_way(system: System) -> bool:
    """Whether each step of the system is one of the thread that has the processor, if a thread has it."""
    return any(CPU.name == var.name for var in system.globals) and all(
        MAY_RUN in (parts := conjuncts(action.guard)) or HAS_CPU in parts for action in system.actions
    )


def kept_cpu(system: System) -> frozenset[tuple[str, str]]:
    """The variable that says who has the processor, where nobody is preempted: with it, the steps of a thread are few.

    With preemption a proof seldom needs it: what holds on many processors holds on one.
    """
    return frozenset() if any(var.name == QUIET for var in system.locals) else frozenset({("", CPU.name)})


def keeps_cpu(action: Action) -> bool:
    """Whether its thread has the processor after the action, and may not lose it."""
    stores = [update for update in action.updates if update.place == CPU]
    return stores == [Update(CPU, Me())]


def with_cpu(action: Action) -> Action:
    """The action where its thread has the processor."""
    return replace(action, guard=substitute(action.guard, (Update(CPU, Me()),)))


def _running(system: System, action: Action, waits: Collection[int], *, preempt: bool) -> Action:
    target = system.locations[action.target]
    lets_go = target.kind != "run" or target.rest or action.target in waits
    keeps: Expr = FREE_CPU if lets_go else Me()
    if preempt:
        has_depth = any(var.name == QUIET for var in system.locals)
        depth = substitute(Local(QUIET), action.updates) if has_depth else Const(0)
        keeps = ite(binary(">", depth, Const(0)), Me(), FREE_CPU)
    return replace(action, guard=conj([MAY_RUN, action.guard]), updates=(*action.updates, Update(CPU, keeps)))


def _yielding(where: int, leaving: Sequence[Action]) -> list[Action]:
    """The step of a thread that has the processor where it cannot go on."""
    if not leaving:
        return []
    able: list[Expr] = []
    for action in leaving:
        enabled = action.guard
        for binder in reversed(action.binders):
            enabled = Quant("exists", binder, enabled)
        able.append(enabled)
    stuck = conj([HAS_CPU, *(negate(expr) for expr in able)])
    micro = replace(leaving[0].micro[0], label="")
    return [Action(where, where, stuck, (Update(CPU, FREE_CPU),), (micro,))]


