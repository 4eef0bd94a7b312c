"""The views in which a property is false, of properties that one view tells."""

from __future__ import annotations

from collections.abc import Mapping

from verify.engine.bdd import Node
from verify.engine.parametric.reading import OutsideError, Reading, SplitError, truth
from verify.engine.parametric.rules import slots_of
from verify.engine.parametric.space import ME, OWN, VIEWED, Kind, Space, view_bits
from verify.engine.valuesets import TooWideError
from verify.ir import Expr, Ptr, Range
from verify.universal import prenex


def violations(of: Space, prop: Expr) -> Mapping[Kind, Node]:
    """Return the views of each kind that violate a conjunct of the property about one object."""
    result: dict[Kind, Node] = {}
    for binders, matrix in prenex(prop) or ():
        match [(binder.name, binder.domain) for binder in binders]:
            case [(name, Ptr(cls))]:
                kind = OWN if cls == of.system.thread else Kind(cls)
                at = Reading(of, None if kind == OWN else cls, {name: ME if kind == OWN else VIEWED})
                try:
                    bad = ~truth(matrix, at)
                except (OutsideError, SplitError, TooWideError):
                    continue
                for slot in slots_of(of, bad):  # of the bits of a pointer or a set, only those that go together
                    if not isinstance(of.slots[slot].domain, Range):
                        bad &= of.any_of(of.tests[slot].values())
                bad = of.manager.exist(sorted(set(bad.support) - view_bits(of, kind)), bad)
                if not at.free:
                    result[kind] = result[kind] | bad if kind in result else bad
            case _:
                continue
    return result
