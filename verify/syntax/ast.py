"""The syntax tree of a `.kc` file: what the parser builds and the checker completes.

The checker returns the same tree with three things filled in: `type` of every expression, `kind` and `unique` of
every `Name`, and `value` of every constant expression. Spans are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from verify.source import NOWHERE, Source, Span
from verify.syntax.types import Type

NameKind = Literal["unresolved", "local", "global", "object", "constant", "function", "bound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything with a place in the source."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExprNode(Node):
    """An expression; `type` is None until checked."""

    type: Type | None = field(default=None, compare=False)


# ---- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(ExprNode):
    """An integer literal, `true`, `false` (type Bool) or `NULL` (type Null)."""

    value: int


@dataclass(frozen=True, slots=True)
class Name(ExprNode):
    """A variable, constant or function; `current` is the name of the acting thread's object (kind "local")."""

    name: str
    kind: NameKind = "unresolved"  # "object" is a global struct, "bound" a quantified variable
    unique: str = ""  # for locals: the name made unique within the function, as `old` or `old#2`
    value: int | None = None  # for constants


@dataclass(frozen=True, slots=True)
class Member(ExprNode):
    """`base->field` (base is a pointer) or `base.field` (base is a global object or `*p`)."""

    base: Expr
    field: str
    arrow: bool


UnaryOp = Literal["!", "-", "+", "~", "*", "&"]
BinaryOp = Literal[
    "*", "/", "%", "+", "-", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "^", "|", "&&", "||"
]


@dataclass(frozen=True, slots=True)
class Unary(ExprNode):
    """A prefix operator; `*` and `&` included."""

    op: UnaryOp
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(ExprNode):
    """A binary operator; `&&` and `||` short-circuit."""

    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Conditional(ExprNode):
    """`cond ? then : other`."""

    cond: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Assign(ExprNode):
    """`target = value`, or `target op= value` where `op` is not None; `++x` is `x += 1`."""

    target: Expr
    value: Expr
    op: BinaryOp | None = None


@dataclass(frozen=True, slots=True)
class PostIncrement(ExprNode):
    """`x++` or `x--`: the value is the one before."""

    target: Expr
    op: Literal["+", "-"]


@dataclass(frozen=True, slots=True)
class Cast(ExprNode):
    """`(type) operand`, and every implicit conversion that the checker inserts."""

    to: Type
    operand: Expr


@dataclass(frozen=True, slots=True)
class Call(ExprNode):
    """`callee(args)`: a function of the file, a function parameter, or a primitive of the table."""

    callee: str
    args: tuple[Expr, ...]
    kind: Literal["unresolved", "function", "parameter", "primitive"] = "unresolved"


@dataclass(frozen=True, slots=True)
class New(ExprNode):
    """`new struct S`: a fresh private object, or NULL when there is no room for another."""

    struct: str


@dataclass(frozen=True, slots=True)
class AnyOf(ExprNode):
    """`any(struct S)`: some published object."""

    struct: str


@dataclass(frozen=True, slots=True)
class Nondet(ExprNode):
    """`nondet()`: any value of `type`, which the checker takes from where it stands."""


@dataclass(frozen=True, slots=True)
class Quantified(ExprNode):
    """`forall (struct S *a, struct S *b) body`, in invariants only; the variables need not be distinct."""

    quantifier: Literal["forall", "exists"]
    variables: tuple[tuple[str, str], ...]  # (variable, struct)
    body: Expr


@dataclass(frozen=True, slots=True)
class Held(ExprNode):
    """`held(k->lock)`, in invariants only: some thread holds the lock."""

    lock: Expr


@dataclass(frozen=True, slots=True)
class At(ExprNode):
    """`at(k, function.label)`, in invariants only: control of k's thread stands before that statement."""

    thread: Expr
    label: str


Expr = (
    Number | Name | Member | Unary | Binary | Conditional | Assign | PostIncrement | Cast | Call | New | AnyOf
    | Nondet | Quantified | Held | At
)


# ---- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`{ ... }`: a scope."""

    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Declare(Node):
    """One local variable; several declarators in one declaration become several of these."""

    name: str
    declared: Type
    value: Expr | None
    unique: str = ""  # filled in by the checker, as in `Name`


@dataclass(frozen=True, slots=True)
class Do(Node):
    """An expression statement."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class If(Node):
    """`if (cond) then else other`."""

    cond: Expr
    then: Stmt
    other: Stmt | None


@dataclass(frozen=True, slots=True)
class Loop(Node):
    """`while`, `do while` (`test_first` False) and `for`; `cond` None is for ever."""

    init: Stmt | None
    cond: Expr | None
    step: Expr | None
    body: Stmt
    test_first: bool = True


@dataclass(frozen=True, slots=True)
class Case(Node):
    """`case v1: case v2: body` of a switch, falling through to the next; `values` empty with `default`."""

    values: tuple[Expr, ...]
    default: bool
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Switch(Node):
    """`switch (subject) { cases }`."""

    subject: Expr
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Break(Node):
    """`break;`."""


@dataclass(frozen=True, slots=True)
class Continue(Node):
    """`continue;`."""


@dataclass(frozen=True, slots=True)
class Goto(Node):
    """`goto label;`."""

    label: str


@dataclass(frozen=True, slots=True)
class Labeled(Node):
    """`name: stmt` or the mail's `name> stmt`; both name the statement for `goto` and for claims."""

    label: str
    body: Stmt
    label_span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Return(Node):
    """`return value;`."""

    value: Expr | None


@dataclass(frozen=True, slots=True)
class Choose(Node):
    """`choose { a; b; c; }`: one of the branches, freely."""

    branches: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Assume(Node):
    """`assume(cond);`: the thread waits until the condition holds."""

    cond: Expr


@dataclass(frozen=True, slots=True)
class Assert(Node):
    """`assert(cond);`: the thread stops for ever at a failed assertion."""

    cond: Expr


@dataclass(frozen=True, slots=True)
class Atomic(Node):
    """`atomic { ... }`: one step, which waits until all of it can be done."""

    body: Stmt


@dataclass(frozen=True, slots=True)
class Foreach(Node):
    """`foreach (struct S *c where cond) body`: one atomic broadcast of plain stores to fields of each `c`."""

    variable: str
    struct: str
    cond: Expr | None
    body: Stmt


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """`;`, or where a call on a lock was that is removed: what it did, and the name of the lock, empty if not known."""

    gone: tuple[str, str] | None = None  # ("acquire", "task.alloc_lock")


Stmt = (
    Block | Declare | Do | If | Loop | Switch | Break | Continue | Goto | Labeled | Return | Choose | Assume | Assert
    | Atomic | Foreach | Empty
)


# ---- declarations --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldDecl(Node):
    """A field of a struct; `bits` is the width of a bit-field; `ghost` fields are never read by code."""

    name: str
    declared: Type
    value: Expr | None
    bits: int | None = None
    ghost: bool = False


@dataclass(frozen=True, slots=True)
class StructDecl(Node):
    """`struct name { fields };`."""

    name: str
    fields: tuple[FieldDecl, ...]


@dataclass(frozen=True, slots=True)
class EnumDecl(Node):
    """`enum name { A, B = 3 };`; `name` is empty for an anonymous one."""

    name: str
    items: tuple[tuple[str, Expr | None], ...]


@dataclass(frozen=True, slots=True)
class GlobalDecl(Node):
    """A variable at file level: a scalar, a pointer, a lock, or a global object of struct type."""

    name: str
    declared: Type
    value: Expr | None
    ghost: bool = False


@dataclass(frozen=True, slots=True)
class Param(Node):
    """A parameter."""

    name: str
    declared: Type


@dataclass(frozen=True, slots=True)
class FunctionDecl(Node):
    """A function; `body` is None for a prototype. A later definition replaces one that is `weak`."""

    name: str
    result: Type
    params: tuple[Param, ...]
    body: Block | None
    weak: bool = False


@dataclass(frozen=True, slots=True)
class GroupDecl(Node):
    """`task init[*] runs user with { field = value; ... };` of a system; `count` None is `[*]`."""

    struct: str
    name: str
    count: int | None
    entry: str
    values: tuple[tuple[str, Expr], ...]  # a value may be a constant, nondet(), NULL, &object or `new struct S`


@dataclass(frozen=True, slots=True)
class SystemDecl(Node):
    """A system; the unnamed one is called "system"."""

    name: str
    groups: tuple[GroupDecl, ...]
    cpus: int | None = None  # None is any number
    preempt: bool = True


@dataclass(frozen=True, slots=True)
class InvariantDecl(Node):
    """`invariant name unless cond = body;`; under a quantifier `unless` speaks of its variables."""

    name: str
    unless: Expr | None
    body: Expr


@dataclass(frozen=True, slots=True)
class AssumptionDecl(Node):
    """`assume name: cond;`, or `assume name: atomic(f.label, ...);`; exactly one of the two is there."""

    name: str
    cond: Expr | None = None
    atomic: tuple[str, ...] = ()  # statements "function.label" that are single steps


ClaimKind = Literal[
    "prove", "refute", "reach", "dead", "redundant", "necessary", "minimal", "lock_balanced", "deadlock_free",
    "race_free", "writers", "eventually", "no_starvation", "atomic_sections", "same_outcome",
    "never_refused", "refused",
]


@dataclass(frozen=True, slots=True)
class ClaimDecl(Node):
    """One claim; which fields are set depends on `kind`."""

    kind: ClaimKind
    invariant: str | None = None  # prove, refute; redundant, necessary, minimal
    targets: tuple[str, ...] = ()  # guards or labels "function.label"; "struct.field" or a global; a function
    functions: tuple[str, ...] = ()  # of writers
    system: str | None = None
    without: tuple[str, ...] = ()  # guards and assumptions
    cond: Expr | None = None  # of never_refused and refused: what holds from the call to the return
    said: str = ""  # the text of that

    @property
    def name(self) -> str:
        """The claim as a user names it on the command line: "necessary ptrace_attach.check for inv in SMP"."""
        words: list[str] = [self.kind]
        if self.targets:
            words.append(", ".join(self.targets) if self.kind != "minimal" else "{" + ", ".join(self.targets) + "}")
        if self.kind == "writers":
            words.append("= {" + ", ".join(self.functions) + "}")
        if self.said:
            words += ["while", self.said]
        if self.invariant:
            words += ["for", self.invariant] if self.targets else [self.invariant]
        if self.system:
            words += ["in", self.system]
        if self.without:
            words += ["without", ", ".join(self.without)]
        return " ".join(words)


Decl = StructDecl | EnumDecl | GlobalDecl | FunctionDecl | SystemDecl | AssumptionDecl | InvariantDecl | ClaimDecl


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed file with everything it includes, in order, but for the claims of included files."""

    path: str
    declarations: tuple[Decl, ...]
    included: tuple[ClaimDecl, ...] = ()  # what the included files claim of themselves
    sources: tuple[Source, ...] = field(default=(), repr=False)  # the files that were read, itself first
