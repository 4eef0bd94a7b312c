"""The command: output, streams, exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.handmade import KC, fake_judge, fake_judge_of
from verify import answering, api
from verify.api import Judgement
from verify.cli import console, main
from verify.engine.verdict import Progress
from verify.report.json_object import schema
from verify.report.meter import Meter
from verify.syntax.ast import ClaimDecl

HARD = KC + "prove hard;\n"
WRONG = KC + "refute good;\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(answering, "judge_of", fake_judge_of)
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "VERIFY_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.kc", KC), ("hard.kc", HARD), ("wrong.kc", WRONG), ("none.kc", KC.partition("prove")[0]),
                       ("empty.kc", "")):
        Path(name).write_text(text)


def run(args: Sequence[str], **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verify", *args], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **extra},
    )


# ---- text ----------------------------------------------------------------------------------------


def test_every_claim_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "a.kc"]) == 0
    out, err = capsys.readouterr()
    first = [line[11:].split("   ")[0] for line in out.splitlines() if line.startswith("✓ holds")]
    assert first == ["prove good", "refute bad in pair", "reach user.look", "redundant user.check for good"]
    assert re.fullmatch(r"4 claims: 4 hold +\d\.\d\d s", out.splitlines()[-1])
    assert "(ptrace_attach.flag, kernel.kc:16)" in out  # the run of `refute`
    assert out.count("⇒") == 1
    assert err == ""
    assert "\x1b" not in out


@pytest.mark.parametrize(("file", "code", "mark"), [("a.kc", 0, "4 hold"), ("hard.kc", 3, "1 unknown"),
                                                    ("wrong.kc", 1, "1 fails"), ("none.kc", 0, "no claims"),
                                                    ("empty.kc", 0, "no claims")])
def test_exit_codes(file: str, code: int, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", file]) == code
    assert mark in capsys.readouterr().out.splitlines()[-1]


def test_a_chosen_claim_shows_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "a.kc", "--claim", "reach user.look"]) == 0
    assert "comes to user.look after" in capsys.readouterr().out


def test_options_reach_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[api.Options] = []

    def check_file(_: str, options: api.Options, **__: object) -> api.FileResult:
        seen.append(options)
        return api.FileResult("", api.versions())

    monkeypatch.setattr(api, "check_file", check_file)
    args = ["prove", "a.kc", "--claim", "x", "--claim", "y", "--without", "f.g", "-D", "A=1=2", "-D", "B",
            "--system", "s", "--tasks", "2", "--engine", "bmc", "--budget", "1.5", "--no-reduce", "--no-slice",
            "--explain"]
    assert main(args) == 0
    assert main(["prove", "a.kc", "--json"]) == 0
    assert seen[0] == api.Options(
        ("x", "y"), ("f.g",), {"A": "1=2", "B": "1"}, "s", 2, "bmc", 1.5, reduce=False, slice=False,
        explain=True,
    )
    assert seen[1] == api.Options()


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.kc").write_text("struct task {\n    bool x\n};\n")
    assert main(["prove", "bad.kc"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bad.kc:2:11: error[KC")


def test_the_terminal_gets_colour_and_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["prove", "a.kc"]) == 0
        return terminal.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = shown()
    assert "\x1b[32m✓ holds" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown()
    assert "\x1b" not in plain
    untimed = [re.sub(r"\d+\.\d+ s", "", re.sub(r"\x1b\[[\d;]*m", "", text)) for text in (coloured, plain)]
    assert untimed[0] == untimed[1]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown()


def test_ascii_where_the_stream_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["prove", "a.kc"]) == 0
    text = raw.getvalue().decode("ascii")
    assert "+ holds    prove good" in text
    assert "> takes task 1.alloc_lock" in text


@pytest.mark.parametrize("columns", [60, 100, 160])
def test_columns_are_obeyed(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["prove", "a.kc", "--claim", "refute"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert max(map(len, rows[1:])) <= columns


# ---- JSON ----------------------------------------------------------------------------------------


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value: dict[str, object] = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema()).validate(value)
    return value


def test_json_is_one_object(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["prove", "wrong.kc", "--json"]) == 1
    value = json.loads(capsysbinary.readouterr().out)
    Draft202012Validator(schema()).validate(value)
    assert [claim["holds"] for claim in value["claims"]] == [True, True, True, True, False]


@pytest.mark.parametrize("args", [
    ["prove", "none-such.kc"], ["prove"], ["prove", "a.kc", "--tasks", "x"], ["prove", "a.kc", "--tasks", "0"],
    ["prove", "a.kc", "--engine", "magic"], ["frobnicate"], ["prove", "a.kc", "b.kc"],
    ["prove", "a.kc", "--claim", "x"], ["prove", "a.kc", "--no-such-option"], [],
])
def test_usage_errors_are_code_2_and_an_object(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") >= 1
    assert "Traceback" not in err
    if args:
        assert main([*args, "--json"]) == 2
        value = as_json(capsys)
        assert value["claims"] == []
        assert len(value["errors"]) == 1  # type: ignore[arg-type] # JSON


# ---- failures ------------------------------------------------------------------------------------


def broken(*_: object, **__: object) -> object:
    raise RuntimeError("the sky fell")


def test_internal_errors_are_short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(answering, "judge_of", broken)
    assert main(["prove", "a.kc"]) == 70
    _, err = capsys.readouterr()
    assert err.startswith("verify: internal error: RuntimeError: the sky fell\n")
    assert "please report it" in err
    assert "Traceback" not in err
    assert main(["prove", "a.kc", "--json"]) == 70
    assert as_json(capsys)["errors"][0]["code"] == "KC970"  # type: ignore[index] # the same
    monkeypatch.setenv("VERIFY_DEBUG", "1")
    assert main(["prove", "a.kc"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_package_is_code_4(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(*_: object, **__: object) -> object:
        raise ModuleNotFoundError("No module named 'z3'", name="z3")

    monkeypatch.setattr(answering, "judge_of", absent)
    assert main(["prove", "a.kc"]) == 4
    assert capsys.readouterr().err == "verify: the package `z3` is missing\ninstall kcverify again\n"


def interrupting(*_: object, **__: object) -> object:
    def judge(claim: ClaimDecl) -> Judgement:
        if claim.kind == "reach":
            raise KeyboardInterrupt
        return fake_judge(claim)

    return judge


def test_an_interrupt_shows_what_is_known(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(answering, "judge_of", interrupting)
    monkeypatch.setattr(api, "cores", lambda: 1)
    assert main(["prove", "a.kc"]) == 130
    out, err = capsys.readouterr()
    assert "✓ holds    prove good" in out
    assert "? unknown  reach user.look" in out
    assert "4 claims: 2 hold, 2 unknown" in out
    assert err == "verify: interrupted\n"
    assert main(["prove", "a.kc", "--json"]) == 130
    assert [claim["holds"] for claim in as_json(capsys)["claims"]] == [True, True, None, None]  # type: ignore[attr-defined] # the same


def test_an_interrupt_elsewhere_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "check_file", interrupted)
    assert main(["prove", "a.kc"]) == 130
    assert capsys.readouterr().err == "verify: interrupted\n"


class Closed(io.StringIO):
    """A pipe whose reader has gone after some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize(("file", "lines", "code"), [("a.kc", 3, 3), ("a.kc", 0, 3)])
def test_a_broken_pipe_is_quiet(
    file: str, lines: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dropped: list[bool] = []
    monkeypatch.setattr(console, "drop_stdout", lambda: dropped.append(True))
    monkeypatch.setattr(sys, "stdout", Closed(lines))
    assert main(["prove", file]) == code
    assert dropped == [True]
    assert capsys.readouterr().err == ""


def test_a_claim_that_failed_before_the_pipe_broke_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("first.kc").write_text(KC.replace("prove     good;", "refute    good;\nprove good;"))
    monkeypatch.setattr(console, "drop_stdout", lambda: None)
    monkeypatch.setattr(sys, "stdout", Closed(4))
    assert main(["prove", "first.kc"]) == 1


def test_a_pipe_that_breaks_at_the_end_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "drop_stdout", lambda: None)
    monkeypatch.setattr(sys, "stdout", Closed(0))
    assert main(["--version"]) == 3


def test_a_full_disk_is_no_internal_error() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "verify", "prove", "a.kc"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 3
    assert found.stderr == "verify: the answer cannot be written: No space left on device\n"


# ---- progress ------------------------------------------------------------------------------------


def test_progress_on_a_terminal_is_one_line() -> None:
    stream = Terminal()
    meter = Meter(stream, {"prove a": time.monotonic() - 2})
    meter("prove a", Progress("search", {"states": 12345, "depth": 7}))
    meter("prove a", Progress("search", {"states": 12346, "depth": 7}))  # too soon after the first
    meter.clear()
    assert stream.getvalue() == "\r\x1b[Kprove a: search: states 12,345, depth 7\r\x1b[K"


def test_the_line_stays_with_a_claim_that_goes_on() -> None:
    stream = Terminal()
    now = time.monotonic()
    meter = Meter(stream, {"prove a": now - 9, "prove b": now - 9})
    meter("prove a", Progress("views", {}))
    meter("prove b", Progress("search", {}))
    assert stream.getvalue() == "\r\x1b[Kprove a: views"
    meter.lasts["prove a"] = now - 2
    meter("prove b", Progress("search", {}))
    assert stream.getvalue() == "\r\x1b[Kprove a: views\r\x1b[Kprove b: search"


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    now = time.monotonic()
    meter = Meter(stream, {"prove a": now - 6, "prove b": now - 6, "prove c": now})
    for claim in ("prove a", "prove b", "prove c"):
        meter(claim, Progress("views", {}))
        meter(claim, Progress("views", {"views": 3}))
    meter.clear()
    assert stream.getvalue() == "verify: prove a: views\nverify: prove b: views\n"


def test_nothing_is_said_about_what_is_quick() -> None:
    for stream in (Terminal(), io.StringIO()):
        meter = Meter(stream)
        meter("prove a", Progress("search", {"states": 1}))
        meter.clear()
        assert stream.getvalue() == ""


# ---- a fresh process -----------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from verify.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "prove" in done.stdout
    for heavy in ("z3", "dd", "lark", "rich", "verify.api"):
        assert f"'{heavy}'" not in done.stderr



def test_version_names_tool_and_solver() -> None:
    done = run(["--version"])
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"verify \d+\.\d+\.\d+ \(z3 \d+(\.\d+)+, Python 3\.\d+\.\d+\)\n", done.stdout)


def test_the_code_of_a_process() -> None:
    assert run(["prove", "none-such.kc"]).returncode == 2
    done = run(["prove", "--help"])
    assert done.returncode == 0
    for option in ("--claim", "--without", "-D", "--system", "--tasks", "--engine", "--budget", "--json"):
        assert option in done.stdout


def test_a_closed_pipe_leaves_no_complaint() -> None:
    command = f"{sys.executable} -m verify --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
