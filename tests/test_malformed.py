"""Whatever the input, the front end answers with a program or with errors that have a place, and soon."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from verify import resources
from verify.codes import CODES
from verify.diagnostics import InputError
from verify.source import Source
from verify.syntax import load, load_text
from verify.syntax.lex import words
from verify.syntax.limits import MAX_ERRORS, MAX_WORDS, Budget

BASE = """\
#define PT_PTRACED 1
#ifndef LIMIT
#define LIMIT(x) ((x) + 1)
#endif

enum mode { OFF, ON = 3 };

struct mm { bool dumpable = true; };

struct task {
    spinlock_t alloc_lock;
    unsigned ptrace : 5 = 0;
    enum mode mode;
    struct mm *mm;
    ghost bool kernel = false;
};

int count = 0;

static bool is_dumpable(struct task *t) { return t->mm && t->mm->dumpable; }

int attach(struct task *task)
{
    int ret = -1, i;

spin>   task_lock(task);
check>  if (!is_dumpable(task) || task->ptrace & PT_PTRACED)
exit>       goto bad;
    for (i = 0; i < 2; i++)
        count += LIMIT(i) ? 1 : 2;
    switch (count) {
    case 1:
        count = 0;
        break;
    default:
        count--;
    }
flag>   task->ptrace |= PT_PTRACED;
    ret = 0;
bad:
unlock> task_unlock(task);
    return ret;
}

void user(void)
{
    for (;;)
        choose {
            attach(any(struct task));
            atomic { current->mode = ON; }
        }
}

system { task init[*] runs user with { mm = NULL; }; }

invariant untraced unless held(t->alloc_lock) = forall (struct task *t) !(t->kernel && (t->ptrace & PT_PTRACED));

prove untraced;
necessary attach.check for untraced;
reach attach.flag;
"""

Case = tuple[str, bytes]


def tokens() -> list[tuple[int, int, str]]:
    """Return start, end and text of each word of BASE."""
    found = words(Source("base", BASE), Budget())
    return [(w.span.start, w.span.end, w.text) for w in found if w.kind != "newline"]


# ---- inputs that are always wrong ----------------------------------------------------------------


def lost_brackets() -> Iterator[Case]:
    """One bracket is missing."""
    for start, end, text in tokens():
        if text in "(){}[]":
            yield f"without {text} at {start}", (BASE[:start] + BASE[end:]).encode()


def stray_words() -> Iterator[Case]:
    """A word stands where none can."""
    stray = ("]", "@", "0x", '"s"', "'c'", "typedef", "union", "float", "sizeof", "##", "...", "\\", "#", "else", "1 1")
    ends = [end for _, end, text in tokens() if text in ";{}"]
    for index, end in enumerate(ends):
        word = stray[index % len(stray)]
        yield f"stray {word} at {end}", (BASE[:end] + " " + word + " " + BASE[end:]).encode()


def cut_blocks() -> Iterator[Case]:
    """The text ends within a block."""
    depth = 0
    for index, (start, end, text) in enumerate(tokens()):
        depth += (text == "{") - (text == "}")
        if depth and index % 5 == 0:
            yield f"cut at {start}", BASE[:end].encode()


def broken_text() -> Iterator[Case]:
    """The file is no UTF-8 text."""
    data = BASE.encode()
    wrong = (b"\0", b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80")
    for index, bad in enumerate(wrong):
        for at in (0, 100 + index, len(data) // 2, len(data)):
            yield f"{bad.hex()} at {at}", data[:at] + bad + data[at:]
    yield "utf-16", BASE.encode("utf-16")
    yield "utf-32", BASE.encode("utf-32")
    yield "latin-1", BASE.replace("task", "t\u00e4sk").encode("latin-1")
    yield "every byte", bytes(range(256))
    yield "a program", b"\x7fELF\x02\x01\x01" + bytes(64)
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(64)
    yield "an archive", b"\x1f\x8b\x08\0" + bytes(range(255, 0, -1))
    yield "noise", bytes(i * i * 37 % 251 for i in range(5000))


NESTING = {
    "parentheses": ("x = {0}1{1};", "(", ")"),
    "blocks": ("{0}{1}", "{", "}"),
    "not": ("x = {0}1{1};", "!", ""),
    "minus": ("x = {0}1{1};", "- ", ""),
    "stars": ("x = {0}y{1};", "*", ""),
    "sums": ("x = {0}1{1};", "1 + ", ""),
    "calls": ("x = {0}1{1};", "f(", ")"),
    "fields": ("x{1}{0} = 1;", "->y", ""),
    "assignments": ("{0}1{1};", "x = ", ""),
    "choices": ("x = {0}1{1};", "1 ? 2 : ", ""),
    "casts": ("x = {0}1{1};", "(int) ", ""),
    "ifs": ("{0};{1}", "if (1) ", ""),
    "else": ("{0};{1}", "if (1) ; else ", ""),
    "whiles": ("{0};{1}", "while (1) ", ""),
    "do": ("{0};{1}", "do ", " while (1);"),
    "tags": ("{0};{1}", "a> ", ""),
    "atomic": ("{0}{1}", "atomic { ", "}"),
    "choose": ("{0};{1}", "choose { ", "}"),
    "switch": ("{0};{1}", "switch (1) { case 1: ", "}"),
    "unclosed parentheses": ("{0}{1}", "(", ""),
    "unclosed blocks": ("{0}{1}", "{", ""),
    "unopened blocks": ("{0}{1}", "", "}"),
}


def deep() -> Iterator[Case]:
    """The text nests deeply, closed properly or not."""
    for name, (frame, left, right) in NESTING.items():
        for depth in (250, 5_000):
            text = frame.replace("{0}", left * depth).replace("{1}", right * depth)
            yield f"{depth} {name}", f"void f(int x) {{ {text} }}\n".encode()
    yield "quantifiers", ("invariant i = " + "forall (struct t *x) " * 1000 + "1;").encode()
    yield "conditionals", b"#if 1\n" * 5000
    yield "macros", ("#define F(x) x\nint y = " + "F(" * 5000 + ")" * 5000 + ";").encode()


def long() -> Iterator[Case]:
    """The text has no end to speak of."""
    size = 5_000_000
    for name, text in {
        "letters": "a" * size,
        "words": "a " * (size // 2),
        "quotes": '"' * size,
        "lines": "\n" * size,
        "backslashes": "\\" * size,
        "a string": '"' + "a" * size,
        "comments": "/*" * (size // 2),
        "an open comment": "/*" + " " * size,
        "digits": "int x = " + "9" * size + ";",
        "semicolons": ";" * size,
        "directives": "#\n" * (size // 2),
        "unknown directives": "#x\n" * (size // 3),
        "accents": "\u00e9" * (size // 2),
        "errors on one line": "int x = [;" * (size // 10),
        "doubling": "#define A0 1 1\n" + "".join(f"#define A{i + 1} A{i} A{i}\n" for i in range(99)) + "int x = A99;",
        "nine megabytes": " " * 9_000_000,
    }.items():
        yield name, text.encode()


ALWAYS = [*lost_brackets(), *stray_words(), *cut_blocks(), *broken_text(), *deep()]


# ---- inputs that may happen to be right ----------------------------------------------------------


def mutated() -> Iterator[Case]:
    """One word is missing, doubled, swapped with the next, or replaced by another."""
    found = tokens()
    for index, (start, end, text) in enumerate(found[:-1]):
        after = found[index + 1]
        other = found[index * 7 % len(found)][2]
        changed = (
            ("drop", BASE[:start] + BASE[end:]),
            ("swap", BASE[:start] + after[2] + BASE[end : after[0]] + text + BASE[after[1] :]),
            ("double", BASE[:end] + " " + BASE[start:]),
            ("replace", BASE[:start] + other + BASE[end:]),
        )
        for kind, result in changed[index % 2 :: 2]:
            yield f"{kind} {index}", result.encode()


def cut_specs() -> Iterator[Case]:
    """A bundled spec is cut off."""
    for path in sorted(resources.specs_root().rglob("*.kc"))[:2]:
        data = path.read_bytes()
        for part in (1, 4, 6, 7):
            yield f"{part}/8 of {path.name}", data[: len(data) * part // 8]


# ---- the test ------------------------------------------------------------------------------------


def verdict(data: bytes, folder: Path) -> InputError | None:
    """Load a file with this content: its errors, each with a place and a known code, or None."""
    path = folder / "input.kc"
    path.write_bytes(data)
    try:
        program = load(path)
    except InputError as caught:
        check_errors(caught)
        return caught
    assert program.path == str(path)
    return None


def check_errors(error: InputError) -> None:
    assert error.diagnostics
    for found in error.diagnostics:
        assert found.code in CODES
        assert found.span.line >= 1
        assert found.span.column >= 1
        assert found.render().startswith(f"{found.span.source.path}:{found.span.line}:{found.span.column}: error[")


def test_the_base_is_a_program() -> None:
    program = load_text(BASE)
    assert list(program.functions) == ["is_dumpable", "attach", "user"]


def test_there_are_enough_malformed_inputs() -> None:
    assert len({data for _, data in ALWAYS}) >= 200


@pytest.mark.parametrize("data", [data for _, data in ALWAYS], ids=[name for name, _ in ALWAYS])
def test_malformed_input_is_an_error_with_a_place(data: bytes, tmp_path: Path) -> None:
    assert verdict(data, tmp_path) is not None


@pytest.mark.slow
def test_mutated_input_is_an_error_or_a_program(tmp_path: Path) -> None:
    found = {name: verdict(data, tmp_path) for name, data in mutated()}
    assert sum(error is not None for error in found.values()) >= len(found) // 2


def test_cut_specs_are_errors_or_programs(tmp_path: Path) -> None:
    found = {name: verdict(data, tmp_path) for name, data in cut_specs()}
    assert sum(error is not None for error in found.values()) >= len(found) // 2


@pytest.mark.parametrize("name", NESTING)
def test_the_deepest_text_that_parses_can_be_checked(name: str) -> None:
    frame, left, right = NESTING[name]
    for depth in (99, 98, 97, 96, 49, 48, 47):
        text = frame.replace("{0}", left * depth).replace("{1}", right * depth)
        try:
            load_text(f"struct task {{ int a; }}; void f(int x) {{ {text} }} system {{ task t runs f; }}")
        except InputError as error:
            check_errors(error)


@pytest.mark.slow
@pytest.mark.parametrize("case", list(long()), ids=lambda case: case[0])
def test_long_input_is_refused_after_few_steps(case: Case, tmp_path: Path) -> None:
    steps = itertools.count()
    sys.setprofile(lambda *_: next(steps))  # calls and returns: what a slow machine does not change
    try:
        error = verdict(case[1], tmp_path)
    finally:
        sys.setprofile(None)
    assert error is not None
    assert len(error.diagnostics) <= MAX_ERRORS
    assert next(steps) < 50 * MAX_WORDS


# ---- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["none.kc", "folder", "fifo", "loop", "file/x.kc", "x" * 5000, "a\0b", "/dev/zero", ""]
)
def test_a_path_that_is_no_readable_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text(BASE)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError) as caught:
        load(tmp_path / name if name else "")
    (error,) = caught.value.diagnostics
    assert (error.code, error.span.line, error.span.column) == ("KC001", 1, 1)


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.kc"
    path.write_text(BASE)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError) as caught:
        load(path)
    (error,) = caught.value.diagnostics
    assert (error.code, error.message) == ("KC001", f"`{path}` cannot be read: permission denied")


def test_an_empty_file_is_a_program_without_claims(tmp_path: Path) -> None:
    (tmp_path / "empty.kc").write_bytes(b"")
    assert load(tmp_path / "empty.kc").claims == ()
