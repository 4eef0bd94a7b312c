"""One row for each rule of the grammar: the function that makes its part of the syntax tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verify.syntax.ast import Decl, Expr
from verify.syntax.rows import claims, declarations, expressions, statements
from verify.syntax.rows.place import Place

__all__ = ["ROWS", "Place"]


def _unit(_at: Place, *items: Decl | tuple[Decl, ...]) -> tuple[Decl, ...]:
    return tuple(decl for item in items for decl in (item if isinstance(item, tuple) else (item,)))


def _condition(_at: Place, expr: Expr) -> Expr:
    return expr


ROWS: Mapping[str, Callable[..., object]] = {
    "unit": _unit,
    "condition": _condition,
    "struct": declarations.struct,
    "forward": declarations.forward,
    "field": declarations.field,
    "field_name": declarations.field_name,
    "enum": declarations.enum,
    "enumerator": declarations.enumerator,
    "global": declarations.global_,
    "declaration": declarations.declaration,
    "variable": declarations.variable,
    "function": declarations.function,
    "param": declarations.param,
    "function_param": declarations.function_param,
    "declarator": declarations.declarator,
    "star": declarations.star,
    "type": declarations.plain_type,
    "struct_type": declarations.struct_type,
    "enum_type": declarations.enum_type,
    "block": statements.block,
    "labeled": statements.labeled,
    "tagged": statements.labeled,
    "if": statements.if_,
    "while": statements.while_,
    "do_while": statements.do_while,
    "for": statements.for_,
    "for_init": statements.for_init,
    "for_step": statements.for_step,
    "switch": statements.switch,
    "case": statements.case,
    "case_label": statements.case_label,
    "break": statements.break_,
    "continue": statements.continue_,
    "goto": statements.goto,
    "return": statements.return_,
    "choose": statements.choose,
    "atomic": statements.atomic,
    "foreach": statements.foreach,
    "assume": statements.assume,
    "assert": statements.assert_,
    "do": statements.do,
    "empty": statements.empty,
    "quantified": expressions.quantified,
    "bound": expressions.bound,
    "assign": expressions.assign,
    "choice": expressions.choice,
    "binary": expressions.binary,
    "cast": expressions.cast_,
    "prefix": expressions.prefix,
    "increment": expressions.increment,
    "arrow": expressions.arrow,
    "dot": expressions.dot,
    "post_increment": expressions.post_increment,
    "name": expressions.name,
    "number": expressions.number,
    "constant": expressions.constant,
    "call": expressions.call,
    "new": expressions.new,
    "any": expressions.any_,
    "nondet": expressions.nondet,
    "held": expressions.held,
    "at": expressions.at,
    "system": claims.system,
    "group": claims.group,
    "count": claims.count,
    "value": claims.value,
    "cpus": claims.cpus,
    "preempt": claims.preempt,
    "assumption": claims.assumption,
    "assumption_atomic": claims.assumption_atomic,
    "invariant": claims.invariant,
    "claim_invariant": claims.claim_invariant,
    "claim_guard": claims.claim_guard,
    "claim_place": claims.claim_place,
    "claim_system": claims.claim_system,
    "claim_call": claims.claim_call,
    "claim_minimal": claims.claim_minimal,
    "claim_race_free": claims.claim_race_free,
    "claim_no_starvation": claims.claim_no_starvation,
    "claim_atomic_sections": claims.claim_atomic_sections,
    "claim_writers": claims.claim_writers,
    "in_system": claims.in_system,
    "without": claims.without,
    "dropped": claims.place,
    "guard": claims.guard,
    "place": claims.place,
}
