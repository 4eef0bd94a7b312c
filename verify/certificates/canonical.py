"""The text of a system: the same for the same system, whoever made it, without places in the source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass

from verify.ir import Expr, System
from verify.source import Span


def system_hash(system: System, prop: Expr) -> str:
    """The SHA-256 of a system and of what is to be shown of it."""
    return hashlib.sha256(f"{canonical(system)}\n{canonical(prop)}\n".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """A part of the text."""

    text: str


def canonical(value: object) -> str:
    """A value of the IR as text; with a stack of its own, since expressions may be deep."""
    found, todo = list[str](), [value]
    while todo:
        part = todo.pop()
        match part:
            case Token(text):
                found.append(text)
            case Span():
                found.append("()")
            case tuple() | list():
                todo += [Token(")"), *reversed(part), Token("(")]
            case frozenset():
                todo.append(Token(f"{{{' '.join(sorted(map(canonical, part)))}}}"))
            case Mapping():
                entries = sorted(f"{canonical(key)}:{canonical(each)}" for key, each in part.items())
                todo.append(Token(f"[{' '.join(entries)}]"))
            case _ if is_dataclass(part) and not isinstance(part, type):
                inner = [getattr(part, each.name) for each in fields(part) if each.init]
                todo += [Token(")"), *reversed(inner), Token(f"({type(part).__name__}")]
            case _:
                found.append(json.dumps(part))
    return " ".join(found)
