"""The control-flow graph under construction: locations, actions, and the errors each access can run into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from verify.ir import (
    BOOL,
    FALSE,
    FREE,
    IDLE,
    LIFE,
    TRUE,
    Action,
    Binder,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Local,
    Location,
    LocationKind,
    Micro,
    Place,
    Ptr,
    Range,
    Update,
    Var,
)
from verify.lower.scope import Scope, assigned
from verify.lower.simplify import binary, conj, negate, parts
from verify.source import NOWHERE, Span
from verify.syntax.ast import Stmt, StructDecl
from verify.syntax.program import Program
from verify.syntax.types import Bool, Enum, Int, Null, Pointer, Struct, Type

END = 1
Mark = tuple[int, int, int]  # from a location to another, 1 where a lock is taken, -1 where it is given back
Unclear = tuple[Span, str]  # a place, and what a lock is there
ANY = ""  # a lock of which it is not known which
Key = tuple[str, str]  # (struct, field) or ("", global); both halves of an rwlock are one
ERRORS: tuple[LocationKind, ...] = ("null", "freed", "assert", "unlock")
FIXED: tuple[LocationKind, ...] = ("idle", "end", *ERRORS)


@dataclass(frozen=True, slots=True)
class Store:
    """A store in the text of a function, and the step in which a thread takes it."""

    function: str
    span: Span
    micro: Micro

    def in_step(self, action: Action) -> bool:
        """Return whether the action is this step, or one that it became a part of."""
        return any(part == self.micro and part.span == self.micro.span for part in action.micro)


@dataclass(frozen=True, slots=True)
class Visit:
    """Where one inlined copy of a check is: before it, where its condition was true, where it was false, and after.

    `exit` is the end of the call that it is in, and `result` where that leaves what it returns.
    """

    before: int
    fires: int
    spared: int
    exit: int
    result: Local | None
    span: Span


@dataclass(slots=True)
class Graph:
    """What lowering adds to; `here` is the location that the next step leaves."""

    program: Program
    fields: Mapping[str, tuple[Var, ...]]  # of every class, LIFE first
    births: Mapping[tuple[str, str], int]  # (class, field): value at birth where it is not 0
    entries: Mapping[str, int]  # function that threads run: its first location
    body: Callable[[Graph, Scope, Stmt], None]  # how a statement is lowered
    freed: frozenset[str] = frozenset()  # structs whose objects may be freed under somebody's pointer
    big_lock: bool = False  # whether the program uses lock_kernel
    preemption: bool = False  # whether the system looks at preemption
    tracked: frozenset[str] = frozenset()  # the locks with sections that claims speak of, and ANY if there are some
    compared: str = ""  # the check whose visits are noted
    room: bool = False  # whether there is always one more object for `new`
    visits: list[Visit] = field(default_factory=list)
    locations: list[Location] = field(default_factory=lambda: [Location(kind, kind) for kind in FIXED])
    actions: list[Action] = field(default_factory=list)
    locals: dict[str, Var] = field(default_factory=dict)
    labels: dict[str, set[int]] = field(default_factory=dict)
    fires: dict[str, set[int]] = field(default_factory=dict)
    begins: dict[str, set[int]] = field(default_factory=dict)  # function: where a call of it begins
    waiting: dict[str, set[int]] = field(default_factory=dict)  # lock: where a thread waits for it
    past: dict[str, set[int]] = field(default_factory=dict)  # lock: where a thread comes to when it has it
    sections: dict[str, set[Mark]] = field(default_factory=dict)  # lock: where it is taken and given back
    unclear: dict[str, Unclear] = field(default_factory=dict)  # lock, empty for any: where that is not certain
    stores: dict[Key, dict[Store, None]] = field(default_factory=dict)  # by what they are to, as lowering met them
    raced: frozenset[Key] = frozenset()  # what claims about data races speak of
    marked: set[int] = field(default_factory=set)  # locations before accesses that are marked, or a step by nature
    outside: int = IDLE  # where the `atomic` that lowering is in begins
    begun: set[int] = field(default_factory=set)  # locations where an `atomic` begins
    inner: set[int] = field(default_factory=set)  # locations inside `atomic`
    waits: set[int] = field(default_factory=set)  # locations where a thread sleeps until it can go on
    created: set[str] = field(default_factory=set)
    here: int = IDLE
    atomic: int = 0
    micro: Micro = field(default_factory=lambda: Micro("", "", NOWHERE))
    checked: set[tuple[int, Expr, str]] = field(default_factory=set)
    written: dict[str, frozenset[str]] = field(default_factory=dict)  # by function, see `assigned`
    names: int = 0
    branch: tuple[int, ...] = ()  # the alternatives of each `choose` that lowering is in

    def assigned(self, function: str) -> frozenset[str]:
        """Return the locals of a function that something other than their declaration may write."""
        if function not in self.written:
            self.written[function] = assigned(self.program.functions[function])
        return self.written[function]

    def alternative(self) -> tuple[int, ...]:
        """Return the branch for one more alternative inside this one."""
        self.names += 1
        return (*self.branch, self.names)

    def location(self, *, rest: bool = False) -> int:
        """Add a location."""
        self.locations.append(Location("", rest=rest, branch=self.branch))
        if self.atomic:
            self.inner.add(len(self.locations) - 1)
        return len(self.locations) - 1

    @property
    def standing(self) -> int:
        """The location at which a thread stands before the next step, which may be a part of an `atomic`."""
        return self.outside if self.atomic else self.here

    def mark(self, lock: str, how: str, target: int) -> None:
        """Note that the step from here to `target` takes a lock, or gives it back."""
        why = (
            "is taken here, or not" if how == "attempt"
            else f"is {'taken' if how == 'acquire' else 'given back'} within `atomic`" if self.atomic
            else "" if lock else "may be the one that is removed here"
        )  # fmt: skip
        if why:
            self.unclear.setdefault(lock, (self.micro.span, why))
        else:
            self.sections.setdefault(lock, set()).add((self.here, target, 1 if how == "acquire" else -1))

    def note_store(self, place: Place, function: str, span: Span) -> None:
        """Note that the next step stores to a variable, as the text of a function says there."""
        if not isinstance(place, Local):
            found = self.stores.setdefault(stem_of(place), {})
            found[Store(function, span, self.micro)] = None

    def note_marked(self) -> None:
        """Note that what the next step accesses is marked as shared."""
        self.marked.add(self.standing)

    def fresh(self, stem: str) -> str:
        """Return a binder name never used before."""
        self.names += 1
        return f"{stem}{self.names}"

    def local(self, name: str, domain: Domain, *, truth: bool = False) -> Local:
        """Return the local of that name, added if it is new."""
        self.locals.setdefault(name, Var(name, domain, truth=truth))
        return Local(name)

    def step(
        self,
        *updates: Update,
        guard: Expr = TRUE,
        binders: tuple[Binder, ...] = (),
        to: int | None = None,
        follow: Sequence[Expr] = (),
        cls: str = "",
    ) -> None:
        """Add one action from here and go where it leads; it also follows the pointers `follow` to class `cls`."""
        target = self.location() if to is None else to
        doubtful = [pointer for pointer in follow if isinstance(pointer, Local) or pointer == Const(0)]
        valid = [self._pointer_check(pointer, cls) for pointer in doubtful]
        self.action(target, conj([*valid, guard]), updates, binders)
        self.here = target

    def action(
        self, target: int, guard: Expr = TRUE, updates: Iterable[Update] = (), binders: tuple[Binder, ...] = ()
    ) -> None:
        """Add one action from here, and the error steps of every pointer that it follows."""
        done = tuple(updates)
        safe = [self._pointer_check(pointer, cls) for pointer, cls in dict.fromkeys(_followed(guard, done))]
        self.follow(target, conj([*safe, guard]), done, binders)

    def follow(
        self, target: int, guard: Expr, updates: Iterable[Update], binders: tuple[Binder, ...] = ()
    ) -> None:
        """Add one action from here, whose pointers may be followed where its guard holds."""
        if guard != FALSE:
            self.actions.append(Action(self.here, target, guard, tuple(updates), (self.micro,), binders))

    def error(self, kind: LocationKind, guard: Expr) -> None:
        """Add the step from here into an error."""
        self.actions.append(Action(self.here, FIXED.index(kind), guard, (), (self.micro,)))

    def error_at(self, kind: LocationKind, guard: Expr) -> None:
        """Add the step from here into an error, and the error steps of the pointers that its guard follows."""
        self.action(FIXED.index(kind), guard)

    def _pointer_check(self, pointer: Expr, cls: str) -> Expr:
        """Return the condition under which `pointer` may be followed; add the steps for when it may not."""
        valid = binary("!=", pointer, Const(0))
        alive = binary("!=", Field(pointer, cls, LIFE), Const(FREE)) if cls in self.freed else TRUE
        if (self.here, pointer, cls) not in self.checked:
            self.checked.add((self.here, pointer, cls))
            self.error("null", negate(valid))
            if alive != TRUE:
                self.error("freed", conj([valid, negate(alive)]))
        return conj([valid, alive])


def _followed(guard: Expr, updates: Iterable[Update]) -> Iterable[tuple[Expr, str]]:
    """The pointers that an action follows and that could be invalid: its locals, and NULL."""
    exprs = [guard]
    for update in updates:
        exprs += [update.place, update.value, update.when]
    for expr in exprs:
        for part in parts(expr):
            match part:
                case Field(Local(_, None) | Const(0) as pointer, cls, name) if name != LIFE:
                    yield pointer, cls


def stem_of(place: Global | Field) -> Key:
    """The variable of a place, in any object, as the source has it."""
    return (place.cls if isinstance(place, Field) else "", place.name.removesuffix(".readers"))


def domain_of(type_: Type | None) -> Domain:
    """The values that a variable of this type can hold."""
    match type_:
        case Bool():
            return BOOL
        case Int(bits, signed):
            return Range(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else Range(0, (1 << bits) - 1)
        case Pointer(Struct(name)):
            return Ptr(name)
        case Enum() | Null() | _:
            return Range(-(1 << 31), (1 << 31) - 1)


def field_of(structs: Mapping[str, StructDecl], struct: str, name: str) -> tuple[Type, int | None]:
    """The type of a field and its width if it is a bit-field."""
    found = next(f for f in structs[struct].fields if f.name == name)
    return found.declared, found.bits
