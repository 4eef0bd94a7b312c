"""What a certificate holds, and its JSON: exactly these fields, of exactly these types."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from verify.engine.verdict import Counterexample

SCHEMA = "verify-certificate/3"
MOST_BYTES = 64 << 20
T = TypeVar("T")


class NoCertificateError(Exception):
    """The file cannot be read, or is no certificate at all."""


class BadCertificateError(Exception):
    """A certificate that does not show what it claims to show, and why; of an obligation that is not met, where."""

    def __init__(self, reason: str, cti: Counterexample | None = None) -> None:
        """Keep both."""
        super().__init__(reason)
        self.cti = cti


@dataclass(frozen=True, slots=True)
class File:
    """A source file: its path from the folder of the main file, or among the bundled specs."""

    path: str
    bundled: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for: the main file and those that it includes, and the options that change what they mean."""

    files: tuple[File, ...]  # the main file first; its path is from the folder of the certificate
    defines: Mapping[str, str]
    system: str | None
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claim, and whether it holds: the property behind it does."""

    name: str
    kind: str
    invariant: str | None
    guard: str | None
    system: str
    removed: tuple[str, ...]
    holds: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """How far the proof reaches."""

    tasks: str
    steps: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What was proved: of a system without some guards, with others there or not, what some claims are about."""

    claims: tuple[str, ...]
    invariants: tuple[str, ...]  # whose conjunction was proved; none for a claim about no invariant
    removed: tuple[str, ...]
    optional: tuple[str, ...]
    assumptions: tuple[str, ...]  # under which it was proved


@dataclass(frozen=True, slots=True)
class Rests:
    """The passes that made the small system, and the SHA-256 of its text."""

    keys: tuple[tuple[str, str], ...]
    pending: bool
    spins: bool
    places: bool
    counts: str
    reduce: bool
    slice: bool
    system: str


@dataclass(frozen=True, slots=True)
class Said:
    """A clause: of every thread `t` (at some locations), of every object `o` of a class, or of both."""

    thread: bool
    object: str
    locations: tuple[int, ...] | None
    body: str  # a number, or the name of a line


@dataclass(frozen=True, slots=True)
class Certificate:
    """A proof for any number of tasks, as it is written down."""

    schema: str
    versions: Mapping[str, str]
    given: Given
    claim: Claimed
    scope: Scope
    statement: Statement
    basis: Rests
    lines: tuple[str, ...]  # what bodies are made of; line number i is called `ni`
    clauses: tuple[Said, ...]

    def text(self) -> str:
        """The certificate as JSON, with the SHA-256 of the rest at its end."""
        found = asdict(self)
        return json.dumps({**found, "sha256": seal(found)}, indent=1, ensure_ascii=False) + "\n"


def seal(rest: Mapping[str, Any]) -> str:
    """The SHA-256 of everything but itself."""
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def certificate(data: bytes) -> Certificate:
    """The certificate that a file holds. Raises NoCertificateError or BadCertificateError."""
    if len(data) > MOST_BYTES:
        raise NoCertificateError(f"it has more than {MOST_BYTES >> 20} MB")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NoCertificateError("it is not JSON") from error
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("verify-certificate/"):
        raise NoCertificateError("it is no certificate")
    if found["schema"] != SCHEMA:
        raise BadCertificateError(f"its schema is not {SCHEMA}")
    said = found.pop("sha256", None)
    result = _read(Certificate, found, "the certificate")
    if said != seal(found):
        raise BadCertificateError("its contents do not have the hash that it ends with: it was changed")
    return result


def _read(kind: type[T], value: object, place: str) -> T:
    """`value` as a `kind`. Raises BadCertificateError where it is none."""
    wrong = BadCertificateError(f"{place} does not have the form of a certificate")
    if is_dataclass(kind):
        hints = _hints(kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            raise wrong
        found: Any = kind(**{name: _read(hint, value[name], name) for name, hint in hints.items()})
        return found  # type: ignore[no-any-return] # one of `kind`
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(inner[0], value, place)  # type: ignore[return-value] # of `X | None`
    if origin is tuple and isinstance(value, list):
        if inner[-1] is not Ellipsis and len(inner) != len(value):
            raise wrong
        return tuple(_read(inner[0], each, place) for each in value)  # type: ignore[return-value] # a tuple of them
    if origin is Mapping and isinstance(value, dict):
        return {name: _read(inner[1], each, place) for name, each in value.items()}  # type: ignore[return-value] # JSON's keys are text
    if type(value) is not kind:
        raise wrong
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}
