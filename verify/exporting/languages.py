"""The languages that a system can be exported to, and the files that each makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from verify.exporting.inductive import Proofs, proofs_of
from verify.exporting.subject import Subject
from verify.exporting.tla import export_tla, with_manifest
from verify.judging import Options

Language = Literal["tla"]
Files = Mapping[str, str]  # the text of each by its name


def _tla(of: Subject) -> Files:
    return with_manifest(export_tla(of))


PROOFS: Final[Mapping[Language, Callable[[Subject, Options], Proofs]]] = {"tla": proofs_of}
LANGUAGES: Final[Mapping[Language, Callable[[Subject], Files]]] = {"tla": _tla}
