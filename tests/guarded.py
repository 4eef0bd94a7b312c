"""Random programs with a few guards, and what every set of them comes to by search alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random

from verify.engine.search import search
from verify.instances import exact_tasks, instance
from verify.lower import lower
from verify.lower.claims import property_of
from verify.redundancy.bench import Bench, Together, claim_about
from verify.redundancy.growing import apart, grown
from verify.syntax import load
from verify.syntax.program import Program

PAIRS = (("x", "y"), ("t->a", "t->b"), ("t->a", "x"))  # what one function sets, and the other
INVARIANTS = {
    "y": "forall (struct task *t) !(x && y)", "t->b": "forall (struct task *t) !(t->a && t->b)",
    "x": "forall (struct task *t) !(t->a && x)",
}  # fmt: skip
MOST_GUARDS = 6
LOCKED, CLEARED = 0.8, 0.4  # how likely a lock is taken, and what was set cleared again
TASKS = (1, 2, 3)


@dataclass(slots=True)
class Writer:
    """A program as it is written; `guards` are those of which sets are removed."""

    random: Random
    pair: tuple[str, str]
    guards: list[str] = field(default_factory=list)

    def name(self, function: str) -> str:
        """The label of the next guard."""
        self.guards.append(f"{function}.g{len(self.guards)}")
        return f"g{len(self.guards) - 1}>"

    def body(self, function: str, own: str, other: str, unlock: str = "") -> Iterator[str]:
        """Tests of what the other function sets, then a store of what this one sets; `unlock` releases what is held."""
        for _ in range(self.random.choice((0, 1, 1, 2))):
            if len(self.guards) < MOST_GUARDS:
                test = self.random.choice((other, other, other, own, f"{other} || {own}", f"!{other}"))
                out = f"{{ {unlock} return; }}" if unlock else "return;"
                yield f"{self.name(function)} if ({test}) {out}"
        if not unlock and len(self.guards) < MOST_GUARDS and self.random.random() < LOCKED:
            lock = self.random.choice(("&big", "&big", "&t->l"))
            yield f"{self.name(function)} spin_lock({lock});"
            yield from self.body(function, own, other, f"spin_unlock({lock});")
            yield f"spin_unlock({lock});"
        else:
            yield f"{own} = true;"
        if self.random.random() < CLEARED:
            yield f"{own} = false;"

    def text(self) -> str:
        """The whole program."""
        one, other = self.pair
        bodies = {"f": list(self.body("f", one, other)), "g": list(self.body("g", other, one))}
        functions = "\n".join(
            f"void {name}(struct task *t) {{\n    " + "\n    ".join(body) + "\n}" for name, body in bodies.items()
        )
        return f"""
struct task {{ bool a; bool b; spinlock_t l; }};
bool x;
bool y;
spinlock_t big;
{functions}
void user(void) {{ for (;;) choose {{ f(any(struct task)); g(any(struct task)); }} }}
system {{ task user[*] runs user; }}
invariant safe = {INVARIANTS[other]};
prove safe;
"""


def written(seed: int) -> str:
    """The text of the program of a seed."""
    random = Random(seed)  # noqa: S311 - no secret
    return Writer(random, random.choice(PAIRS)).text()


def program(seed: int, folder: Path) -> Program:
    """The program of a seed."""
    path = folder / f"guarded_{seed}.kc"
    path.write_text(written(seed), encoding="utf-8")
    return load(path)


def by_search(made: Program, invariant: str = "safe") -> Mapping[frozenset[str], bool]:
    """Whether the invariant holds with up to three tasks, for every set of removed checks and locks."""
    names = [guard.name for guard in made.guards.values() if guard.kind in ("check", "lock")]
    claim = claim_about(invariant, "system")
    found: dict[frozenset[str], bool] = {}
    for size in range(len(names) + 1 if names else 0):
        for removed in map(frozenset, combinations(names, size)):
            lowered = lower(made, "system", removed=removed)
            prop = property_of(claim, made, lowered)
            exact = exact_tasks(lowered.system)
            sizes = TASKS if exact is None else (exact,)
            found[removed] = all(search(instance(lowered.system, n), prop).trace is None for n in sizes)
            if not removed and not found[removed]:
                return found
    return found


__all__ = ["by_search", "program"]


def grown_apart(bench: Bench, guards: Sequence[str]) -> list[Together]:
    """The proofs for many guards, as `verify redundant` has them grow: checks and locks, and all others."""
    growths = (grown([bench], part, bench.guesses()) for part in apart(bench.program, guards))
    return [together for together in growths if together is not None]
