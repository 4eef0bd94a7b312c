"""The front end: from a `.kc` file to a checked program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

from verify.diagnostics import Diagnostic, InputError
from verify.resources import specs_root
from verify.source import Source, Span
from verify.syntax.ast import ClaimDecl, Decl, Unit
from verify.syntax.check import check
from verify.syntax.files import checked, read
from verify.syntax.limits import MAX_ERRORS, Budget
from verify.syntax.parse import parse
from verify.syntax.preprocess import preprocess
from verify.syntax.program import Program

__all__ = ["load", "load_text", "parse_file", "parse_text"]

NOTHING: Mapping[str, str] = MappingProxyType({})


def load(path: Path | str, *, defines: Mapping[str, str] = NOTHING, include_roots: Sequence[Path] = ()) -> Program:
    """Return the checked program in the file at `path`.

    `defines` are macros as `-D NAME=VALUE` gives them. An `#include` is looked up beside the including file, then in
    `include_roots`, then among the bundled specs. Raises InputError with the errors found, in source order.
    """
    return check(parse_file(path, defines=defines, include_roots=include_roots))


def load_text(
    text: str, path: str = "<text>", *, defines: Mapping[str, str] = NOTHING, include_roots: Sequence[Path] = ()
) -> Program:
    """Return the checked program in `text`, called `path` in messages; nothing is beside it to include."""
    return check(parse_text(text, path, defines=defines, include_roots=include_roots))


def parse_file(path: Path | str, *, defines: Mapping[str, str] = NOTHING, include_roots: Sequence[Path] = ()) -> Unit:
    """Return the syntax tree of the file at `path`; as `load`, without the checks."""
    budget = Budget()
    source = read(Path(path), str(path), budget)
    return _unit(source, Path(path), defines, include_roots, budget)


def parse_text(
    text: str, path: str = "<text>", *, defines: Mapping[str, str] = NOTHING, include_roots: Sequence[Path] = ()
) -> Unit:
    """Return the syntax tree of `text`; as `load_text`, without the checks."""
    budget = Budget()
    return _unit(checked(text, path, budget), None, defines, include_roots, budget)


def _unit(
    source: Source, path: Path | None, defines: Mapping[str, str], roots: Sequence[Path], budget: Budget
) -> Unit:
    run = preprocess(source, path, defines, (*roots, specs_root()), budget)
    length = len(source.text)
    declarations, errors = parse(run.output, Span(source, length, length), "unit")
    if run.errors or errors or declarations is None:
        raise InputError(_ordered([*run.errors, *errors], run.sources)[:MAX_ERRORS])
    own, included = list[Decl](), list[ClaimDecl]()
    for decl in cast("tuple[Decl, ...]", declarations):
        if isinstance(decl, ClaimDecl) and decl.span.source is not source:
            included.append(decl)
        else:
            own.append(decl)
    return Unit(source.path, tuple(own), tuple(included), tuple(run.sources))


def _ordered(errors: list[Diagnostic], sources: Sequence[Source]) -> list[Diagnostic]:
    """Sort errors by place, files in the order in which they were opened."""
    rank = {id(source): index for index, source in enumerate(sources)}
    return sorted(errors, key=lambda d: (rank.get(id(d.span.source), -1), d.span.start))
