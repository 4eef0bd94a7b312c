"""`__weak` functions and the claims of included files: what a file replaces, and what it claims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from verify.api import FileResult, Options, check_file, select
from verify.diagnostics import Diagnostic, InputError
from verify.engine.search import search
from verify.instances import instance, least_tasks
from verify.lower import lower
from verify.report.json_object import text as as_json
from verify.report.text import included, plain
from verify.syntax import load, load_text
from verify.syntax.program import Program

KERNEL = """\
struct task { bool a, b; };
bool __weak may(struct task *t) { return !t->b; }
__weak void set(void)
{
set>    current->a = true;
old>    current->b = true;
}
void user(void)
{
        if (may(current))
            set();
}
system { task user[*] runs user; }
invariant quiet = forall (struct task *t) !(t->a && may(t));
invariant order = forall (struct task *t) !at(t, set.old) || t->a;
refute quiet;
prove  order;
reach  set.old;
"""
SET = "void set(void)\n{\nset>    current->b = true;\n}\n"


def found(text: str) -> list[tuple[str, int, str]]:
    try:
        load_text(text)
    except InputError as error:
        return [(d.code, d.span.line, d.hint) for d in error.diagnostics]
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kernel.kc").write_text(KERNEL)
    return tmp_path


def file(folder: Path, text: str, name: str = "main.kc") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def errors(path: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(InputError) as error:
        load(path)
    return error.value.diagnostics


# ---- functions -----------------------------------------------------------------------------------


def test_a_later_definition_replaces_a_weak_one_with_its_labels(folder: Path) -> None:
    plain_, changed = load(folder / "kernel.kc"), load(file(folder, '#include "kernel.kc"\n' + SET))
    assert [*plain_.guards] == ["set.set", "set.old"]
    assert [*changed.guards] == ["set.set"]
    assert changed.guards["set.set"].span.source.path.endswith("main.kc")
    assert not any(f.weak for p in (plain_, changed) for f in p.functions.values())


def test_a_replaced_function_is_as_if_it_had_never_been(folder: Path) -> None:
    """The system is the one of a single file that has the later functions alone, step by step."""
    bare = KERNEL.split("invariant", maxsplit=1)[0]
    (folder / "kernel.kc").write_text(bare)
    weak = load(file(folder, '#include "kernel.kc"\n' + SET))
    body = bare[bare.index("__weak void set") : bare.index("void user")]
    alone = load_text(bare.replace(body, SET))
    assert states(weak) == states(alone) != states(load(folder / "kernel.kc"))


def states(program: Program) -> list[int]:
    system = lower(program, "system").system
    return [search(instance(system, size), None).states for size in range(least_tasks(system), 4)]


@pytest.mark.parametrize("form", ["__weak int f(void)", "int __weak f(void)", "static int __weak f(void)"])
def test_where_the_word_may_stand(form: str) -> None:
    program = load_text(f"{form} {{ return 1; }}\nint f(void);\nint f(void) {{ return 2; }}\n")
    assert [*program.functions] == ["f"]
    assert program.functions["f"].span.line == 3


DEFINITIONS = st.lists(st.booleans(), min_size=1, max_size=5)


@settings(max_examples=40, phases=(Phase.generate,), deadline=None)
@given(DEFINITIONS)
def test_the_last_one_counts_if_all_before_are_weak(weak: list[bool]) -> None:
    text = "".join(f"{'__weak ' * one}int f(void) {{ return {number}; }}\n" for number, one in enumerate(weak))
    if all(weak[:-1]):
        assert load_text(text).functions["f"].span.line == len(weak)
    else:
        assert {code for code, _, _ in found(text)} == {"KC105"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("void f(void) { }\nvoid __weak f(void) { }\n", [("KC105", 2, "`__weak`")]),
        ("void f(void) { }\nvoid f(void) { }\n", [("KC105", 2, "`__weak`")]),
        ("void __weak f(void) { }\nint f(void) { return 1; }\n", [("KC107", 2, "`void f(void)`")]),
        ("void __weak f(int a) { }\nvoid f(bool a) { }\n", [("KC107", 2, "`void f(int)`")]),
        ("int f(int a);\nvoid __weak f(int a) { }\nvoid f(int a) { }\n", [("KC107", 2, "")]),
        ("void __weak f(void);\n", [("KC035", 1, "where the body is")]),
        ("void __weak f(void) { unknown(); }\nvoid f(void) { }\n", [("KC102", 1, "")]),
        ("int __weak f(void) { }\nint f(void) { return 1; }\n", [("KC132", 1, "")]),
        ("int __weak x;\n", [("KC030", 1, "")]),
        ("struct __weak s { int a; };\n", [("KC030", 1, "")]),
        ("void __weak __weak f(void) { }\n", [("KC030", 1, "")]),
        ("static __weak void f(void) { }\n", [("KC030", 1, "after the type")]),
        ("void __weak f(void) { f(); }\nvoid f(void) { }\n", []),
        ("void __weak f(void) { }\nvoid f(void) { f(); }\n", [("KC130", 2, "")]),
    ],
)
def test_what_is_wrong_with_definitions(text: str, expected: list[tuple[str, int, str]]) -> None:
    given_ = found(text)
    assert [one[:2] for one in given_] == [one[:2] for one in expected]
    assert all(hint in one[2] for one, (_, _, hint) in zip(given_, expected, strict=True))


# ---- invariants ----------------------------------------------------------------------------------


def test_an_invariant_goes_with_its_label(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\n' + SET + "refute quiet;\nprove order;\n")
    (error,) = errors(path)
    assert (error.code, error.span.line) == ("KC160", 7)
    assert "`set.old`" in error.hint


def test_it_stays_if_the_label_does(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\n' + SET.replace("set>", "old>") + "prove order;\n")
    assert [*load(path).invariants] == ["quiet", "order"]


def test_only_another_file_takes_an_invariant_away(folder: Path) -> None:
    (folder / "kernel.kc").write_text(KERNEL + SET)
    assert {e.code for e in errors(str(folder / "kernel.kc"))} == {"KC161"}
    late = "invariant late = forall (struct task *t) !at(t, set.old);\n"
    (folder / "kernel.kc").write_text(KERNEL)
    (error,) = errors(file(folder, '#include "kernel.kc"\n' + SET + late))
    assert (error.code, error.span.line) == ("KC161", 6)
    file(folder, '#include "kernel.kc"\n' + SET, "version.kc")
    (error,) = errors(file(folder, '#include "version.kc"\n' + late))
    assert (error.code, error.span.line) == ("KC161", 2)


def test_an_assumption_does_not_go_silently(folder: Path) -> None:
    (folder / "kernel.kc").write_text(KERNEL + "assume whole: atomic(set.old);\n")
    (error,) = errors(file(folder, '#include "kernel.kc"\n' + SET))
    assert error.code == "KC161"


def test_invariants_call_the_later_function(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\nbool may(struct task *t) { return false; }\nprove quiet;\n')
    assert [claim.holds for claim in check_file(path).claims] == [True]


# ---- claims --------------------------------------------------------------------------------------


def test_claims_are_those_of_the_file_that_is_given(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\nreach set.old;\n')
    result = check_file(path)
    assert [(claim.name, claim.holds) for claim in result.claims] == [("reach set.old", True)]
    assert {Path(name).name: count for name, count in result.included.items()} == {"kernel.kc": 3}
    assert len(check_file(str(folder / "kernel.kc")).claims) == 3


def test_it_is_said_that_others_are_not_decided(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\n' + SET)
    result = check_file(path)
    line = "claims of included files, not decided here: 3 of kernel.kc"
    assert plain(included(result, 100)) == line
    assert json.loads(as_json(result))["included"] == [{"file": str(folder / "kernel.kc"), "claims": 3}]
    outer = file(folder, '#include "main.kc"\nlock_balanced;\n', "outer.kc")
    file(folder, '#include "kernel.kc"\nreach set.set;\n')
    assert plain(included(check_file(outer), 100)) == f"{line}, 1 of main.kc"
    assert plain(included(check_file(str(folder / "kernel.kc")), 100)) == ""


def test_nothing_is_said_where_claims_are_named(folder: Path) -> None:
    path = file(folder, '#include "kernel.kc"\nreach set.old;\n')
    assert check_file(path, Options(claims=("reach",))).included == {}
    (error,) = check_file(path, Options(claims=("quiet",))).errors
    assert error.code == "KC901"
    assert "`kernel.kc`, which is included" in error.message


def test_claims_of_included_files_are_read_but_not_checked(folder: Path) -> None:
    """Those of the kernel may speak of what is not there any more; what is no claim is an error."""
    path = file(folder, '#include "kernel.kc"\n' + SET)
    assert [claim.name for claim in load(path).included] == ["refute quiet", "prove order", "reach set.old"]
    (folder / "kernel.kc").write_text(KERNEL + "prove;\n")
    assert [error.code for error in errors(path)] == ["KC030"]


def test_a_claim_out_of_a_macro_is_of_the_file_that_uses_it(folder: Path) -> None:
    (folder / "kernel.kc").write_text(KERNEL + "#define USUAL(f) reach f; lock_balanced\n")
    path = file(folder, '#include "kernel.kc"\nUSUAL(set.old);\n')
    assert [claim.name for claim in select(path, Options()).claims] == ["reach set.old", "lock_balanced"]


def test_an_answer_without_included_files_says_nothing() -> None:
    assert plain(included(FileResult("a.kc", {}), 80)) == ""
