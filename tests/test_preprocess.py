"""Directives and macros do what C says, point at what the user wrote, and read no file that they may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verify import resources
from verify.diagnostics import Diagnostic, InputError
from verify.source import Source
from verify.syntax import parse_file, parse_text
from verify.syntax.ast import GlobalDecl, Number
from verify.syntax.limits import MAX_BYTES, MAX_INCLUDE_DEPTH, Budget
from verify.syntax.preprocess import preprocess


def run(text: str, **defines: str) -> str:
    """Return the text that the preprocessor makes of `text`, a blank between any two words."""
    result = preprocess(Source("<text>", text), None, defines, (), Budget())
    assert result.errors == []
    return " ".join(word.text for word in result.output)


def errors(text: str, **defines: str) -> list[tuple[str, int, int]]:
    try:
        found = preprocess(Source("<text>", text), None, defines, (), Budget()).errors
    except InputError as error:
        found = list(error.diagnostics)
    return [(d.code, d.span.line, d.span.column) for d in found]


# ---- macros --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#define A 1\nA B", "1 B"),
        ("#define A\nA B", "B"),
        ("#define A B\n#define B 2\nA", "2"),
        ("#define A A + 1\nA", "A + 1"),
        ("#define A B\n#define B A\nA B", "A B"),
        ("#define F(x) (x)\nF(1) F (2) F", "( 1 ) ( 2 ) F"),
        ("#define F (x)\nF(1)", "( x ) ( 1 )"),
        ("#define F() 1\nF()", "1"),
        ("#define F(x, y) y x\nF((1, 2), 3)", "3 ( 1 , 2 )"),
        ("#define F(x) [x]\nF()", "[ ]"),
        ("#define F(x, y) <x y>\nF(,)", "< >"),
        ("#define F(x) x x\nF(F(1))", "1 1 1 1"),
        ("#define F(x) x\n#define G F\nG(1)", "1"),
        ("#define F(x) x + G\n#define G F\nF(1)(2)", "1 + F ( 2 )"),
        ("#define F(x) x + 1\nF(\n1\n,\n2)".replace(",\n2", ""), "1 + 1"),
        ("#define F(x) G(x)\n#define G(x) F(x)\nF(1)", "F ( 1 )"),
        ("#define A 1\n#undef A\n#undef B\nA", "A"),
        ("#define A 1\n#define A 1\nA", "1"),
        ("#define A 1 \\\n + 2\nA", "1 + 2"),
        ("#define x y\n#define F(x) x\nF(1)", "1"),
        ("#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)", "2 * 9 * g"),  # the C standard leaves f or its text open here
        ("#define A // nothing\nA 1", "1"),
        ("#\nA", "A"),
        ("  #  define A 1\nA", "1"),
        ("A # B", "A # B"),
    ],
)
def test_macros_expand_as_in_c(text: str, expected: str) -> None:
    assert run(text) == expected


def test_macros_of_the_command_line() -> None:
    assert run("A B C", A="1", B="", C="x + 1") == "1 x + 1"
    assert errors("#define A 2\n", A="1") == [("KC023", 1, 9)]
    assert run("#ifndef A\n#define A 2\n#endif\nA", A="1") == "1"


@pytest.mark.parametrize("name", ["", "1x", "a b", "a-b", "defined", "\u00e9", "a\n"])
def test_a_name_that_no_macro_can_have(name: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_text("", defines={name: "1"})
    assert [d.code for d in caught.value.diagnostics] == ["KC029"]


@pytest.mark.parametrize("value", ["@", "/*", '"', "1\n2"])
def test_a_value_that_is_no_text(value: str) -> None:
    assert errors("", A=value) == [("KC029", 1, 1)]


# ---- conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1", 1), ("0", 0), ("-1", 1), ("A", 0), ("ONE", 1), ("ONE + ONE == 2", 1), ("defined ONE", 1),
        ("defined(ONE) && !defined(A)", 1), ("defined A || 0", 0), ("TWICE(3) == 6", 1), ("TWICE == 0", 1),
        ("1 ? 0 : 1", 0), ("1 << 4 == 16", 1), ("-8 >> 1 == -4", 1), ("7 / 2 == 3", 1), ("-7 / 2 == -3", 1),
        ("-7 % 2 == -1", 1), ("5 & 4 && 5 | 2 && 5 ^ 5", 0), ("~0 == -1", 1), ("+1 > 0 && 1 >= 1 && 0 < 1", 1),
        ("1 <= 0", 0), ("1 != 1", 0), ("3 - 3", 0), ("2 * 3 == 6", 1), ("0x7fffffffffffffff + 1 < 0", 1),
        ("0 && 1 / 0", 0), ("1 || 1 / 0", 1), ("true", 1), ("false", 0), ("(0)", 0), ("!0", 1),
    ],
)
def test_conditions(condition: str, expected: int) -> None:
    text = f"#define ONE 1\n#define TWICE(x) (2 * (x))\n#if {condition}\n1\n#else\n0\n#endif\n"
    assert run(text) == str(expected)


@pytest.mark.parametrize(
    "condition",
    [
        "", "1 +", "1 / 0", "1 % 0", "1 << 64", "1 >> -1", "x = 1", "f(1)", '"a"', "'a'", "@", "defined", "defined(",
        "a.b", "defined 1", "defined(A", "1 2", "09", "/* open", "1++", "--1",
        "*1", "&1",
    ],
)
def test_conditions_that_are_no_integer_constants(condition: str) -> None:
    found = errors(f"#if {condition}\n1\n#endif\n")
    assert found
    assert all(line == 1 for _, line, _ in found)


def test_only_one_branch_counts() -> None:
    text = "#if {0}\n1\n#elif {1}\n2\n#elif {2}\n3\n#else\n4\n#endif\n"
    assert [run(text.format(*bits)) for bits in ("000", "001", "010", "011", "100", "111")] == list("432211")


def test_text_that_does_not_count_is_not_looked_at() -> None:
    assert run("#if 0\nit's @ #if \"\n#unknown\n#if 1/0\nx\n#elif 1/0\n#else\ny\n#endif\n#else\nz\n#endif\n") == "z"
    assert run("#if 1\na\n#elif 1/0\nb\n#endif") == "a"
    assert run('#ifdef A\n#include "none"\n#error no\n#define B\n#endif\n#ifndef B\nx\n#endif') == "x"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#if 1\n", [("KC026", 1, 2)]),
        ("#endif\n", [("KC026", 1, 2)]),
        ("#else\n", [("KC026", 1, 2)]),
        ("#elif 1\n", [("KC026", 1, 2)]),
        ("#if 1\n#else\n#else\n#endif\n", [("KC026", 3, 2)]),
        ("#if 1\n#else\n#elif 1\n#endif\n", [("KC026", 3, 2)]),
        ("#if 1\n#endif x\n", [("KC020", 2, 8)]),
        ("#ifdef\n#endif\n", [("KC020", 1, 2)]),
        ("#ifdef A B\n#endif\n", [("KC020", 1, 2)]),
        ("#frob\n", [("KC020", 1, 2)]),
        ("#pragma once\n", [("KC020", 1, 2)]),
        ("#define\n", [("KC020", 1, 2)]),
        ("#define 1\n", [("KC020", 1, 2)]),
        ("#define defined 1\n", [("KC020", 1, 2)]),
        ("#undef\n", [("KC020", 1, 2)]),
        ("#include <linux/sched.h>\n", [("KC020", 1, 2)]),
        ("#include\n", [("KC020", 1, 2)]),
        ("#error too bad\n", [("KC028", 1, 2)]),
        ("#error\n", [("KC028", 1, 2)]),
        ("#error it's bad\n", [("KC028", 1, 2)]),
        ("#define A it's\n", [("KC011", 1, 13)]),
        ("#define F(x\n", [("KC023", 1, 9)]),
        ("#define F(x,) 1\n", [("KC023", 1, 9)]),
        ("#define F(x x) 1\n", [("KC023", 1, 9)]),
        ("#define F(x, x) 1\n", [("KC023", 1, 9)]),
        ("#define F(1) 1\n", [("KC023", 1, 9)]),
        ("#define F(...) 1\n", [("KC023", 1, 9)]),
        ("#define F(x) #x\n", [("KC023", 1, 14)]),
        ("#define F(x) x ## x\n", [("KC023", 1, 16)]),
        ("#define A 1\n#define A 2\n", [("KC023", 2, 9)]),
        ("#define F(x) x\n#define F(y) y\n", [("KC023", 2, 9)]),
        ("#define F(x) x\nF(1, 2)\n", [("KC024", 2, 1)]),
        ("#define F() x\nF(1)\n", [("KC024", 2, 1)]),
        ("#define F(x, y) x\nF(1)\n", [("KC024", 2, 1)]),
        ("#define F(x) x\na F(1\n", [("KC024", 2, 3)]),
        ("@ $\n", [("KC010", 1, 1), ("KC010", 1, 3)]),
    ],
)
def test_directives_that_are_wrong(text: str, found: list[tuple[str, int, int]]) -> None:
    assert errors(text) == found


def test_a_second_definition_names_the_first() -> None:
    result = preprocess(Source("a.kc", "#define A 1\n#define A 2\n"), None, {}, (), Budget())
    (error,) = result.errors
    assert [(text, place.line) for text, place in error.notes] == [("first defined here", 1)]


# ---- places --------------------------------------------------------------------------------------


def spans(text: str) -> list[tuple[str, str]]:
    result = preprocess(Source("<text>", text), None, {}, (), Budget())
    return [(word.text, word.span.text) for word in result.output]


def test_text_of_a_macro_stands_where_the_macro_is_used() -> None:
    text = "#define A 1 + 2\n#define F(x) A * x\nz F ( y )"
    assert spans(text) == [("z", "z"), *((w, "F ( y )") for w in ("1", "+", "2", "*")), ("y", "y")]


def test_an_error_in_the_text_of_a_macro_points_at_its_use() -> None:
    with pytest.raises(InputError) as caught:
        parse_text("#define TWO 1 +\nint x = TWO;\n", "a.kc")
    (error,) = caught.value.diagnostics
    assert (error.span.line, error.span.column) == (2, 12)
    with pytest.raises(InputError) as caught:
        parse_text("#define TWO 1 2\nint x = TWO;\n", "a.kc")
    (error,) = caught.value.diagnostics
    assert (error.span.line, error.span.column, error.span.text) == (2, 9, "TWO")
    assert error.hint == "the word comes out of the macro used here"


def test_expressions_that_mix_a_macro_and_its_arguments_have_the_place_of_the_use() -> None:
    unit = parse_text("#define ADD(a, b) a + (b)\nint x = ADD(1, 2);")
    (decl,) = unit.declarations
    assert isinstance(decl, GlobalDecl)
    assert decl.value is not None
    assert decl.value.span.text in ("ADD(1, 2)", "1, 2)")
    assert decl.span.text == "int x = ADD(1, 2);"


# ---- files ---------------------------------------------------------------------------------------


def load(path: Path, *roots: Path) -> list[tuple[str, int]]:
    """Return the names that a file declares, each with the number of its line."""
    unit = parse_file(path, include_roots=roots)
    return [(d.name, d.span.line) for d in unit.declarations if isinstance(d, GlobalDecl)]


def failure(path: Path, *roots: Path) -> Diagnostic:
    with pytest.raises(InputError) as caught:
        parse_file(path, include_roots=roots)
    (error,) = caught.value.diagnostics
    return error


def test_includes_beside_the_file_below_it_and_in_roots(tmp_path: Path) -> None:
    (tmp_path / "main" / "sub").mkdir(parents=True)
    (tmp_path / "lib").mkdir()
    main = tmp_path / "main" / "main.kc"
    main.write_text('#include "sub/a.kc"\n#include "c.kc"\nint m;\n')
    (tmp_path / "main" / "sub" / "a.kc").write_text('\n#include "b.kc"\nint a;\n')
    (tmp_path / "main" / "sub" / "b.kc").write_text("\n\nint b;\n")
    (tmp_path / "lib" / "c.kc").write_text("int c;\n")
    assert load(main, tmp_path / "lib") == [("b", 3), ("a", 3), ("c", 1), ("m", 3)]
    unit = parse_file(main, include_roots=[tmp_path / "lib"])
    assert [Path(d.span.source.path).name for d in unit.declarations] == ["b.kc", "a.kc", "c.kc", "main.kc"]


def test_errors_in_an_included_file_point_there_and_come_in_order(tmp_path: Path) -> None:
    (tmp_path / "main.kc").write_text('int a[1];\n#include "a.kc"\nint b[1];\n')
    (tmp_path / "a.kc").write_text("\nint x = ;\n#frob\n")
    with pytest.raises(InputError) as caught:
        parse_file(tmp_path / "main.kc")
    places = [(Path(d.span.source.path).name, d.span.line) for d in caught.value.diagnostics]
    assert places == [("main.kc", 1), ("main.kc", 3), ("a.kc", 2), ("a.kc", 3)]


def test_each_file_is_read_once_so_cycles_end(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text('#include "b.kc"\n#include "b.kc"\nint a;\n')
    (tmp_path / "b.kc").write_text('#include "a.kc"\nint b;\n')
    assert load(tmp_path / "a.kc") == [("b", 2), ("a", 3)]


def test_a_file_does_not_include_itself(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text('\n#include "a.kc"\n')
    error = failure(tmp_path / "a.kc")
    assert (error.code, error.span.line, error.span.column) == ("KC022", 2, 10)


def test_includes_nest_to_a_bound(tmp_path: Path) -> None:
    for i in range(MAX_INCLUDE_DEPTH + 2):
        (tmp_path / f"f{i}.kc").write_text(f'#include "f{i + 1}.kc"\nint a{i};\n')
    assert failure(tmp_path / "f0.kc").code == "KC022"
    (tmp_path / f"f{MAX_INCLUDE_DEPTH}.kc").write_text("int last;\n")
    assert len(load(tmp_path / "f0.kc")) == MAX_INCLUDE_DEPTH + 1


def test_bundled_specs_can_be_included_from_anywhere(tmp_path: Path) -> None:
    bundled = sorted(p.relative_to(resources.specs_root()) for p in resources.specs_root().rglob("*.kc"))
    assert bundled
    (tmp_path / "main.kc").write_text(f'#include "{bundled[0]}"\n')
    assert parse_file(tmp_path / "main.kc").declarations


def test_text_that_is_no_file_includes_from_roots_alone(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text("int a;\n")
    unit = parse_text('#include "a.kc"\n', include_roots=[tmp_path])
    assert len(unit.declarations) == 1
    with pytest.raises(InputError):
        parse_text('#include "a.kc"\n', str(tmp_path / "main.kc"))


def outside(tmp_path: Path) -> Path:
    """Make a folder with a file in it that a spec beside the folder must not read."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.kc").write_text("int secret;\n")
    (tmp_path / "in" / "sub").mkdir(parents=True)
    return secret


@pytest.mark.parametrize("wanted", ["../secret/s.kc", "sub/../../secret/s.kc", "link.kc", "folder/s.kc", "sub/up/s.kc"])
def test_what_lies_outside_is_not_read(tmp_path: Path, wanted: str) -> None:
    secret = outside(tmp_path)
    (tmp_path / "in" / "link.kc").symlink_to(secret / "s.kc")
    (tmp_path / "in" / "folder").symlink_to(secret)
    (tmp_path / "in" / "sub" / "up").symlink_to("../../secret")
    main = tmp_path / "in" / "main.kc"
    main.write_text(f'int a;\n#include "{wanted}"\n')
    error = failure(main)
    assert (error.code, error.span.line, error.span.column) == ("KC021", 2, 10)
    assert "outside" in error.message
    assert load(main, secret) == [("a", 1), ("secret", 1)]  # a root makes it readable


def test_an_absolute_path_is_not_read(tmp_path: Path) -> None:
    secret = outside(tmp_path)
    main = tmp_path / "in" / "main.kc"
    main.write_text(f'#include "{secret / "s.kc"}"\n')
    assert "absolute" in failure(main, tmp_path).message


def test_dots_and_links_that_stay_inside_are_fine(tmp_path: Path) -> None:
    outside(tmp_path)
    (tmp_path / "in" / "a.kc").write_text("int a;\n")
    (tmp_path / "in" / "b.kc").symlink_to("a.kc")
    main = tmp_path / "in" / "main.kc"
    main.write_text('#include "sub/../a.kc"\n#include "b.kc"\n')
    assert load(main) == [("a", 1)]


@pytest.mark.parametrize("wanted", ["none.kc", "", ".", "sub", "a" * 5000, "loop", "fifo", "a.kc/b.kc", "none/../../x"])
def test_what_cannot_be_read_is_an_error_at_the_include(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.kc").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    main = tmp_path / "main.kc"
    main.write_text(f'\n#include "{wanted}"\n')
    error = failure(main)
    assert error.code in ("KC001", "KC021")
    assert (error.span.source.path, error.span.line) == (str(main), 2)


def test_a_bad_byte_in_an_included_file_points_into_it(tmp_path: Path) -> None:
    (tmp_path / "main.kc").write_text('#include "a.kc"\n')
    (tmp_path / "a.kc").write_bytes(b"int a;\nint \xff;\n")
    error = failure(tmp_path / "main.kc")
    assert (error.code, Path(error.span.source.path).name) == ("KC002", "a.kc")
    assert (error.span.line, error.span.column) == (2, 5)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_bytes(b"\xef\xbb\xbfint a;\r\nint b;\r\n")
    assert load(tmp_path / "a.kc") == [("a", 1), ("b", 2)]


def test_the_size_of_all_files_together_is_bounded(tmp_path: Path) -> None:
    third = "//" + "x" * (MAX_BYTES // 3) + "\n"
    (tmp_path / "main.kc").write_text('#include "a.kc"\n#include "b.kc"\n' + third)
    (tmp_path / "a.kc").write_text(third)
    (tmp_path / "b.kc").write_text("")
    assert load(tmp_path / "main.kc") == []
    (tmp_path / "b.kc").write_text(third)
    error = failure(tmp_path / "main.kc")
    assert (error.code, error.span.line) == ("KC003", 2)


# ---- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#define A0 x x\n" + "".join(f"#define A{i + 1} A{i} A{i}\n" for i in range(40)) + "A40", "KC025"),
        ("#define F(x) x x\n" + "F(" * 60 + "1" + ")" * 60, "KC025"),
        ("#define F(x) x\n" + "F(" * 150 + "1" + ")" * 150, "KC004"),
        ("#define F(x) x\n" + "F(" + "(" * 300 + "1" + ")" * 301, "KC004"),
        ("#define F(x) x\n" + "".join(f"#define M{i + 1} F(M{i})\n" for i in range(500)) + "M500", "KC004"),
        ("#define A " + "1 " * 600 + "\n" + "A " * 400, "KC025"),
        ("#define A " + "1 " * 600 + "\n" + "A\n#\n" * 200, "KC025"),
        ("#if 1\n" * 300, "KC004"),
        ("#if " + "(" * 300 + "1\n", "KC004"),
        ("#define A0 1\n" + "".join(f"#define A{i + 1} A{i} + A{i}\n" for i in range(40)) + "#if A40\n#endif", "KC025"),
        ("x " * 200_000, "KC003"),
        ("\n" * 200_000, "KC003"),
    ],
)
def test_text_without_end_is_an_error(text: str, code: str) -> None:
    assert code in {c for c, _, _ in errors(text)}


def test_number_values_survive_macros() -> None:
    (decl,) = parse_text("#define N 0x10u\nint x = N;").declarations
    assert isinstance(decl, GlobalDecl)
    assert decl.value == Number(16)
