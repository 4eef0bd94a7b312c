"""The runs that decide claims as files, each in the Informal Trace Format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verify.certificates.write import file_stem
from verify.emit.itf import itf
from verify.judging import Options, Selection
from verify.writing import replace_file

if TYPE_CHECKING:
    from verify.report.result import ClaimResult
    from verify.syntax.ast import ClaimDecl


def write_run(
    folder: Path, selection: Selection, options: Options, claim: ClaimDecl, result: ClaimResult
) -> Path | None:
    """Write the run that decides a claim into a folder; return its path, None without a run.

    Then one that was written of this claim before goes, unless it is unknown whether there is one. Raises OSError.
    """
    path = folder / f"{file_stem(selection, options, claim)}.itf.json"
    about = _about(selection, claim, result)
    if result.trace is not None:
        replace_file(path, itf(result.trace, about))
        return path
    if result.verdict != "unknown" and _is_of(path, about):
        path.unlink()
    return None


def _about(selection: Selection, claim: ClaimDecl, result: ClaimResult) -> Mapping[str, str]:
    """What the head of a file says of the run: with these guards removed, `verify export` writes its module."""
    return {
        "source": Path(selection.program.sources[0].path).name,
        "description": claim.name,
        "system": selection.system(claim),
        "without": ", ".join(result.removed),
    }


def _is_of(path: Path, about: Mapping[str, str]) -> bool:
    """Whether a file is a run of the same claim."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        head = found.get("#meta") if isinstance(found, dict) else None
        return isinstance(head, dict) and {key: head.get(key) for key in about} == dict(about)
    return False
