"""The languages that a system can be exported to, and the files that each makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from verify.exporting.c import export_c
from verify.exporting.dot import export_dot
from verify.exporting.subject import Subject
from verify.exporting.tla import export_tla, with_manifest

Language = Literal["tla", "c", "dot"]
Files = Mapping[str, str]  # the text of each by its name


def _tla(of: Subject) -> Files:
    return with_manifest(export_tla(of))


LANGUAGES: Final[Mapping[Language, Callable[[Subject], Files]]] = {"tla": _tla, "c": export_c, "dot": export_dot}
