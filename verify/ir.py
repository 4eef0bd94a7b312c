"""The one intermediate representation: a parametric transition system.

A `System` speaks of any number of cells; `verify.instances` fixes how many there are. All values are integers: booleans
are 0 and 1, a pointer is 0 (NULL) or the index 1..n of an object of its class, a set of threads is a bit mask with
bit i - 1 for thread i. Thread i and object i of the thread class belong together: `Me` is i when thread i acts.

Everything is total, so that any expression means something in any state: a field read through NULL is 0, a store
through NULL is lost, division by zero and shifts outside 0..63 give 0. Lowering puts the checks that C needs in
front. `semantics` is the definition of all of this; `smt` and the emitters are read against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.source import NOWHERE, Span

# ---- domains and variables -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """The integers `lo` to `hi`, both included."""

    lo: int
    hi: int


@dataclass(frozen=True, slots=True)
class Ptr:
    """NULL or an object of class `cls`."""

    cls: str


@dataclass(frozen=True, slots=True)
class Threads:
    """A set of threads."""


Domain = Range | Ptr | Threads
BOOL = Range(0, 1)


@dataclass(frozen=True, slots=True)
class Var:
    """One variable of a cell; `default` is its value in a free cell, in an idle thread and when dead."""

    name: str
    domain: Domain
    default: int = 0
    lock: bool = False  # a Ptr that names the owner of a lock
    truth: bool = field(default=False, compare=False)  # declared `bool`: how it is shown, not what it means
    rigid: bool = False  # a global that begins with any value of its Range, and keeps it: a parameter of the system

    @property
    def initially(self) -> Sequence[int]:
        """The values that a global may begin with."""
        if self.rigid and isinstance(self.domain, Range):
            return range(self.domain.lo, self.domain.hi + 1)
        return (self.default,)


def is_auxiliary(name: str) -> bool:
    """Whether a variable is none of a program, and no program can tell what it is: `#` begins its name."""
    return name.startswith("#")


def refers(name: str, domain: Domain, cls: str) -> bool:
    """Whether a variable that points to an object of a class refers to it."""
    return isinstance(domain, Ptr) and domain.cls == cls and not is_auxiliary(name)


LIFE = "#life"  # the first field of every class
FREE, PRIVATE, PUBLISHED = 0, 1, 2
PC = "#pc"  # the first local
IDLE = 0  # location of a thread that does not exist (yet)


@dataclass(frozen=True, slots=True)
class Class:
    """A struct: the fields of an object cell. `fields[0]` is LIFE."""

    name: str
    fields: tuple[Var, ...]


# ---- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Const:
    """A number."""

    value: int


@dataclass(frozen=True, slots=True)
class Me:
    """The acting thread, as a pointer to its object. Meaningless in a property."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The value of a binder: of the action, of a broadcast, or of an enclosing quantifier."""

    name: str


@dataclass(frozen=True, slots=True)
class Global:
    """A global variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Local:
    """A local of the acting thread, or of the thread `of` (a pointer to the thread class)."""

    name: str
    of: Expr | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """`pointer->name`, an object of class `cls`."""

    pointer: Expr
    cls: str
    name: str


UnaryOp = Literal["!", "-", "~"]
BinaryOp = Literal[
    "*", "/", "%", "+", "-", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "^", "|", "&&", "||", "has", "with",
    "without",
]


@dataclass(frozen=True, slots=True)
class Unary:
    """`!a` is 0 or 1; `-a` and `~a` are those of unbounded two's complement."""

    op: UnaryOp
    arg: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """C's operators over unbounded integers, and sets of threads: `set has t`, `set with t`, `set without t`."""

    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Ite:
    """`then` where `cond` is not 0, else `other`."""

    cond: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Wrap:
    """The value of `arg` as a C integer of `bits` bits."""

    bits: int
    signed: bool
    arg: Expr


@dataclass(frozen=True, slots=True)
class Binder:
    """A name for a freely chosen value: any in a Range, any object (free or not, never NULL) of a Ptr."""

    name: str
    domain: Range | Ptr


@dataclass(frozen=True, slots=True)
class Quant:
    """Whether `body` is nonzero for all, or for some, values of the binder."""

    quantifier: Literal["forall", "exists"]
    binder: Binder
    body: Expr


@dataclass(frozen=True, slots=True)
class Referenced:
    """Whether anything but Me's own locals and the object's own fields points to the object of class `cls`.

    That is a global, a field of another object (Me's own object's only if `mine`), or a local of another thread, but
    for those that no program has, see `refers`. False of NULL.
    """

    pointer: Expr
    cls: str
    mine: bool = True


Expr = Const | Me | Bound | Global | Local | Field | Unary | Binary | Ite | Wrap | Quant | Referenced
Place = Global | Local | Field

TRUE, FALSE = Const(1), Const(0)

# ---- actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Update:
    """`place := value`; with `each`, for every value of that binder for which `when` is nonzero."""

    place: Place
    value: Expr
    each: Binder | None = None
    when: Expr = TRUE


@dataclass(frozen=True, slots=True)
class Micro:
    """One access as the source has it: what a merged action is made of, for the reader of a run."""

    label: str  # "ptrace_attach.check", or "" for a statement without a name
    function: str
    span: Span = field(compare=False)
    calls: tuple[Span, ...] = ()  # call sites, outermost first


@dataclass(frozen=True, slots=True)
class Action:
    """One atomic step of the thread Me, from location `source` to `target`.

    Enabled for each value of the binders for which the guard is nonzero. Guard, values and the pointers of places are
    all read in the state before; updates are then applied in order, so that of two to one cell the later wins.
    """

    source: int
    target: int
    guard: Expr
    updates: tuple[Update, ...]
    micro: tuple[Micro, ...]
    binders: tuple[Binder, ...] = ()

    @property
    def label(self) -> str:
        """The first name among its parts, else the place of the first."""
        named = [m.label for m in self.micro if m.label]
        return named[0] if named else f"{self.micro[0].function}:{self.micro[0].span.line}"


LocationKind = Literal["idle", "run", "end", "null", "freed", "assert", "unlock"]


@dataclass(frozen=True, slots=True)
class Location:
    """A control point. Kinds from "null" on are where a thread stops for ever after an error of that kind."""

    name: str  # "ptrace_attach.check" or "ptrace_attach:123"; with the call path where a function is inlined twice
    kind: LocationKind = "run"
    function: str = ""
    rest: bool = False  # user code, between system calls: where a thread without `preempt` may be left
    branch: tuple[int, ...] = ()  # which alternative of each `choose` it is in, outermost first
    span: Span = field(default=NOWHERE, compare=False)


# ---- systems -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fresh:
    """An initial value: the address of an object made for this field alone, with the given field values."""

    cls: str


InitValue = tuple[int, ...] | Fresh  # the possible values, or an object of its own


@dataclass(frozen=True, slots=True)
class Group:
    """Threads that exist from the start. `count` None is any number, at least one in all groups together."""

    name: str
    count: int | None
    entry: int  # location
    values: Mapping[str, InitValue] = field(hash=False)  # fields other than at their class's initial value


@dataclass(frozen=True, slots=True)
class Static:
    """A global object: one cell that is published from the start."""

    name: str
    cls: str


@dataclass(frozen=True, slots=True)
class System:
    """A parametric transition system over one thread class and any number of object classes."""

    name: str
    classes: Mapping[str, Class] = field(hash=False)
    thread: str  # the thread class
    globals: tuple[Var, ...]  # `default` is the initial value; of a Ptr, 0 or the index of a static
    locals: tuple[Var, ...]  # locals[0] is PC, a Range over locations
    locations: tuple[Location, ...]  # locations[IDLE] is IDLE
    actions: tuple[Action, ...]
    groups: tuple[Group, ...]
    statics: tuple[Static, ...] = ()  # static number i of its class, from 1, is object i
    created: frozenset[str] = frozenset()  # classes that some action takes cells from
    initial: Mapping[tuple[str, str], int] = field(default_factory=dict, hash=False)  # (class, field): value at birth
    _fields: Mapping[tuple[str, str], Var] = field(init=False, repr=False, compare=False)  # by (class, field)
    _globals: Mapping[str, Var] = field(init=False, repr=False, compare=False)
    _locals: Mapping[str, Var] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put the variables where `var` finds them."""
        fields = {(name, var.name): var for name, cls in self.classes.items() for var in cls.fields}
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_globals", {var.name: var for var in self.globals})
        object.__setattr__(self, "_locals", {var.name: var for var in self.locals})

    def var(self, place: Place) -> Var:
        """Return the variable that a place names. Raises KeyError if there is none."""
        match place:
            case Global(name):
                return self._globals[name]
            case Local(name):
                return self._locals[name]
            case Field(_, cls, name):
                return self._fields[cls, name]
