"""The conditions of `#if`: integer constants of 64 bits."""

from __future__ import annotations

from collections.abc import Sequence

from verify.diagnostics import Diagnostic, InputError
from verify.source import Span
from verify.syntax.ast import Binary, Cast, Conditional, ExprNode, Number, Unary
from verify.syntax.lex import Word
from verify.syntax.macros import Expander
from verify.syntax.parse import parse

BITS = 64


def truth(text: Sequence[Word], at: Span, expander: Expander) -> bool:
    """Evaluate the words of a condition; `at` is the directive. Raises InputError if they are no constant."""
    bad = next((word for word in text if word.kind in ("bad", "string", "char")), None)
    if not text or bad is not None:
        raise _refused("the condition is not an integer constant", bad.span if bad else at)
    known = expander.expand(_defined(text, expander))
    # What is still a name when all macros are expanded counts as 0, as in C.
    plain = [_number(word, 0) if word.kind == "name" and word.text not in ("true", "false") else word for word in known]
    whole = text[0].span.to(text[-1].span)
    tree, errors = parse(plain, Span(whole.source, whole.end, whole.end), "condition")
    if errors or not isinstance(tree, ExprNode):
        raise InputError(errors or [Diagnostic("KC027", "the condition is not an integer constant", whole)])
    return _value(tree) != 0


def _refused(message: str, at: Span) -> InputError:
    return InputError([Diagnostic("KC027", message, at)])


def _number(word: Word, value: int) -> Word:
    return Word("number", str(value), word.span, word.tight)


def _defined(text: Sequence[Word], expander: Expander) -> list[Word]:
    """Replace `defined NAME` and `defined(NAME)` by 1 or 0."""
    result: list[Word] = []
    rest = list(reversed(text))
    while rest:
        word = rest.pop()
        if word.kind != "name" or word.text != "defined":
            result.append(word)
            continue
        shape = [w.text if w.kind != "name" else "name" for w in rest[: -4 : -1]]
        if shape[:1] == ["name"]:
            name = rest.pop()
        elif shape == ["(", "name", ")"]:
            name = rest[-2]
            del rest[-3:]
        else:
            raise _refused("`defined` wants a name", word.span)
        result.append(_number(word, int(name.text in expander.macros)))
    return result


def _wrapped(value: int) -> int:
    """Return `value` as a signed integer of 64 bits."""
    return (value + (1 << BITS - 1)) % (1 << BITS) - (1 << BITS - 1)


def _value(tree: ExprNode) -> int:
    match tree:
        case Number(value):
            return _wrapped(value)
        case Unary("!", operand):
            return int(_value(operand) == 0)
        case Unary("-", operand):
            return _wrapped(-_value(operand))
        case Unary("~", operand):
            return ~_value(operand)
        case Unary("+", operand) | Cast(_, operand):
            return _value(operand)
        case Conditional(cond, then, other):
            return _value(then if _value(cond) else other)
        case Binary("&&", left, right):
            return int(_value(left) != 0 and _value(right) != 0)
        case Binary("||", left, right):
            return int(_value(left) != 0 or _value(right) != 0)
        case Binary(op, left, right):
            return _wrapped(_operated(op, _value(left), _value(right), tree.span))
        case _:
            raise _refused("not part of an integer constant", tree.span)


def _operated(op: str, left: int, right: int, at: Span) -> int:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" | "%" if right == 0:
            raise _refused("division by zero", at)
        case "/" | "%":
            quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return quotient if op == "/" else left - right * quotient
        case "<<" | ">>" if not 0 <= right < BITS:
            raise _refused("a shift by less than 0 or more than 63 bits", at)
        case "<<":
            return left << right
        case ">>":
            return left >> right
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
        case _:
            return int(COMPARE[op](left, right))


COMPARE = {
    "<": int.__lt__, ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__, "==": int.__eq__, "!=": int.__ne__,
}
