"""Every claim of every bundled spec, decided with all the time it takes: `python -m tests.corpus`, or `make specs`.

A line for each spec. What happens later and which sections are single steps is decided by TLC, for two tasks or as many
as there are; a claim that says `// fails` has to. Exit code 1 if anything is otherwise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from tests.outcomes import FILES, chosen, least
from verify.api import Options, check_file, cores, tlc_file
from verify.syntax.ast import ClaimDecl

# Included, and claim nothing.
PARTS = ("/common.kc", "/properties.kc", "ptrace/kernel.kc", "ptrace/root_helper.kc", "mail/threats.kc")
SPECS = [name for name in FILES if not name.endswith(PARTS)]
BY_TLC = ("eventually", "no_starvation", "atomic_sections")  # kinds that `verify prove` leaves to `verify tlc`
PAIR = 2
SECONDS = 900.0  # for one claim, and for TLC


def by_tlc(claim: ClaimDecl) -> bool:
    """Whether `verify prove` says nothing of the claim."""
    return claim.kind in BY_TLC


def fails(claim: ClaimDecl) -> bool:
    """Whether the claim is there to fail: its line says so."""
    line = claim.span.source.text.splitlines()[claim.span.line - 1]
    return "// fails" in line


def wrong(spec: str) -> Iterator[str]:
    """The claims of a spec that are not what they should be, each with its verdict."""
    claims = chosen(spec).claims
    asked = [claim for claim in claims if not by_tlc(claim)]
    names = tuple(dict.fromkeys(claim.name for claim in asked))
    result = check_file(spec, Options(claims=names, budget=SECONDS), at_once=cores())
    yield from (f"{error.code}: {error.message}" for error in result.errors)
    yield from (f"{claim.name}: {claim.verdict}" for claim in result.claims if claim.holds is not True)
    if len(result.claims) < len(asked):
        yield "some claims were not decided"
    yield from _wrong_by_tlc(spec, [claim for claim in claims if by_tlc(claim)])


def _wrong_by_tlc(spec: str, claims: Sequence[ClaimDecl]) -> Iterator[str]:
    if not claims:
        return
    (system,) = {chosen(spec).system(claim) for claim in claims}
    tasks = max(PAIR, least(spec, system))
    options = Options(claims=tuple(claim.name for claim in claims), tasks=tasks, budget=SECONDS)
    found = {claim.name: claim.holds for claim in tlc_file(spec, options).claims}
    for claim in claims:
        if found.get(claim.name) is not (not fails(claim)):
            yield f"{claim.name}: {found.get(claim.name)}"


def main(names: Sequence[str]) -> int:
    """Decide those specs whose names begin with one of these, or all."""
    failed = 0
    for spec in SPECS:
        if names and not spec.startswith(tuple(names)):
            continue
        began = time.monotonic()
        found = list(wrong(spec))
        failed += bool(found)
        said = "; ".join(found) or "as it says"
        sys.stdout.write(f"{spec:50} {len(chosen(spec).claims):3} claims {time.monotonic() - began:7.1f} s  {said}\n")
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
