"""The process that TLC runs in: its bounds, its environment, its end. A script stands for Java here."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from verify.tlc.answer import Progress
from verify.tlc.errors import TlcOutputError, ToolError
from verify.tlc.find import Tools
from verify.tlc.run import Job, Limits, probe, run, sany

Script = Callable[[str], Tools]
VERSION = 'echo "@!@!@STARTMSG 2262:0 @!@!@"; echo "TLC2 Version 9"; echo "@!@!@ENDMSG 2262 @!@!@"\n'
PROGRESS = """
echo "@!@!@STARTMSG 2200:0 @!@!@"
echo "Progress(3) at DATE: 1,234 states generated, 99 distinct states found, 7 states left on queue."
echo "@!@!@ENDMSG 2200 @!@!@"
"""
SLEEPS = "sleep 1000 & echo $! $$ > pids; wait\n"
LIMITS = Limits(seconds=20)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()

    def write(text: str) -> Tools:
        java = tmp_path / "java"
        java.write_text(f"#!/bin/sh\n{text}")
        java.chmod(0o755)
        return Tools(java, tmp_path / "t.jar")

    return write


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, "M", "C.cfg", ["-deadlock"])


def are_over(pids: Path) -> bool:
    """Whether all the processes that are listed in a file end soon; who reaps them is not ours to say."""

    def is_over(pid: str) -> bool:
        try:
            return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
        except (FileNotFoundError, ProcessLookupError):
            return True

    late = time.monotonic() + 20
    while not (over := all(map(is_over, pids.read_text().split()))) and time.monotonic() < late:
        time.sleep(0.01)
    return over


def test_what_java_is_told(script: Script, job: Job, tmp_path: Path) -> None:
    tools = script(VERSION + 'printf "%s\\n" "$@" > told; pwd >> told\n')
    run(tools, job, Limits(seconds=20, heap=77))
    told = (tmp_path / "told").read_text().split("\n")
    scratch = next(word for word in told if word.startswith("-Djava.io.tmpdir=")).partition("=")[2]
    assert Path(scratch).parent == tmp_path / "scratch"
    assert {"-Xmx77m", "-XX:+UseSerialGC", "-Duser.language=en", "-Dfile.encoding=UTF-8"} <= set(told)
    assert told[told.index("-cp") + 1 :] == [
        *(str(tmp_path / "t.jar"), "tlc2.TLC", "-tool", "-workers", "1", "-metadir", f"{scratch}/states"),
        *("-deadlock", "-config", "C.cfg", "M.tla", str(tmp_path), ""),
    ]


def test_a_large_run_has_another_collector(script: Script, tmp_path: Path) -> None:
    tools = script(VERSION + 'printf "%s\\n" "$@" > told\n')
    run(tools, Job(tmp_path, "M", "C.cfg", workers=2, large=True), LIMITS)
    told = (tmp_path / "told").read_text().split()
    assert "-XX:+UseParallelGC" in told
    assert not {"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"} & set(told)
    assert told[told.index("-workers") + 1] == "2"


def test_nothing_of_the_environment_reaches_java(script: Script, job: Job, tmp_path: Path) -> None:
    tools = script(VERSION + "env > told\n")
    reaches = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
    run(
        tools,
        job,
        LIMITS,
        environ={"KEPT": "1", "LC_ALL": "de_DE", "PATH": os.environ["PATH"]} | dict.fromkeys(reaches, "x"),
    )
    told = (tmp_path / "told").read_text().split("\n")
    assert {"KEPT=1", "LC_ALL=C.UTF-8"} <= set(told)
    assert not any(line.startswith(reaches) for line in told)


def test_out_of_time_all_processes_are_killed(script: Script, job: Job, tmp_path: Path) -> None:
    found = run(script(VERSION + PROGRESS + SLEEPS), job, Limits(seconds=1))
    assert (found.verdict, found.reason) == ("unknown", "out of time after 1 s")
    assert (found.version, found.generated, found.queue) == ("TLC2 Version 9", 1234, 7)
    assert are_over(tmp_path / "pids")
    assert not list((tmp_path / "scratch").iterdir())


def test_out_of_time_though_the_outputs_are_closed(script: Script, job: Job, tmp_path: Path) -> None:
    found = run(script(VERSION + "exec >&- 2>&-\n" + SLEEPS), job, Limits(seconds=1))
    assert found.reason == "out of time after 1 s"
    assert are_over(tmp_path / "pids")


def test_out_of_time_before_a_word_is_unknown(script: Script, job: Job) -> None:
    assert run(script("sleep 1000"), job, Limits(seconds=0.2)).reason == "out of time after 0.2 s"


def test_an_interrupt_kills_all_processes(script: Script, job: Job, tmp_path: Path) -> None:
    def hear(progress: Progress) -> None:
        assert progress == Progress(1234, 99, 7, 3)
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text().endswith("\n"):
            pass
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(script(VERSION + PROGRESS + SLEEPS), job, LIMITS, hear=hear)
    assert are_over(tmp_path / "pids")
    assert not list((tmp_path / "scratch").iterdir())


def test_output_is_bounded(script: Script, job: Job) -> None:
    tools = script(VERSION + "yes\n")
    assert run(tools, job, Limits(seconds=20, output=1)).reason == "TLC printed more than 1 MiB"
    tools = script(VERSION + "cat /dev/zero\n")
    assert run(tools, job, Limits(seconds=20, output=1)).reason == "TLC printed more than 1 MiB"


def test_standard_error_does_not_block(script: Script, job: Job) -> None:
    found = run(script(VERSION + "yes | head -c 3000000 >&2; exit 3\n"), job, Limits(seconds=20, output=1))
    assert found.reason == "TLC did not say that it had examined all states (exit code 3)"


def test_tlc_that_is_killed_is_unknown(script: Script, job: Job) -> None:
    assert run(script(VERSION + "kill -9 $$\n"), job, LIMITS).reason == "TLC was killed by SIGKILL"


def test_out_of_memory_is_unknown(script: Script, job: Job) -> None:
    tools = script(VERSION + 'echo "Terminating due to java.lang.OutOfMemoryError: Java heap space"; exit 3\n')
    assert run(tools, job, Limits(seconds=20, heap=9)).reason == "out of memory: more than 9 MiB"


def test_tlc_that_ends_in_a_message_is_unknown(script: Script, job: Job) -> None:
    found = run(script(VERSION + 'printf "@!@!@STARTMSG 1000:1 @!@!@\\nWh"\n'), job, LIMITS)
    assert found.reason == "TLC was cut off in a message"


def test_output_that_makes_no_sense_is_an_error(script: Script, job: Job) -> None:
    with pytest.raises(TlcOutputError, match="did not begin"):
        run(script(VERSION + 'echo "@!@!@ENDMSG 3 @!@!@"\n'), job, LIMITS)


def test_output_need_not_be_text(script: Script, job: Job) -> None:
    assert run(script(VERSION + "printf '\\377\\n'\n"), job, LIMITS).printed == ("\N{REPLACEMENT CHARACTER}",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "echo; echo Could not create the Java Virtual Machine >&2; exit 1",
            "TLC does not start: Could not create the",
        ),
        ("echo Error: no class; exit 1", "TLC does not start: Error: no class"),
        ("exit 5", "TLC does not start: exit code 5"),
    ],
)
def test_what_does_not_start_is_an_error(script: Script, job: Job, text: str, message: str) -> None:
    tools = script(f"{text}\n")
    for start in (
        lambda: run(tools, job, LIMITS),
        lambda: sany(tools, job.folder, "M", LIMITS),
        lambda: probe(tools, LIMITS),
    ):
        with pytest.raises(ToolError, match=message) as error:
            start()
        assert "JAVA_HOME" in error.value.hint


def test_what_cannot_be_run_is_an_error(script: Script, job: Job) -> None:
    tools = script("")
    tools.java.write_bytes(b"\x7fELF no program")
    with pytest.raises(ToolError, match="does not start: Exec format error"):
        run(tools, job, LIMITS)
    tools.java.chmod(0o644)
    with pytest.raises(ToolError, match="does not start: Permission denied"):
        run(tools, job, LIMITS)
    tools.java.unlink()
    with pytest.raises(ToolError, match="does not start: No such file"):
        run(tools, job, LIMITS)


def test_sany_that_does_not_come_to_its_end(script: Script, tmp_path: Path) -> None:
    tools = script('echo "****** SANY2 Version 2.1 created 2014"; echo "Parsing file M.tla"\n')
    assert sany(tools, tmp_path, "M", LIMITS) == ("SANY did not come to its end",)
    tools = script('echo "****** SANY2 Version 2.1 created 2014"; sleep 1000\n')
    assert sany(tools, tmp_path, "M", Limits(seconds=0.5)) == ("out of time after 0.5 s",)
