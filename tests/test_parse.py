"""The parser builds the right tree, puts every part of it where its text is, and explains what it refuses."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from lark import Lark
from lark import logger as lark_logger

from verify import resources
from verify.codes import CODES
from verify.diagnostics import InputError
from verify.syntax import parse_text
from verify.syntax.ast import (
    AnyOf,
    Assert,
    Assign,
    Assume,
    At,
    Atomic,
    Binary,
    Block,
    Break,
    Call,
    Case,
    Cast,
    Choose,
    ClaimDecl,
    Conditional,
    Continue,
    Decl,
    Declare,
    Do,
    Empty,
    EnumDecl,
    Expr,
    FieldDecl,
    Foreach,
    FunctionDecl,
    GlobalDecl,
    Goto,
    GroupDecl,
    Held,
    If,
    InvariantDecl,
    Labeled,
    Loop,
    Member,
    Name,
    New,
    Node,
    Nondet,
    Number,
    Param,
    PostIncrement,
    Quantified,
    Return,
    Stmt,
    StructDecl,
    Switch,
    SystemDecl,
    Unary,
)
from verify.syntax.grammar import tables
from verify.syntax.rows import ROWS
from verify.syntax.types import Bool, Enum, Function, Int, Lock, Null, Pointer, Struct, Void

GOLDEN = Path(__file__).parent / "golden" / "syntax"

TASK = Pointer(Struct("task"))
ONE = Number(1)
X, Y = Name("x"), Name("y")


def decls(text: str) -> tuple[Decl, ...]:
    return parse_text(text).declarations


def body(text: str) -> tuple[Stmt, ...]:
    (function,) = decls("void f(void) {\n" + text + "\n}")
    assert isinstance(function, FunctionDecl)
    assert function.body is not None
    return function.body.body


def stmt(text: str) -> Stmt:
    (only,) = body(text)
    return only


def expr(text: str) -> Expr:
    (found,) = decls(f"invariant i = {text};")
    assert isinstance(found, InvariantDecl)
    return found.body


def refused(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(InputError) as caught:
        parse_text(text)
    return [(d.code, d.span.line, d.span.column) for d in caught.value.diagnostics]


def shape(e: Expr) -> str:
    """Write an expression with all its parentheses."""
    match e:
        case Name(name):
            return name
        case Number(value):
            return str(value)
        case Unary(op, operand):
            return f"({op}{shape(operand)})"
        case Binary(op, left, right):
            return f"({shape(left)}{op}{shape(right)})"
        case Conditional(cond, then, other):
            return f"({shape(cond)}?{shape(then)}:{shape(other)})"
        case Assign(target, value, op):
            return f"({shape(target)}{op or ''}={shape(value)})"
        case Member(base, field, arrow):
            return f"({shape(base)}{'->' if arrow else '.'}{field})"
        case PostIncrement(target, op):
            return f"({shape(target)}{op * 2})"
        case Cast(to, operand):
            return f"([{type(to).__name__}]{shape(operand)})"
        case Call(callee, args):
            return f"{callee}({','.join(map(shape, args))})"
        case _:
            raise AssertionError(e)


# ---- the grammar ---------------------------------------------------------------------------------


def test_every_rule_has_a_row_and_every_row_a_rule() -> None:
    made = {row.name for rows in tables().reductions for row in rows.values()}
    passed = {row.name for rows in tables().reductions for row in rows.values() if row.passes}
    assert {name for name in made - passed if not name.startswith("_")} <= ROWS.keys() | {"primary"}
    assert made >= ROWS.keys()


def test_the_grammar_has_one_conflict_the_dangling_else() -> None:
    log = StringIO()
    handler = logging.StreamHandler(log)
    lark_logger.addHandler(handler)
    level = lark_logger.level
    lark_logger.setLevel(logging.DEBUG)
    try:
        Lark(resources.grammar(), parser="lalr", lexer="basic", start=["unit", "condition"], debug=True)
    finally:
        lark_logger.setLevel(level)
        lark_logger.removeHandler(handler)
    assert [line for line in log.getvalue().splitlines() if "conflict" in line.lower()] == [
        "Shift/Reduce conflict for terminal ELSE: (resolving as shift)"
    ]


def test_dangling_else_belongs_to_the_inner_if() -> None:
    assert stmt("if (x) if (y) ; else return;") == If(X, If(Y, Empty(), Return(None)), None)


def test_resources_are_found() -> None:
    assert "unit: item*" in resources.grammar()
    assert resources.specs_root().is_dir()


# ---- expressions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a || b && c", "(a||(b&&c))"),
        ("a && b | c", "(a&&(b|c))"),
        ("a | b ^ c & d", "(a|(b^(c&d)))"),
        ("a & b == c", "(a&(b==c))"),
        ("a == b < c", "(a==(b<c))"),
        ("a != b >= c", "(a!=(b>=c))"),
        ("a < b << c", "(a<(b<<c))"),
        ("a >> b + c", "(a>>(b+c))"),
        ("a - b - c", "((a-b)-c)"),
        ("a + b * c % d / e", "(a+(((b*c)%d)/e))"),
        ("-a * !b", "((-a)*(!b))"),
        ("~*a", "(~(*a))"),
        ("&a->b.c", "(&((a->b).c))"),
        ("!a->b++", "(!((a->b)++))"),
        ("- -a", "(-(-a))"),
        ("+a", "(+a)"),
        ("++a", "(a+=1)"),
        ("--a->b", "((a->b)-=1)"),
        ("a--", "(a--)"),
        ("a = b = c", "(a=(b=c))"),
        ("a |= b ? c : d", "(a|=(b?c:d))"),
        ("a ? b : c ? d : e", "(a?b:(c?d:e))"),
        ("a ? b ? c : d : e", "(a?(b?c:d):e)"),
        ("a ? b = c : d", "(a?(b=c):d)"),
        ("(a + b) * c", "((a+b)*c)"),
        ("(int) a + b", "(([Int]a)+b)"),
        ("(struct task *) a->b", "([Pointer](a->b))"),
        ("(void) f()", "([Void]f())"),
        ("f(a, b = c, g())", "f(a,(b=c),g())"),
        ("a <<= b", "(a<<=b)"),
        ("a >>= b", "(a>>=b)"),
        ("a ^= b", "(a^=b)"),
        ("a &= b", "(a&=b)"),
        ("a += b", "(a+=b)"),
        ("a -= b", "(a-=b)"),
        ("a *= b", "(a*=b)"),
        ("a /= b", "(a/=b)"),
        ("a %= b", "(a%=b)"),
        ("a<=b", "(a<=b)"),
    ],
)
def test_precedence_is_that_of_c(text: str, expected: str) -> None:
    assert shape(expr(text)) == expected


@pytest.mark.parametrize(
    ("text", "value", "type_"),
    [
        ("0", 0, Int(32, signed=True)),
        ("017", 15, Int(32, signed=True)),
        ("0x1F", 31, Int(32, signed=True)),
        ("0b101", 5, Int(32, signed=True)),
        ("2147483647", 2**31 - 1, Int(32, signed=True)),
        ("2147483648", 2**31, Int(64, signed=True)),
        ("0x80000000", 2**31, Int(32, signed=False)),
        ("3u", 3, Int(32, signed=False)),
        ("3L", 3, Int(64, signed=True)),
        ("3UL", 3, Int(64, signed=False)),
        ("3llu", 3, Int(64, signed=False)),
        ("4294967296u", 2**32, Int(64, signed=False)),
        ("0xffffffffffffffff", 2**64 - 1, Int(64, signed=False)),
        ("true", 1, Bool()),
        ("false", 0, Bool()),
        ("NULL", 0, Null()),
    ],
)
def test_constants(text: str, value: int, type_: object) -> None:
    found = expr(text)
    assert found == Number(value)
    assert found.type == type_


@pytest.mark.parametrize("text", ["09", "1.5", "0x", "12ab", "1e5", ".5", "0b2", "3ulu"])
def test_what_is_no_number(text: str) -> None:
    assert refused(f"int x = {text};") == [("KC012", 1, 9)]


@pytest.mark.parametrize("text", ["18446744073709551616", "9223372036854775808", "0x1" + "0" * 16, "9" * 100_000])
def test_numbers_of_more_than_64_bits(text: str) -> None:
    assert refused(f"int x = {text};") == [("KC012", 1, 9)]


def test_words_of_the_language_in_expressions() -> None:
    assert expr("new struct task") == New("task")
    assert expr("any(struct task)") == AnyOf("task")
    assert expr("nondet()") == Nondet()
    assert expr("held(x->lock)") == Held(Member(X, "lock", arrow=True))
    assert expr("at(x, f.check)") == At(X, "f.check")
    assert expr("forall (struct task *a, struct mm *b) x && y") == Quantified(
        "forall", (("a", "task"), ("b", "mm")), Binary("&&", X, Y)
    )
    assert expr("x && (exists (struct task *a) y)") == Binary("&&", X, Quantified("exists", (("a", "task"),), Y))


def test_words_of_the_language_are_names_where_c_has_names() -> None:
    words = (
        "new", "any", "nondet", "held", "at", "forall", "exists", "ghost", "on", "off", "prove", "refute", "redundant",
        "necessary", "reach", "dead", "lock_balanced", "deadlock_free", "choose", "atomic", "foreach", "assume",
        "assert", "where", "system", "runs", "with", "cpus", "preempt", "unless", "invariant", "minimal", "race_free",
        "writers", "in", "without", "eventually", "no_starvation", "atomic_sections", "same_outcome",
        "never_refused", "refused",
    )
    for word in words:
        text = f"struct {word} *{word}; x->{word} = {word} + f({word}); {word} = 1; goto {word}; {word}: {word}++;"
        assert body(text) == (
            Declare(word, Pointer(Struct(word)), None),
            Do(Assign(Member(X, word, arrow=True), Binary("+", Name(word), Call("f", (Name(word),))))),
            Do(Assign(Name(word), ONE)),
            Goto(word),
            Labeled(word, Do(PostIncrement(Name(word), "+"))),
        )
        claim = decls(f"prove {word} in {word} without {word}.{word};")
        assert claim == (ClaimDecl("prove", word, system=word, without=(f"{word}.{word}",)),)


# ---- statements ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (";", Empty()),
        ("{ x; }", Block((Do(X),))),
        ("if (x) y;", If(X, Do(Y), None)),
        ("while (x) y;", Loop(None, X, None, Do(Y))),
        ("do y; while (x);", Loop(None, X, None, Do(Y), test_first=False)),
        ("for (;;) ;", Loop(None, None, None, Empty())),
        ("for (x = 1; y; ++x) ;", Loop(Do(Assign(X, ONE)), Y, Assign(X, ONE, "+"), Empty())),
        ("for (int x = 1; ; ) ;", Loop(Declare("x", Int(32, signed=True), ONE), None, None, Empty())),
        ("break;", Break()),
        ("continue;", Continue()),
        ("goto out;", Goto("out")),
        ("return;", Return(None)),
        ("return x;", Return(X)),
        ("out: x;", Labeled("out", Do(X))),
        ("a> b: c> x;", Labeled("a", Labeled("b", Labeled("c", Do(X))))),
        ("choose { x; { y; } }", Choose((Do(X), Block((Do(Y),))))),
        ("atomic { x; }", Atomic(Block((Do(X),)))),
        ("assume(x);", Assume(X)),
        ("assert(x && y);", Assert(Binary("&&", X, Y))),
        ("foreach (struct task *c) x;", Foreach("c", "task", None, Do(X))),
        ("foreach (struct task *c where y) x;", Foreach("c", "task", Y, Do(X))),
        (
            "switch (x) { case 1: case 2: y; break; default: ; }",
            Switch(X, (Case((ONE, Number(2)), False, (Do(Y), Break())), Case((), True, (Empty(),)))),
        ),
        ("switch (x) { case 1: default: int y = 1; x; }", Switch(X, (
            Case((ONE,), True, (Declare("y", Int(32, signed=True), ONE), Do(X))),
        ))),
        ("switch (x) { }", Switch(X, ())),
    ],
)
def test_statements(text: str, expected: Stmt) -> None:
    assert stmt(text) == expected


def test_declarators_become_one_statement_each_in_the_enclosing_block() -> None:
    assert body("struct task *a = x, *b; bool c; x;") == (
        Declare("a", TASK, X), Declare("b", TASK, None), Declare("c", Bool(), None), Do(X),
    )


def test_a_tag_stands_before_the_statement_on_the_same_or_a_later_line() -> None:
    assert body("flag> x = 1;\nexit>\n\n  goto bad;\nif (y)\nbad> x;") == (
        Labeled("flag", Do(Assign(X, ONE))),
        Labeled("exit", Goto("bad")),
        If(Y, Labeled("bad", Do(X)), None),
    )


@pytest.mark.parametrize("text", ["y = x>1;", "y = x >1;", "f(x>1);", "return (int) x>1;", "if (x>1) ;", "y = (x)>1;"])
def test_a_comparison_is_no_tag(text: str) -> None:
    assert not isinstance(stmt(text), Labeled)
    assert ">" in {e.op for e in nodes(stmt(text)) if isinstance(e, Binary)}


def test_at_a_statement_start_a_name_with_a_space_before_the_sign_is_a_comparison() -> None:
    assert stmt("x > y;") == Do(Binary(">", X, Y))
    assert stmt("x>=y;") == Do(Binary(">=", X, Y))
    assert stmt("x>>y;") == Do(Binary(">>", X, Y))


def test_the_label_span_is_the_name_alone() -> None:
    (labeled,) = body("flag> x;")
    assert isinstance(labeled, Labeled)
    assert labeled.label_span.text == "flag"
    assert labeled.span.text == "flag> x;"


MAIL_KERNEL_THREAD = """
/* lock out any potential ptracer */
spin> task_lock(task);
check> if (task->ptrace) {
exit> return -EPERM;
}

old_task_dumpable = task->task_dumpable;
flag> task->task_dumpable = 0;
unlock> task_unlock(task);
"""

MAIL_PTRACE_ATTACH = """
spin> task_lock(task);
if (task->pid <= 1)
goto bad;
if (task == current)
goto bad;
if (!task->mm)
goto bad;
if(((current->uid != task->euid) ||
(current->uid != task->suid) ||
(current->uid != task->uid) ||
(current->gid != task->egid) ||
(current->gid != task->sgid) ||
(!cap_issubset(task->cap_permitted, current->cap_permitted)) ||
(current->gid != task->gid)) && !capable(CAP_SYS_PTRACE))
goto bad;
check> if (!is_dumpable(task) && !capable(CAP_SYS_PTRACE))
exit> goto bad;
/* the same process cannot be attached many times */
if (task->ptrace & PT_PTRACED)
goto bad;

/* Go */
flag> task->ptrace |= PT_PTRACED;
if (capable(CAP_SYS_PTRACE))
task->ptrace |= PT_PTRACE_CAP;
unlock> task_unlock(task);
"""


@pytest.mark.parametrize("text", [MAIL_KERNEL_THREAD, MAIL_PTRACE_ATTACH])
def test_the_snippets_of_the_mail_parse_as_printed(text: str) -> None:
    labels = [n.label for s in body(text) for n in nodes(s) if isinstance(n, Labeled)]
    assert labels == ["spin", "check", "exit", "flag", "unlock"]


def test_the_exit_tag_of_the_mail_is_the_body_of_its_if() -> None:
    checks = [s for s in body(MAIL_PTRACE_ATTACH) if isinstance(s, Labeled) and s.label == "check"]
    (check,) = checks
    assert isinstance(check.body, If)
    assert check.body.then == Labeled("exit", Goto("bad"))


# ---- declarations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bool", Bool()), ("_Bool", Bool()), ("char", Int(8, signed=True)), ("unsigned char", Int(8, signed=False)),
        ("short", Int(16, signed=True)), ("unsigned short int", Int(16, signed=False)), ("int", Int(32, signed=True)),
        ("unsigned", Int(32, signed=False)), ("int unsigned", Int(32, signed=False)), ("signed", Int(32, signed=True)),
        ("long", Int(64, signed=True)), ("unsigned long long int", Int(64, signed=False)),
        ("u8", Int(8, signed=False)), ("__s16", Int(16, signed=True)), ("uint32_t", Int(32, signed=False)),
        ("s64", Int(64, signed=True)), ("uid_t", Int(32, signed=False)), ("pid_t", Int(32, signed=True)),
        ("size_t", Int(64, signed=False)), ("enum state", Enum("state")), ("struct task", Struct("task")),
        ("struct task *", TASK), ("spinlock_t", Lock("spinlock")), ("rwlock_t", Lock("rwlock")),
        ("atomic_t", Lock("atomic")), ("struct mutex", Lock("mutex")), ("struct semaphore", Lock("semaphore")),
        ("struct rw_semaphore", Lock("rwsem")), ("struct completion", Lock("completion")),
        ("static const volatile int", Int(32, signed=True)), ("struct task const * volatile", TASK),
        ("extern register int", Int(32, signed=True)),
    ],
)
def test_types(text: str, expected: object) -> None:
    assert decls(f"{text} x;") == (GlobalDecl("x", expected, None),)  # type: ignore[arg-type] # a type


def test_structs_and_enums() -> None:
    unsigned = Int(32, signed=False)
    assert decls("""
        struct task;
        struct task {
            spinlock_t lock = SPIN_LOCK_UNLOCKED;
            unsigned ptrace : 5 = 1, flags;
            ghost bool kernel;
            struct task *a, *b = NULL;
        };
        struct empty { };
        enum state { A, B = 3, C, };
        enum { D };
    """) == (
        StructDecl("task", (
            FieldDecl("lock", Lock("spinlock"), Name("SPIN_LOCK_UNLOCKED")),
            FieldDecl("ptrace", unsigned, ONE, 5),
            FieldDecl("flags", unsigned, None),
            FieldDecl("kernel", Bool(), None, ghost=True),
            FieldDecl("a", TASK, None),
            FieldDecl("b", TASK, Number(0)),
        )),
        StructDecl("empty", ()),
        EnumDecl("state", (("A", None), ("B", Number(3)), ("C", None))),
        EnumDecl("", (("D", None),)),
    )


def test_globals_and_functions() -> None:
    number = Int(32, signed=True)
    assert decls("""
        int a = 1, b;
        ghost bool seen = false;
        struct mm init_mm;
        static struct task *first = &init;
        int f(void);
        static inline struct task *g(struct task *, unsigned *w, spinlock_t *l);
        void h() { }
        int k(void (*fn)(void), int (*gn)(), int flags) { return 0; }
    """) == (
        GlobalDecl("a", number, ONE),
        GlobalDecl("b", number, None),
        GlobalDecl("seen", Bool(), Number(0), ghost=True),
        GlobalDecl("init_mm", Struct("mm"), None),
        GlobalDecl("first", TASK, Unary("&", Name("init"))),
        FunctionDecl("f", number, (), None),
        FunctionDecl("g", TASK, (
            Param("", TASK), Param("w", Pointer(Int(32, signed=False))), Param("l", Pointer(Lock("spinlock"))),
        ), None),
        FunctionDecl("h", Void(), (), Block(())),
        FunctionDecl("k", number, (
            Param("fn", Function(Void())), Param("gn", Function(number)), Param("flags", number),
        ), Block((Return(Number(0)),))),
    )


def test_systems() -> None:
    assert decls("""
        system {
            task init[*] runs user with { uid = 0; mm = new struct mm; any = nondet(); };
            struct task cpus runs f;
        }
        system SMP { cpus 2; preempt off; task a[3] runs user; };
        system UP { task runs[1] runs runs; cpus any; preempt on; }
    """) == (
        SystemDecl("system", (
            GroupDecl("task", "init", None, "user", (("uid", Number(0)), ("mm", New("mm")), ("any", Nondet()))),
            GroupDecl("task", "cpus", 1, "f", ()),
        )),
        SystemDecl("SMP", (GroupDecl("task", "a", 3, "user", ()),), 2, preempt=False),
        SystemDecl("UP", (GroupDecl("task", "runs", 1, "runs", ()),), None, preempt=True),
    )


def test_invariants() -> None:
    assert decls("invariant a = x; invariant b unless held(x) || y = forall (struct t *k) x;") == (
        InvariantDecl("a", None, X),
        InvariantDecl("b", Binary("||", Held(X), Y), Quantified("forall", (("k", "t"),), X)),
    )


CLAIMS = {
    "prove inv": ClaimDecl("prove", "inv"),
    "refute inv in SMP": ClaimDecl("refute", "inv", system="SMP"),
    "reach f.flag": ClaimDecl("reach", targets=("f.flag",)),
    "dead f.check without g.lock, h.set": ClaimDecl("dead", targets=("f.check",), without=("g.lock", "h.set")),
    "redundant f.check for inv": ClaimDecl("redundant", "inv", ("f.check",)),
    "necessary f.check for inv in S without g.x": ClaimDecl("necessary", "inv", ("f.check",), (), "S", ("g.x",)),
    "minimal {f.a, g.b} for inv": ClaimDecl("minimal", "inv", ("f.a", "g.b")),
    "lock_balanced": ClaimDecl("lock_balanced"),
    "deadlock_free in S": ClaimDecl("deadlock_free", system="S"),
    "race_free task.ptrace": ClaimDecl("race_free", targets=("task.ptrace",)),
    "race_free ptrace": ClaimDecl("race_free", targets=("ptrace",)),
    "eventually f.l in s": ClaimDecl("eventually", targets=("f.l",), system="s"),
    "no_starvation big": ClaimDecl("no_starvation", targets=("big",)),
    "no_starvation task.lock without f.l": ClaimDecl("no_starvation", targets=("task.lock",), without=("f.l",)),
    "atomic_sections big": ClaimDecl("atomic_sections", targets=("big",)),
    "atomic_sections task.lock, big in s": ClaimDecl("atomic_sections", targets=("task.lock", "big"), system="s"),
    "same_outcome f.l in s without f.k": ClaimDecl("same_outcome", targets=("f.l",), system="s", without=("f.k",)),
    "never_refused f while x": ClaimDecl("never_refused", targets=("f",), cond=Name("x"), said="x"),
    "refused f while x->x in s without f.l": ClaimDecl(
        "refused", targets=("f",), system="s", without=("f.l",), cond=Member(Name("x"), "x", arrow=True), said="x->x",
    ),
    "writers task.ptrace = {f, g}": ClaimDecl("writers", targets=("task.ptrace",), functions=("f", "g")),
}


@pytest.mark.parametrize("text", CLAIMS)
def test_claims(text: str) -> None:
    (claim,) = decls(text + ";")
    assert claim == CLAIMS[text]
    assert isinstance(claim, ClaimDecl)
    assert claim.name == text


def test_options_of_a_claim_come_in_any_order() -> None:
    assert decls("prove i without f.x in S without g.y;") == (
        ClaimDecl("prove", "i", system="S", without=("f.x", "g.y")),
    )


def test_an_empty_file_is_an_empty_unit() -> None:
    assert decls("") == decls("  // nothing\n") == ()


# ---- places --------------------------------------------------------------------------------------


def nodes(node: object) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    if isinstance(node, Node):
        yield node
        for field in dataclasses.fields(node):
            yield from nodes(getattr(node, field.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from nodes(item)


def test_every_span_is_the_text_of_its_node() -> None:
    unit = parse_text("""
        int f(struct task *t)
        {
            int x = 1;
            if (t->a && f(t, x + 2)) return -x;
            t->b++;
            {;}
        }
        prove inv in S;
    """)
    texts = {(type(n).__name__, n.span.text) for d in unit.declarations for n in nodes(d)}
    assert texts >= {
        ("Param", "struct task *t"),
        ("Declare", "int x = 1;"),
        ("If", "if (t->a && f(t, x + 2)) return -x;"),
        ("Binary", "t->a && f(t, x + 2)"),
        ("Member", "t->a"),
        ("Call", "f(t, x + 2)"),
        ("Binary", "x + 2"),
        ("Number", "2"),
        ("Unary", "-x"),
        ("PostIncrement", "t->b++"),
        ("Block", "{;}"),
        ("ClaimDecl", "prove inv in S;"),
    }


def test_names_of_one_declaration_have_places_of_their_own() -> None:
    first, second = body("int a = 1, b = 2;")
    assert (first.span.text, second.span.text) == ("a = 1", "b = 2")


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("spec", sorted(GOLDEN.glob("*.kc")), ids=lambda p: p.stem)
def test_messages_are_those_of_the_golden_files(spec: Path) -> None:
    with pytest.raises(InputError) as caught:
        parse_text(spec.read_text(encoding="utf-8"), spec.name)
    assert str(caught.value) + "\n" == spec.with_suffix(".txt").read_text(encoding="utf-8")
    assert {d.code for d in caught.value.diagnostics} <= CODES.keys()


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("int a[3];", [("KC034", 1, 6)]),
        ("typedef int t;", [("KC035", 1, 1)]),
        ("union u { int a; };", [("KC035", 1, 1)]),
        ("float f;", [("KC035", 1, 1)]),
        ('int x = "a";', [("KC013", 1, 9)]),
        ("int x = 'a';", [("KC013", 1, 9)]),
        ("struct s { struct t u; };", [("KC036", 1, 21)]),
        ("void f(struct t u) { }", [("KC036", 1, 8)]),
        ("struct t f(void) { }", [("KC036", 1, 10)]),
        ("void f(void) { struct t u; }", [("KC036", 1, 25)]),
        ("void (*fn)(void);", [("KC037", 1, 6)]),
        ("struct s { void (*fn)(void); };", [("KC037", 1, 17)]),
        ("void f(void (*fn)(int)) { }", [("KC037", 1, 8)]),
        ("int *p;", [("KC038", 1, 5)]),
        ("struct t **p;", [("KC038", 1, 10)]),
        ("struct s { spinlock_t *l; };", [("KC038", 1, 23)]),
        ("void x;", [("KC039", 1, 6)]),
        ("int f(int a, void) { }", [("KC039", 1, 14)]),
        ("int f(void a) { }", [("KC039", 1, 7)]),
        ("int f(int) { }", [("KC040", 1, 7)]),
        ("struct mutex { int a; };", [("KC041", 1, 8)]),
        ("system { cpus 1; cpus 2; }", [("KC042", 1, 18)]),
        ("system { preempt on; preempt on; }", [("KC042", 1, 22)]),
        ("prove i in a in b;", [("KC042", 1, 14)]),
        ("unsigned bool x;", [("KC033", 1, 1)]),
        ("struct s { int a; } x;", [("KC030", 1, 21)]),
        ("foo_t x;", [("KC032", 1, 1)]),
        ("void f(void) { foo_t x; }", [("KC032", 1, 16)]),
        ("void f(void) { foo_t *x; }", [("KC032", 1, 16)]),
        ("void f(void) { foo_t *x = 1; }", [("KC032", 1, 16)]),
        ("struct s { foo_t x; };", [("KC032", 1, 12)]),
        ("void f(foo_t x);", [("KC032", 1, 8)]),
        ("int f(int a, ...);", [("KC035", 1, 14)]),
        ("void f(void) { x = 1, y = 2; }", [("KC035", 1, 21)]),
        ("void f(void) { for (int a, b; ; ) ; }", [("KC043", 1, 28)]),
        ("void f(void) { a = b; ", [("KC031", 1, 22)]),
        ("prove", [("KC031", 1, 6)]),
        ("}", [("KC030", 1, 1)]),
        ("void f(void) { else ; }", [("KC030", 1, 16)]),
        ("void f(void) { case 1: ; }", [("KC030", 1, 16)]),
        ("void f(void) { lab: int x; }", [("KC030", 1, 21)]),
        ("struct t x = { 1 };", [("KC035", 1, 14)]),
        ("struct { int a; } x;", [("KC035", 1, 8)]),
        ("int @;", [("KC010", 1, 5), ("KC030", 1, 6)]),
        ("int \u00e9;", [("KC010", 1, 5), ("KC030", 1, 6)]),
        ("int x; /* open", [("KC011", 1, 8)]),
        ('int x = "open', [("KC031", 1, 8), ("KC011", 1, 9)]),
        ("invariant i = a && forall (struct t *k) b;", [("KC030", 1, 20)]),
        ("void f(void) { x = sizeof(int); }", [("KC035", 1, 20)]),
    ],
)
def test_what_is_refused_and_where(text: str, errors: list[tuple[str, int, int]]) -> None:
    assert refused(text) == errors


def test_all_errors_of_a_file_come_in_one_run() -> None:
    text = "int a[3];\nint f(void)\n{\n  x = ;\n  y = 2\n  goto 3;\n  if (x {\n    z(;\n  }\n}\nprove a b;\n"
    assert [line for _, line, _ in refused(text)] == [1, 4, 5, 6, 7, 8, 11]


def test_one_mistake_gives_one_error() -> None:
    for text in ("void f(void) { x = 1 y = 2; z = 3; }", "void f(void) { if x) { y = 1; } else { z = 2; } }",
                 "struct s { int a b; int c; }; int x;", "enum e { A = , B }; int x;"):
        assert len(refused(text)) == 1


def test_a_missing_semicolon_is_reported_where_it_is_missing() -> None:
    with pytest.raises(InputError) as caught:
        parse_text("void f(void)\n{\n    x = 1\n    y = 2;\n}\n", "a.kc")
    assert str(caught.value) == "a.kc:3:10: error[KC030]: expected `;` after `1`\n  |\n3 |     x = 1\n  |          ^"


# ---- bounds and speed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 150 + "1" + ")" * 150 + ";",
        "x = " + "1 + " * 90 + "1;",
        "{" * 90 + "}" * 90,
    ],
)
def test_what_nests_within_bounds_parses(text: str) -> None:
    assert len(body(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 300 + "1" + ")" * 300 + ";",
        "x = " + "1 + " * 300 + "1;",
        "x = " + "!" * 300 + "1;",
        "x = " + "a = " * 300 + "1;",
        "x = a" + "->b" * 300 + ";",
        "x = " + "a ? b : " * 300 + "c;",
        "{" * 300 + "}" * 300,
        "if (a) b; else " * 300 + "c;",
        "a> " * 300 + "c;",
        "x = " + "f(" * 300 + ")" * 300 + ";",
    ],
)
def test_what_nests_too_deeply_is_an_error(text: str) -> None:
    assert [code for code, _, _ in refused("void f(void) {" + text + "}")] == ["KC004"]


FUNCTION = """
int f{0}(struct task *t, int x)
{{
        int y = x + 1;
spin>   spin_lock(&t->lock);
check>  if (t->a && (t->b & 3) == 2 || x < y) {{
                t->a |= 1 << 2;
                spin_unlock(&t->lock);
                return -1;
        }}
        for (y = 0; y < 10; y++)
                t->b = y * 2 + x;
        switch (x) {{
        case 1:
                y = t->a ? 3 : 4;
                break;
        default:
                y = g(t, x + 1, y);
        }}
unlock> spin_unlock(&t->lock);
        return y;
}}
"""


def lines(count: int) -> str:
    return "".join(FUNCTION.format(i) for i in range(count // FUNCTION.count("\n")))


def test_steps_to_parse_are_linear() -> None:
    parse_text(lines(500))
    spent = {}
    for count in (500, 2000):
        text, steps = lines(count), itertools.count()
        sys.setprofile(lambda *_, steps=steps: next(steps))  # calls and returns: what a slow machine does not change
        try:
            unit = parse_text(text)
        finally:
            sys.setprofile(None)
        spent[count] = next(steps)
        assert len(unit.declarations) == count // FUNCTION.count("\n")
    assert spent[2000] < 5 * spent[500]  # a quadratic parser would need 16 times as many
