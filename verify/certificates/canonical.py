"""The text of a system: the same for the same system, whoever made it, without places in the source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from verify.ir import Expr, System
from verify.source import Span


def system_hash(system: System, prop: Expr) -> str:
    """The SHA-256 of a system and of what is to be shown of it."""
    return hashlib.sha256(f"{canonical(system)}\n{canonical(prop)}\n".encode()).hexdigest()


def canonical(value: object) -> str:
    """A value of the IR as text."""
    match value:
        case Span():
            return "()"
        case tuple() | list():
            return f"({' '.join(map(canonical, value))})"
        case frozenset():
            return f"{{{' '.join(sorted(map(canonical, value)))}}}"
        case Mapping():
            return f"[{' '.join(sorted(f'{canonical(key)}:{canonical(each)}' for key, each in value.items()))}]"
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = (canonical(getattr(value, each.name)) for each in fields(value) if each.init)
            return f"({type(value).__name__} {' '.join(parts)})"
        case _:
            return json.dumps(value)
