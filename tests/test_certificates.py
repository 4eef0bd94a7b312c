"""Certificates: what is written is accepted, and nothing else is."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.handmade import COUNTED
from verify import cli
from verify.api import Options, check_certificates, check_file
from verify.certificates.canonical import canonical
from verify.certificates.check import Tools, check
from verify.certificates.form import seal
from verify.ir import Const, Expr, Location, Unary
from verify.report.checked import Checked, checked_lines, checked_text, exit_code
from verify.report.cti import cti_rows
from verify.report.text import plain
from verify.smt.ask import SOLVERS, Bench
from verify.source import NOWHERE

TASK = "struct task { spinlock_t lock; bool begun; bool busy; bool seen; bool hidden; };\n"
SMALL = """#include "task.kc"
#ifndef MORE
#define MORE 0
#endif

void work(void)                          // what is done is done in this order
{
        current->begun = true;
        current->busy = true;
        current->busy = false;
        current->begun = false;
}

void look(struct task *t)
{
spin>   spin_lock(&t->lock);
check>  if (t->busy)
            t->seen = true;
        if (t->hidden)
never>      t->seen = MORE;
        spin_unlock(&t->lock);
}

void user(void) { for (;;) choose { look(any(struct task)); work(); } }
system { task init[*] runs user; }
system two { task init[2] runs user; }

invariant ordered = forall (struct task *t) !(t->busy && !t->begun);
invariant plain   = forall (struct task *t) !t->hidden;
prove     ordered;
prove     plain;
redundant look.check for plain;
prove     ordered in two;
reach     look.never;
lock_balanced;
"""
Object = dict[str, Any]


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with Bench(2) as bench:
        yield Tools(bench, 120.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The certificates of a small spec, by claim."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "task.kc").write_text(TASK)
    (folder / "small.kc").write_text(SMALL)
    options = Options(certificates=str(folder / "made" / "here"), budget=60.0)
    result = check_file(str(folder / "small.kc"), options)
    assert result.errors == ()
    return {claim.name: Path(claim.certificate) for claim in result.claims if claim.certificate}


def reasons(result: Checked) -> str:
    return f"{result.verdict}: {result.reason}"


# ---- what is written is accepted -----------------------------------------------------------------

CLAIMS = (
    "prove ordered", "prove plain", "redundant look.check for plain", "prove ordered in two", "reach look.never",
    "lock_balanced",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_proved_for_any_number_has_a_certificate_that_is_accepted(
    claim: str, written: dict[str, Path], tools: Tools
) -> None:
    result = check(str(written[claim]), tools)
    assert reasons(result) == "accepted: "
    assert (result.claim, result.source) == (claim, "../../small.kc")
    assert result.holds is (claim != "reach look.never")
    assert result.obligations > 5
    assert set(result.solvers) == {"z3", "cvc5"}


def test_each_claim_has_a_file_of_its_own_and_nothing_is_left_over(written: dict[str, Path]) -> None:
    assert set(written) == set(CLAIMS)
    (folder,) = {path.parent for path in written.values()}
    assert sorted(folder.iterdir()) == sorted(written.values())
    assert all(re.fullmatch(r"[\w-]+\.json", path.name, re.ASCII) for path in written.values())


def test_claims_that_have_a_proof_in_common_say_so(written: dict[str, Path]) -> None:
    found = json.loads(written["prove plain"].read_text())
    assert found["statement"] == {
        "claims": ["prove plain", "redundant look.check for plain"],
        "invariants": ["plain"], "removed": [], "optional": ["look.check"], "assumptions": [],
    }  # fmt: skip
    assert [file["path"] for file in found["given"]["files"]] == ["../../small.kc", "task.kc"]


@pytest.mark.slow
def test_options_that_change_the_claim_are_part_of_the_certificate(written: dict[str, Path], tmp_path: Path) -> None:
    source = str(written["prove plain"].parent.parent.parent / "small.kc")
    options = Options(
        ("prove plain",), without=("look.check",), defines={"MORE": "1"}, system="two", certificates=str(tmp_path)
    )
    (result,) = check_file(source, options).claims
    assert result.certificate is not None
    (checked,) = check_certificates([result.certificate], seconds=60.0)
    assert (checked.verdict, checked.claim) == ("accepted", "prove plain in two without look.check")


def test_a_claim_that_is_proved_for_a_number_has_none(tmp_path: Path) -> None:
    spec = tmp_path / "a.kc"
    spec.write_text(f"{COUNTED} prove counted;")
    (claim,) = check_file(str(spec), Options(certificates=str(tmp_path / "made"), tasks=2)).claims
    assert (claim.verdict, claim.scope and claim.scope.tasks, claim.certificate) == ("proved", 2, None)
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.slow
def test_a_proof_known_from_a_larger_system_speaks_of_the_places_that_there_are(tmp_path: Path, tools: Tools) -> None:
    spec = tmp_path / "a.kc"
    spec.write_text("""struct task { bool on; bool off; };
void user(void) { for (;;) { set> current->on = true; current->on = false; } }
system { task t[*] runs user; }
invariant quiet = forall (struct task *t) !t->off;
prove quiet;
redundant user.set for quiet;
refute quiet;
""")
    found = check_file(str(spec), Options(certificates=str(tmp_path / "made"))).claims
    assert [reasons(check(claim.certificate or "", tools)) for claim in found] == ["accepted: "] * 3


ONE = """struct task { bool a; };
void user(void) { for (;;) { if (%s) current->a = true; } }
system { task init[*] runs user; }
invariant inv = forall (struct task *t) !t->a;
prove inv;
"""


def proved_or_not(folder: Path, cond: str, **more: Any) -> Path | None:
    """The certificate that is written of the claim of a small program."""
    (folder / "one.kc").write_text(ONE % cond)
    (claim,) = check_file(str(folder / "one.kc"), Options(certificates=str(folder / "made"), **more)).claims
    return None if claim.certificate is None else Path(claim.certificate)


def test_the_certificate_of_a_claim_that_is_proved_no_more_goes(tmp_path: Path) -> None:
    path = proved_or_not(tmp_path, "false")
    assert path is not None
    assert path.exists()
    assert proved_or_not(tmp_path, "true") is None
    assert list(path.parent.iterdir()) == []


def test_what_is_not_a_certificate_of_that_claim_stays(tmp_path: Path) -> None:
    path = proved_or_not(tmp_path, "false")
    assert path is not None
    text = path.read_text()
    found = json.loads(text)
    other = dict(found, claim=dict(found["claim"], name="prove other"))
    other.pop("sha256")
    beside = path.parent / "beside.json"
    sealed = json.dumps({**other, "sha256": seal(other)})
    for said in ("my notes", text + "}", text.replace("one.kc", "two.kc"), sealed):
        path.write_text(said)
        beside.write_text(text)
        assert proved_or_not(tmp_path, "true") is None
        assert path.read_text() == said
        assert beside.read_text() == text


def test_a_certificate_with_other_options_stays(tmp_path: Path) -> None:
    path = proved_or_not(tmp_path, "false")
    assert path is not None
    assert proved_or_not(tmp_path, "true", defines={"MORE": "1"}) is None
    assert path.exists()


def test_a_certificate_of_the_same_source_stays_while_the_claim_is_open(tmp_path: Path) -> None:
    path = proved_or_not(tmp_path, "false")
    assert path is not None
    assert proved_or_not(tmp_path, "false", engine="bfs") is None
    assert path.exists()
    assert proved_or_not(tmp_path, "0", engine="bfs") is None
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = check_file("core.kc", Options(("prove",), certificates=str(tmp_path / "file" / "made")))
    assert [error.code for error in result.errors] == ["KC904"]


@pytest.mark.slow
def test_the_certificates_of_the_fix_are_accepted(tmp_path: Path) -> None:
    """They name a bundled spec, and lie anywhere."""
    names = ("prove", "redundant", "lock_balanced")
    result = check_file("fix.kc", Options(names, certificates=str(tmp_path), budget=120.0), at_once=2)
    made = [claim.certificate for claim in result.claims if claim.certificate]
    assert len(made) == 13
    checked = check_certificates(made, seconds=300.0, at_once=2)
    assert {reasons(each) for each in checked} == {"accepted: "}
    assert {each.source for each in checked} == {"fix.kc"}


# ---- nothing else is -----------------------------------------------------------------------------


def body(found: Object, line: str) -> str:
    """Add a line to the certificate; return its name."""
    found["lines"].append(line)
    return f"n{len(found['lines']) - 1}"


def the(found: Object, wanted: Callable[[Object], bool]) -> Object:
    """The last clause of that kind."""
    result: Object = next(clause for clause in reversed(found["clauses"]) if wanted(clause))
    return result


def at_locations(clause: Object) -> bool:
    return bool(clause["locations"]) and clause["body"] not in ("0", "1")


def anywhere(clause: Object) -> bool:
    return clause["locations"] is None and clause["body"].startswith("n")


def other_claim(found: Object) -> None:
    found["claim"] |= {"name": "prove ordered", "invariant": "ordered"}


def other_invariant(found: Object) -> None:
    found["claim"]["invariant"] = "ordered"


def together_with_another(found: Object) -> None:
    found["statement"]["claims"].append("prove ordered")
    found["statement"]["invariants"].insert(0, "ordered")


def together_with_another_kind(found: Object) -> None:
    found["statement"]["claims"].append("lock_balanced")


def together_with_none(found: Object) -> None:
    found["statement"]["claims"].append("prove nothing")


def together_in_another_system(found: Object) -> None:
    found["statement"]["claims"].append("prove ordered in two")
    found["statement"]["invariants"].insert(0, "ordered")


def alone(found: Object) -> None:
    found["statement"] |= {"claims": ["prove plain"], "optional": []}


def never_optional(found: Object) -> None:
    found["statement"]["optional"] = []


def other_property(found: Object) -> None:
    found["claim"] |= {"name": "prove ordered", "invariant": "ordered"}
    found["statement"] |= {"claims": ["prove ordered"], "invariants": ["ordered"], "optional": []}


def no_invariants(found: Object) -> None:
    found["statement"]["invariants"] = []


def in_two(found: Object) -> None:
    found["claim"] |= {"name": "prove ordered in two", "system": "two"}
    found["statement"]["claims"] = ["prove ordered in two"]


def all_dropped(found: Object) -> None:
    found["clauses"] = []


def all_true(found: Object) -> None:
    for clause in found["clauses"]:
        clause["body"] = "1"


def all_false(found: Object) -> None:
    for clause in found["clauses"]:
        clause["body"] = "0"


def at_no_location(found: Object) -> None:
    for clause in found["clauses"]:
        clause["locations"] = [] if clause["thread"] else None


def one_dropped(found: Object) -> None:
    found["clauses"].remove(the(found, anywhere))


def one_weaker(found: Object) -> None:
    said = the(found, lambda c: anywhere(c) and not c["thread"])
    said["body"] = body(found, f"(or {said['body']} {body(found, '(field o task busy)')})")


def one_stronger(found: Object) -> None:
    said = the(found, lambda c: anywhere(c) and not c["thread"])
    begun = body(found, "(field o task begun)")
    said["body"] = body(found, f"(and {said['body']} {begun})")


def one_everywhere(found: Object) -> None:
    the(found, at_locations)["locations"] = None


def one_elsewhere(found: Object) -> None:
    said = the(found, at_locations)
    said["locations"] = said["locations"][1:]


def one_at_more(found: Object) -> None:
    false = the(found, lambda c: c["body"] == "0")
    false["locations"] = sorted({*false["locations"], the(found, at_locations)["locations"][0]})


def no_such_location(found: Object) -> None:
    the(found, at_locations)["locations"].append(10_000)


def no_such_class(found: Object) -> None:
    found["clauses"][0]["object"] = "mm"


def no_such_field(found: Object) -> None:
    the(found, anywhere)["body"] = body(found, "(field o task ptrace)")


def of_another_thread(found: Object) -> None:
    pc = body(found, "(local t #pc)")
    found["clauses"].append({"thread": False, "object": "task", "locations": None, "body": pc})


def ordered(found: Object) -> None:
    busy = body(found, "(field t task busy)")
    less = body(found, f"(< {busy} o)")
    found["clauses"].append({"thread": True, "object": "task", "locations": None, "body": less})


def negated(found: Object) -> None:
    for clause in found["clauses"]:
        if clause["locations"]:
            clause["body"] = body(found, f"(not {clause['body']})")


def not_said_yet(found: Object) -> None:
    found["lines"][0] = "(not n5)"


def circular(found: Object) -> None:
    found["lines"][0] = "(not n0)"


def code(found: Object) -> None:
    found["lines"][0] = "(__import__ os)"


def smt_commands(found: Object) -> None:
    found["lines"][0] = "(global x) (check-sat)"


def fewer_keys(found: Object) -> None:
    found["basis"]["keys"] = found["basis"]["keys"][:-1]


def more_keys(found: Object) -> None:
    found["basis"]["keys"].append(["task", "mm"])


def other_passes(found: Object) -> None:
    found["basis"] |= {"reduce": False, "slice": False}


def other_system(found: Object) -> None:
    found["basis"]["system"] = "0" * 64


def bounded(found: Object) -> None:
    found["scope"]["tasks"] = "3"


def removed(found: Object) -> None:
    found["claim"]["removed"] = ["look.check"]
    found["statement"]["removed"] = ["look.check"]


def optional(found: Object) -> None:
    found["statement"]["optional"] = ["look.check", "look.spin"]


def without(found: Object) -> None:
    found["given"]["without"] = ["look.check"]


def without_nothing(found: Object) -> None:
    found["given"]["without"] = ["look.nothing"]


def in_no_system(found: Object) -> None:
    found["given"]["system"] = "three"


def fails(found: Object) -> None:
    found["claim"]["holds"] = False


def other_source_hash(found: Object) -> None:
    found["given"]["files"][0]["sha256"] = "0" * 64


def other_include_hash(found: Object) -> None:
    found["given"]["files"][1]["sha256"] = "0" * 64


def other_macro(found: Object) -> None:
    found["given"]["defines"] = {"spin_lock": "nothing"}


def another_file(found: Object) -> None:
    found["given"]["files"][0]["path"] = "../../task.kc"


def any_file(found: Object) -> None:
    found["given"]["files"][0]["path"] = "/etc/passwd"


def out_of_the_specs(found: Object) -> None:
    found["given"]["files"][0] |= {"path": "../pyproject.kc", "bundled": True}


def no_files(found: Object) -> None:
    found["given"]["files"] = []


def other_schema(found: Object) -> None:
    found["schema"] = "verify-certificate/1"


def more_fields(found: Object) -> None:
    found["trusted"] = True


def wrong_type(found: Object) -> None:
    found["clauses"][0]["thread"] = 1


OF_ORDERED: dict[Callable[[Object], None], str] = {
    in_two: "another system",
    all_dropped: "does not find `",
    all_true: "does not find `",
    all_false: "`initiation x 1` met: sat",
    at_no_location: "does not find `",
    one_dropped: "does not find `",
    one_weaker: "does not find `",
    one_stronger: "does not find `",
    one_everywhere: "does not find `",
    one_elsewhere: "does not find `",
    one_at_more: "does not find `",
    no_such_location: "locations that the system has not",
    no_such_class: "speaks of nothing in the system|none about a thread",
    no_such_field: "no part of a clause",
    of_another_thread: "none about a thread and an object",
    ordered: "none about a thread and an object",
    negated: "does not find `",
    not_said_yet: "used before it is said",
    circular: "used before it is said",
    code: "no part of a clause",
    smt_commands: "no part of a clause",
    more_keys: "variables that the system has not",
    other_passes: "another system",
    other_system: "another system",
    bounded: "scope",
    without: "the source makes no such claim",
    without_nothing: "no guard",
    in_no_system: "a system that the source has not",
    fails: "not what the source says",
    other_source_hash: "another than the one that was proved",
    other_include_hash: "includes are others",
    other_macro: "the source has an error|another system",
    another_file: "another than the one that was proved",
    any_file: "does not name its source",
    out_of_the_specs: "does not name its source",
    no_files: "does not name its source",
    other_schema: "its schema is not",
    more_fields: "does not have the form",
    wrong_type: "does not have the form",
}


OF_PLAIN: dict[Callable[[Object], None], str] = {
    other_claim: "are not its own and others",
    other_invariant: "not what the source says",
    together_with_another: "another system",
    together_with_another_kind: "no such proof together",
    together_with_none: "are not its own and others",
    together_in_another_system: "no such proof together",
    alone: "another system",
    never_optional: "not what these claims say",
    other_property: "another system",
    no_invariants: "not what these claims say",
    removed: "not what the source says",
    optional: "not what these claims say",
}
EDITS = [("prove ordered", edit, why) for edit, why in OF_ORDERED.items()]
EDITS += [("prove plain", edit, why) for edit, why in OF_PLAIN.items()]


def edited(path: Path, edit: Callable[[Object], None], *, sealed: bool) -> Path:
    """A copy beside a certificate with an edit, and with the hash that belongs to it if `sealed`."""
    found = json.loads(path.read_text())
    said = found.pop("sha256")
    edit(found)
    copy = path.parent / f".{edit.__name__}"
    copy.write_text(json.dumps({**found, "sha256": seal(found) if sealed else said}))
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(("claim", "edit", "why"), [pytest.param(*row, id=row[1].__name__) for row in EDITS])
def test_an_edit_with_the_hash_that_belongs_to_it_is_rejected(
    claim: str, edit: Callable[[Object], None], why: str, written: dict[str, Path], tools: Tools
) -> None:
    copy = edited(written[claim], edit, sealed=True)
    result = check(str(copy), tools)
    copy.unlink()
    assert result.verdict == "rejected"
    assert re.search(why, result.reason), result.reason


def test_what_the_claim_reads_is_known_without_being_named(written: dict[str, Path], tools: Tools) -> None:
    copy = edited(written["prove ordered"], fewer_keys, sealed=True)
    result = check(str(copy), tools)
    copy.unlink()
    assert reasons(result) == "accepted: "


@pytest.mark.parametrize("edit", [one_dropped, one_weaker, bounded, in_two, other_system], ids=lambda e: e.__name__)
def test_an_edit_alone_is_noticed(edit: Callable[[Object], None], written: dict[str, Path], tools: Tools) -> None:
    copy = edited(written["prove ordered"], edit, sealed=False)
    result = check(str(copy), tools)
    copy.unlink()
    assert reasons(result) == "rejected: its contents do not have the hash that it ends with: it was changed"


@pytest.mark.parametrize("name", ["small.kc", "task.kc"])
def test_an_edit_of_the_source_is_noticed(name: str, tmp_path: Path, tools: Tools) -> None:
    (tmp_path / "task.kc").write_text(TASK)
    (tmp_path / "small.kc").write_text(SMALL)
    options = Options(("prove plain",), certificates=str(tmp_path))
    (result,) = check_file(str(tmp_path / "small.kc"), options).claims
    assert result.certificate is not None
    (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
    assert check(result.certificate, tools).verdict == "rejected"
    (tmp_path / name).unlink()
    assert check(result.certificate, tools).verdict == "rejected"


def no_kernel_thread(found: Object) -> None:
    is_one = body(found, "(field o task is_kernel_thread)")
    never = body(found, f"(not {is_one})")
    found["clauses"].append({"thread": False, "object": "task", "locations": None, "body": never})


@pytest.mark.slow
def test_the_step_that_breaks_a_clause_is_shown_as_the_document_says(tmp_path: Path, tools: Tools) -> None:
    options = Options(("prove no_traced_kernel_thread",), certificates=str(tmp_path))
    (claim,) = check_file("core.kc", options).claims
    assert claim.certificate is not None
    result = check(str(edited(Path(claim.certificate), no_kernel_thread, sealed=True)), tools)
    assert result.verdict == "rejected"
    shown = textwrap.dedent(plain(checked_lines(result, 100)).partition(")\n")[2])
    text = (Path(__file__).parent.parent / "docs" / "certificates.md").read_text()
    assert re.sub(r"x \d+", "x N", f"```text\n{shown}\n```") in re.sub(r"x \d+", "x N", text)
    cti = json.loads(checked_text([result]))["certificates"][0]["cti"]
    assert (cti["step"]["label"], cti["step"]["line"]) == ("arch_kernel_thread.publish", 44)
    assert cti["after"] == ["task 2's `is_kernel_thread` is 1"]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (
            one_elsewhere,
            [
                "before  task 1 is at `work` (small.kc:10); task 1's `begun` is 0",
                "step    task 1, work (small.kc:10): current->busy = false;",
                "after   task 1 is at `work` (small.kc:11)",
                "false   while a task is at `work` (small.kc:9) or at `work` (small.kc:11): its own `begun` is 1",
            ],
        ),
        (one_stronger, ["start   task 1's `begun` is 0", "false   every task: its `begun` is 1"]),
        (
            one_dropped,
            [
                "state   task 1 is published; task 1's `begun` is 0; task 1's `busy` is 1",
                "false   what is to be proved",
            ],
        ),
    ],
    ids=lambda row: row.__name__ if callable(row) else "",
)
def test_where_an_obligation_is_not_met_is_shown(
    edit: Callable[[Object], None], lines: list[str], written: dict[str, Path], tools: Tools
) -> None:
    copy = edited(written["prove ordered"], edit, sealed=True)
    result = check(str(copy), tools)
    copy.unlink()
    assert result.cti is not None
    assert [row.strip() for row in cti_rows(result.cti, 200)] == lines


# ---- what is no certificate ----------------------------------------------------------------------

DEEP = 100_000


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"schema": 1}', "[" * DEEP, '{"a":' * DEEP, "\udcff", "1" * 5000]
)
def test_what_is_no_certificate_cannot_be_read(text: str, tmp_path: Path, tools: Tools) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert check(str(path), tools).verdict == "unreadable"


def test_what_is_no_file_cannot_be_read(tmp_path: Path, tools: Tools) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path("/dev/null"), Path("a\0b")):
        assert check(str(path), tools).verdict == "unreadable"


@pytest.mark.slow
def test_a_deep_body_is_no_deeper_than_another(written: dict[str, Path], tools: Tools) -> None:
    def deepened(found: Object) -> None:
        said = the(found, anywhere)
        for _ in range(500):
            said["body"] = body(found, f"(ite {said['body']} {said['body']} 0)")

    copy = edited(written["prove ordered"], deepened, sealed=True)
    result = check(str(copy), tools)
    copy.unlink()
    assert result.verdict in ("accepted", "rejected"), result.reason


# ---- the command ---------------------------------------------------------------------------------


def test_exit_codes() -> None:
    accepted, rejected, none = (Checked("", "accepted"), Checked("", "rejected"), Checked("", "unreadable"))
    assert [exit_code(results) for results in ([accepted], [accepted, none], [none, rejected])] == [0, 2, 1]


def test_the_command_says_what_was_checked_and_what_is_trusted(
    written: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written["prove ordered"])
    assert cli.main(["check", path]) == 0
    shown = capsys.readouterr().out
    for words in ("accepted", "prove ordered", "any number of tasks", "z3 ", "cvc5 1.4.2", "obligations", "trusted: "):
        assert words in shown
    assert cli.main(["check", path, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["certificates"]
    assert (found["verdict"], found["claim"], found["holds"]) == ("accepted", "prove ordered", True)


def test_the_command_says_why_not(
    written: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = edited(written["prove ordered"], bounded, sealed=True)
    assert cli.main(["check", str(copy)]) == 1
    assert cli.main(["check", str(tmp_path / "nothing")]) == 2
    copy.unlink()
    shown = capsys.readouterr().out
    assert "its scope is not any number" in shown
    assert "there is no such file" in shown
    assert "trusted" not in shown
    assert cli.main(["check"]) == 2


def test_without_the_second_solver_there_is_no_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("verify.api.find_spec", lambda _: None)
    assert cli.main(["check", "any.json"]) == 4
    assert "pip install" in capsys.readouterr().err


def test_a_check_can_be_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("verify.certificates.check.check", interrupted)
    assert cli.main(["check", "any.json"]) == 130
    assert capsys.readouterr().err == "verify: interrupted\n"


def test_the_report_has_lines_and_json() -> None:
    result = Checked("a.json", "rejected", "because", "prove x", "x.kc")
    assert [" ".join(words for words, _ in line).split() for line in checked_lines(result, 80)] == [
        ["✗", "rejected", "a.json"], ["prove", "x", "(x.kc)"], ["because"],
    ]  # fmt: skip
    assert json.loads(checked_text([result]))["certificates"][0]["reason"] == "because"


def test_solvers_that_break_or_take_too_long_are_no_yes() -> None:
    start = "(set-logic QF_BV)(declare-const x Bool)(assert x)"
    good, bad, wrong = f"{start}(assert (not x))(check-sat)", f"{start}(check-sat)", f"{start}(assert y)(check-sat)"
    with Bench(2) as bench:
        for solver in SOLVERS:
            assert bench.ask(solver, [good, good], 60).result().words == ["unsat", "unsat"]
            assert bench.ask(solver, [good, bad, good], 60).result().words == ["unsat", "sat"]
            words = bench.ask(solver, [good, wrong, good], 60).result().words
            assert words[0] == "unsat"
            assert words[1].startswith("broke: ")
            assert bench.ask(solver, [good], 0.0).result().words[-1] == "out of time"


def test_the_text_of_a_system_tells_systems_apart_and_may_be_deep() -> None:
    deep: Expr = Const(1)
    for _ in range(5_000):
        deep = Unary("!", deep)
    assert canonical(deep) != canonical(Unary("!", deep))
    assert canonical(("a b",)) != canonical(("a", "b"))
    assert canonical({"b": 1, "a": (1, 2)}) == canonical({"a": (1, 2), "b": 1}) == '["a":( 1 2 ) "b":1]'
    assert canonical(frozenset({2, 1})) == "{1 2}"
    assert canonical(Location("a", span=NOWHERE)) == canonical(Location("a"))
