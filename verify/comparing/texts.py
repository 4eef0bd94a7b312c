"""What differs in the text: functions and guards, whatever their spelling, comments and names of statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.lower.observe import callees, observable
from verify.lower.scope import walk
from verify.report.diff import Change, Texts
from verify.source import Span
from verify.syntax import ast
from verify.syntax.program import Program

Plain = object  # a tree as nested tuples, without places, types and names of statements


def texts(before: Program, after: Program) -> Texts:
    """The functions, declarations and guards that differ between two programs."""
    return Texts(
        tuple(_changes(_functions(before), _functions(after))),
        tuple(_changes(_declarations(before), _declarations(after))),
        tuple(_changes(_guards(before), _guards(after))),
    )


def changed(before: Program, after: Program) -> frozenset[str]:
    """The functions that differ by their text, or by that of functions that they use and whose calls cannot be seen."""
    one, other = _functions(before), _functions(after)
    names = {name for name in one.keys() | other.keys() if _text(one, name) != _text(other, name)}
    hidden = {name for p in (before, after) for name in p.functions.keys() - observable(p)}
    while True:
        found = {name for name in one.keys() | other.keys() if any(
            hidden & names & callees(p.functions[name]) for p in (before, after) if name in p.functions
        )} - names  # fmt: skip
        if not found:
            return frozenset(names)
        names |= found


Named = Mapping[str, tuple[Plain, Span]]


def _changes(before: Named, after: Named) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        if _text(before, name) != _text(after, name):
            yield Change(name, before[name][1] if name in before else None, after[name][1] if name in after else None)


def _text(named: Named, name: str) -> Plain:
    return named[name][0] if name in named else None


def _functions(program: Program) -> Named:
    return {name: (plain(f), f.span) for name, f in program.functions.items()}


def _declarations(program: Program) -> Named:
    found: dict[str, ast.Node] = {f"struct {name}": struct for name, struct in program.structs.items()}
    found |= {f"enum {name}": enum for name, enum in program.enums.items()}
    found |= dict(program.globals.items())
    found |= {f"assumption {name}": decl for name, decl in program.assumptions.items()}
    found |= {f"system {name}": system for name, system in program.systems.items()}
    return {name: (plain(node), node.span) for name, node in found.items()}


def _guards(program: Program) -> Named:
    statements = {
        f"{name}.{node.label}": node.body
        for name, function in program.functions.items()
        for node in walk(function)
        if isinstance(node, ast.Labeled)
    }
    return {name: (plain(statements[name]), guard.span) for name, guard in program.guards.items()}


def plain(node: ast.Node) -> Plain:
    """What a tree says, for comparison."""
    targets = frozenset(part.label for part in walk(node) if isinstance(part, ast.Goto))

    def said(value: object) -> Plain:
        match value:
            case ast.Labeled(label=label, body=body):
                return ("label", label, said(body)) if label in targets else said(body)
            case ast.Block(body=body):
                inner = tuple(said(part) for part in body if not isinstance(part, ast.Empty))
                return inner[0] if len(inner) == 1 else ("block", *inner)
            case ast.Cast(operand=ast.Number() as number):
                return said(number)
            case ast.Node():
                fields = [name for name in value.__dataclass_fields__ if name not in ("span", "type", "label_span")]
                return (type(value).__name__, *(said(getattr(value, name)) for name in fields))
            case tuple():
                return tuple(said(part) for part in value)
            case _:
                return value

    return said(node)
