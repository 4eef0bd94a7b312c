"""One state for each orbit."""
from __future__ import annotations

from collections.abc import Callable

from verify.engine.packing import Layout
from verify.ir import Expr


def canonical(places: Layout, prop: Expr | None) -> Callable[[int], int] | None:
    return None
