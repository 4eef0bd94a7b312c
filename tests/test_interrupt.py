"""Ctrl-C in a real process: what is known is told, and nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.handmade import KC

DRIVER = """
import signal, sys, time
from pathlib import Path
from tests.handmade import fake_judge
from verify import answering, api
from verify.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it

def judge_of(selection, options, report, tools):
    def judge(claim):
        if claim.kind == "prove" and claim.invariant != "good":
            Path(claim.invariant).touch()
            time.sleep(3600)
        return fake_judge(claim)
    return judge

answering.judge_of = judge_of
api.cores = lambda: CORES
sys.exit(main(sys.argv[1:]))
"""
# `good` is judged while `hard` keeps a worker busy; once `harder` is begun, `good` is known. Runs come after proofs.
SPEC = KC.partition("prove")[0] + """\
system trio { task init[3] runs user; }
invariant harder = forall (struct task *k) (k->flag || k->seen);
reach user.set;
prove hard;
reach user.look;
prove good in pair;
prove harder in trio;
"""
ROOT = Path(__file__).parent.parent
GROUP, ALONE = os.killpg, os.kill
Kill = Callable[[int, int], None]


@contextmanager
def verify(*args: str, cores: int = 2) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, once it is at claims that take for ever."""
    Path("a.kc").write_text(SPEC)
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER.replace("CORES", str(cores)), "prove", "a.kc", *args], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
    ) as process:
        try:
            late = time.monotonic() + 60
            while not all(Path(name).exists() for name in ("hard", "harder")[:cores]):
                assert process.poll() is None
                assert time.monotonic() < late
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What is left to read: it ends when the last process that could write has ended."""
    return process.communicate(timeout=60)


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kill", [GROUP, ALONE], ids=["group", "alone"])
def test_an_interrupt_tells_what_is_known(kill: Kill) -> None:
    with verify() as process:
        kill(process.pid, signal.SIGINT)
        out, err = rest(process)
    assert process.returncode == 130
    assert err == "verify: interrupted\n"
    lines = out.splitlines()
    assert [line[:11] + line[11:].split("  ")[0] for line in lines[:-1]] == [
        "? unknown  reach user.set", "           interrupted",
        "? unknown  prove hard", "           interrupted",
        "? unknown  reach user.look", "           interrupted",
        "✓ holds    prove good in pair",
        "? unknown  prove harder in trio", "           interrupted",
    ]
    assert lines[-1].startswith("5 claims: 1 holds, 4 unknown")


@pytest.mark.parametrize("kill", [GROUP, ALONE], ids=["group", "alone"])
def test_an_interrupt_leaves_one_object(kill: Kill) -> None:
    with verify("--json") as process:
        kill(process.pid, signal.SIGINT)
        out, err = rest(process)
    assert (process.returncode, err) == (130, "verify: interrupted\n")
    assert [(claim["holds"], claim["reason"]) for claim in json.loads(out)["claims"]] == [
        (None, "interrupted"), (None, "interrupted"), (None, "interrupted"), (True, ""), (None, "interrupted")
    ]


def test_an_interrupt_on_one_core() -> None:
    with verify("--json", cores=1) as process:
        GROUP(process.pid, signal.SIGINT)
        out, err = rest(process)
    assert (process.returncode, err) == (130, "verify: interrupted\n")
    assert [claim["holds"] for claim in json.loads(out)["claims"]] == [True, None, None, None, None]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_workers_do_not_outlive_the_command(end: signal.Signals) -> None:
    with verify() as process:
        process.send_signal(end)
        out, err = rest(process)
    assert (out, err) == ("", "")
    assert process.returncode == -end


def test_an_interrupt_that_nobody_reads_of_is_quiet() -> None:
    """Whoever interrupts may have stopped reading too."""
    with verify() as process:
        assert process.stdout is not None
        process.stdout.close()
        GROUP(process.pid, signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 3


JAVA = """\
#!/bin/sh
echo $$ > {folder}/started.tmp
mv {folder}/started.tmp {folder}/started
exec sleep 600
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_tlc_does_not_outlive_the_command(tmp_path: Path, end: signal.Signals) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(JAVA.format(folder=tmp_path))
    java.chmod(0o755)
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from verify.cli import main"
    with subprocess.Popen(
        [sys.executable, "-c", f"{start}; sys.exit(main(['tlc', 'test_and_set.kc']))"], text=True,
        stderr=subprocess.PIPE, env={**os.environ, "JAVA_HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    ) as process:
        try:
            late = time.monotonic() + 60
            while not (tmp_path / "started").exists():
                assert process.poll() is None
                assert time.monotonic() < late
                time.sleep(0.01)
            process.send_signal(end)
            assert process.wait(timeout=60) == 130
            with pytest.raises(ProcessLookupError):
                os.kill(int((tmp_path / "started").read_text()), 0)
            assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "started"]
        finally:
            process.kill()
