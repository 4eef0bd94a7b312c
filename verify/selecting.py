"""What to check: the file that a name means, and those of its claims that the options ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from verify.diagnostics import Diagnostic, InputError
from verify.judging import Options, Selection, default_system
from verify.outcome import adapted
from verify.resources import specs_root
from verify.source import Source, Span

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program

MOST_TASKS = 64  # that a user can ask for


def select(path: str, options: Options) -> Selection:
    """Read the file and pick its claims. Raises InputError for its errors and for names that it does not have."""
    from verify.syntax import load  # noqa: PLC0415 - the parser takes longer to import than `--help` may take

    program = load(find(path), defines=options.defines)
    problems = [*_unknown_guards(program, options, path), *_unknown_system(program, options, path)]
    if problems:
        raise InputError(problems)
    claims = [claim for claim in program.claims if _asked(claim, options)]
    for name in options.claims:
        if not any(matches(claim, name) for claim in program.claims):
            names = [claim.name for claim in program.claims]
            message = f"no claim is called `{name}`{_elsewhere(name, program)}"
            raise InputError([problem("KC901", message, path, name, names)])
    if options.claims and not claims:
        raise InputError([problem("KC901", f"no such claim is about `{options.system}`", path)])
    return Selection(path, program, tuple(adapted(claim, options.system, options.without) for claim in claims))


def studied(
    selection: Selection, options: Options, invariants: Sequence[str], kinds: Collection[str]
) -> tuple[str, tuple[str, ...]]:
    """The system to study, and the invariants: without names those of claims of these kinds, or all if there is none.

    Raises InputError for names that the file does not have.
    """
    from verify.syntax.check.specification import BUILT_IN_INVARIANTS  # noqa: PLC0415 - see above

    program, system = selection.program, options.system or default_system(selection.program)
    if system not in program.systems:
        raise InputError([problem("KC164", "the file has no system", selection.file)])
    known = [*program.invariants, *BUILT_IN_INVARIANTS]
    for name in invariants:
        if name not in known:
            raise InputError([problem("KC160", f"unknown invariant `{name}`", selection.file, name, known)])
    mine = (claim for claim in program.claims if claim.kind in kinds and selection.system(claim) == system)
    claimed = dict.fromkeys(claim.invariant for claim in mine if claim.invariant)
    return system, tuple(dict.fromkeys(invariants)) or tuple(claimed) or tuple(program.invariants)


def claims_nothing(path: str) -> bool:
    """Whether the file at `path` can be read and claims nothing, as one that others include may; it is not checked."""
    from verify.syntax import parse_file  # noqa: PLC0415 - see above
    from verify.syntax.ast import ClaimDecl  # noqa: PLC0415 - see above

    try:
        return not any(isinstance(decl, ClaimDecl) for decl in parse_file(path).declarations)
    except InputError:
        return False


def included_claims(program: Program) -> Mapping[str, int]:
    """How many claims each included file has: they are claims of that file, and nobody decides them here."""
    return Counter(claim.span.source.path for claim in program.included)


def _elsewhere(name: str, program: Program) -> str:
    """Which included file has the claim, if one has."""
    files = (claim.span.source.path for claim in program.included if matches(claim, name))
    found = next(files, None)
    return "" if found is None else f"; `{found.rsplit('/', 1)[-1]}`, which is included, has one"


def matches(claim: ClaimDecl, name: str) -> bool:
    """Whether `name` means the claim: its name, the first words of that, or what it is about."""
    return name in (claim.name, claim.invariant, *claim.targets) or claim.name.startswith(f"{name} ")


def _asked(claim: ClaimDecl, options: Options) -> bool:
    named = not options.claims or any(matches(claim, name) for name in options.claims)
    return named and (options.system is None or claim.system in (None, options.system))


def find(path: str) -> Path:
    """The file, or the bundled spec of that name. Raises InputError if there is neither."""
    root = specs_root()
    names = [path, f"{path}.kc"]
    for candidate in [Path(path), *(root / name for name in names)]:
        if candidate.is_file() and (candidate == Path(path) or candidate.resolve().is_relative_to(root.resolve())):
            return candidate
    bundled = sorted(root.rglob("*.kc"), key=lambda spec: (len(spec.parts), spec))  # those at the top first
    same = [spec for spec in bundled if spec.name in names]
    if len(same) == 1:
        return same[0]
    known = [spec.relative_to(root).as_posix() for spec in bundled]
    several = f"several bundled specs are called `{path}`" if same else f"there is no file and no bundled spec `{path}`"
    raise InputError([problem("KC001", several, path, path, known)])


def problem(code: str, message: str, path: str, wrong: str = "", known: Sequence[str] = ()) -> Diagnostic:
    """An error of the command line: it has no place in the source."""
    close = get_close_matches(wrong, known, n=1, cutoff=0.5)
    listed = ", ".join(f"`{name}`" for name in known[:8]) + (", ..." if len(known) > 8 else "")  # noqa: PLR2004
    hint = f"did you mean `{close[0]}`?" if close else f"there is {listed}" if known else ""
    return Diagnostic(code, message, Span(Source(path, ""), 0, 0), hint=hint)


def _unknown_guards(program: Program, options: Options, path: str) -> Iterator[Diagnostic]:
    removable = [guard.name for guard in program.guards.values() if guard.kind != "none"]
    known = [*program.assumptions, *removable]
    for name in options.without:
        if name not in known:
            yield problem("KC903", f"no guard or assumption `{name}` can be removed", path, name, known)


def _unknown_system(program: Program, options: Options, path: str) -> Iterator[Diagnostic]:
    if options.system is not None and options.system not in program.systems:
        known = list(program.systems)
        yield problem("KC902", f"no system is called `{options.system}`", path, options.system, known)


def tasks_from(said: str) -> int | None:
    """The number of tasks that a user asks for; None is any. Raises ValueError."""
    if said == "any":
        return None
    if not said.isdecimal() or not 0 < int(said) <= MOST_TASKS:
        message = f"`any` or a number from 1 to {MOST_TASKS} is wanted, not `{said}`"
        raise ValueError(message)
    return int(said)
