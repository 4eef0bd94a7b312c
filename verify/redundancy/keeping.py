"""What was found out about an invariant or a guard, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from verify.report.redundancy import About, Answer, Broken, Cell, GuardRow

Found = About | GuardRow


def as_json(found: Found) -> dict[str, Any]:
    """The values of an answer."""
    return asdict(found)


def whole(found: Found) -> bool:
    """Whether everything about it is decided, so that more time would change nothing."""
    match found:
        case GuardRow(fires=fires):
            return fires != "unknown"
        case About(whole=answer, cells=cells, complete=complete):
            decided = answer.verdict in ("proved", "refuted") and all(cell.need != "unknown" for cell in cells)
            return decided and (complete or not cells)


def from_json(values: Any) -> Found | None:  # noqa: ANN401 - whatever was in the file
    """The answer; None if the values are those of none."""
    try:
        return _guard(values) if "kind" in values else _about(values)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _guard(values: Mapping[str, Any]) -> GuardRow:
    cost = values["cost"]
    return GuardRow(**{**values, "cost": None if cost is None else Answer(**cost)})


def _about(values: Mapping[str, Any]) -> About:
    return About(
        str(values["invariant"]), Answer(**values["whole"]),
        tuple(Cell(c["guard"], c["need"], Answer(**c["result"])) for c in values["cells"]),
        tuple(values["universe"]), tuple(tuple(one) for one in values["sufficient"]),
        tuple(Broken(tuple(b["guards"]), Answer(**b["result"])) for b in values["together"]), bool(values["complete"]),
    )  # fmt: skip
