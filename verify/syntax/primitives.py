"""Every lock, atomic and barrier of `.kc`, one row each: what it takes, what it gives, what one step of it does.

Most rows are one atomic read-modify-write of one variable: wait until `guard`, fail if `wrong`, store `new`, return
`result`. The functions of a row build IR expressions from an `Access`. The rest (`special`) has its meaning in
lowering, because it concerns the control of a thread rather than a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from verify.ir import Binary, BinaryOp, Const, Expr, Ite, Me, Unary
from verify.syntax.types import INT, VOID, Bool, Int, LockKind, Type

# A parameter: a reference to a lock, to any integer or flag (`word`) or to any scalar, pointers included (`cell`);
# an integer value; a value for the cell; an lvalue to read or write (`place`); a pointer to any struct, or to the
# thread class; a function name without arguments.
Param = LockKind | Literal["word", "cell", "int", "value", "place", "object", "thread", "function"]

Special = Literal[
    "lock_kernel", "unlock_kernel", "sleep", "barrier", "preempt_off", "preempt_on", "load", "store", "publish",
    "unpublish", "spawn", "free", "put", "sole",
]

BIG_LOCK = "kernel_flag"  # the variable that `lock_kernel` takes


@dataclass(frozen=True, slots=True)
class Access:
    """What a row may read: the variable's old value, the readers of its rwlock, the other arguments."""

    old: Expr
    readers: Expr
    args: tuple[Expr, ...]


Make = Callable[[Access], Expr]


@dataclass(frozen=True, slots=True)
class Primitive:
    """One row. `result` None: the primitive is a statement."""

    params: tuple[Param, ...]
    type: Type = VOID
    guard: Make | None = None  # the step waits for this
    wrong: Make | None = None  # the step is an error (releasing what is not held) if this
    new: Make | None = None
    result: Make | None = None
    readers: bool = False  # the step is on the set of readers of an rwlock, not on its writer
    lock: Literal["", "acquire", "release", "attempt"] = ""  # for the checker of balance and for removing a lock
    sleeps: bool = False  # waiting lets go of the big kernel lock
    preempt: int = 0  # what it adds to the depth at which preemption is off
    special: Special | None = None
    ref: int = 0  # which argument is the variable


def _op(op: BinaryOp, left: Expr, right: Expr) -> Expr:
    return Binary(op, left, right)


def _free(a: Access) -> Expr:
    return _op("==", a.old, Const(0))


def _none(a: Access) -> Expr:
    return _op("&&", _op("==", a.old, Const(0)), _op("==", a.readers, Const(0)))


def _not_mine(a: Access) -> Expr:
    return _op("!=", a.old, Me())


def _bit(a: Access) -> Expr:
    return _op("<<", Const(1), a.args[0])


def _was_set(a: Access) -> Expr:
    return _op("!=", _op("&", a.old, _bit(a)), Const(0))


def _plus(amount: int) -> Make:
    return lambda a: _op("+", a.old, Const(amount))


def _const(value: int) -> Make:
    return lambda _: Const(value)


def _me(_: Access) -> Expr:
    return Me()


def _exclusive(kind: LockKind, *, sleeps: bool = False) -> tuple[Primitive, Primitive, Primitive]:
    """Lock, unlock and trylock of a lock with one owner; of an rwlock, for writing."""
    free = _none if kind in ("rwlock", "rwsem") else _free
    off = 0 if sleeps else 1
    lock = Primitive((kind,), guard=free, new=_me, lock="acquire", sleeps=sleeps, preempt=off)
    unlock = Primitive((kind,), wrong=_not_mine, new=_const(0), lock="release", preempt=-off)
    attempt = Primitive(
        (kind,), Bool(), new=lambda a: Ite(free(a), Me(), a.old), result=free, lock="attempt"
    )
    return lock, unlock, attempt


def _shared(kind: LockKind, *, sleeps: bool = False) -> tuple[Primitive, Primitive]:
    """Lock and unlock of an rwlock for reading: `old` is the set of readers, `readers` the writer."""
    off = 0 if sleeps else 1
    lock = Primitive(
        (kind,), guard=lambda a: _op("==", a.readers, Const(0)), new=lambda a: _op("with", a.old, Me()),
        readers=True, lock="acquire", sleeps=sleeps, preempt=off,
    )
    unlock = Primitive(
        (kind,), wrong=lambda a: Unary("!", _op("has", a.old, Me())), new=lambda a: _op("without", a.old, Me()),
        readers=True, lock="release", preempt=-off,
    )
    return lock, unlock


SPIN, UNSPIN, TRYSPIN = _exclusive("spinlock")
MUTEX, UNMUTEX, TRYMUTEX = _exclusive("mutex", sleeps=True)
WRITE, UNWRITE, TRYWRITE = _exclusive("rwlock")
DOWNW, UPW, TRYDOWNW = _exclusive("rwsem", sleeps=True)
READ, UNREAD = _shared("rwlock")
DOWNR, UPR = _shared("rwsem", sleeps=True)


def _irq(lock: Primitive, *extra: Param) -> Primitive:
    return replace(lock, params=(*lock.params, *extra))


def _atomic(new: Make, type_: Type = VOID, result: Make | None = None, *, args: int = 0) -> Primitive:
    """Return an `atomic_t` operation; the kernel passes the operand before the variable."""
    params: tuple[Param, ...] = ("int", "atomic") if args else ("atomic",)
    return Primitive(params, type_, new=new, result=result, ref=args)


def _added(a: Access) -> Expr:
    return _op("+", a.old, a.args[0])


def _subtracted(a: Access) -> Expr:
    return _op("-", a.old, a.args[0])


def _is_zero(new: Make) -> Make:
    return lambda a: _op("==", new(a), Const(0))


COUNT_MAX = 255  # a semaphore or completion counts this far and then stays there


def _up(a: Access) -> Expr:
    return Ite(_op("<", a.old, Const(COUNT_MAX)), _op("+", a.old, Const(1)), a.old)


def _positive(a: Access) -> Expr:
    return _op(">", a.old, Const(0))


BARRIERS = (
    "mb", "rmb", "wmb", "smp_mb", "smp_rmb", "smp_wmb", "barrier", "smp_mb__before_atomic", "smp_mb__after_atomic",
)

PRIMITIVES: Mapping[str, Primitive] = {
    "spin_lock": SPIN,
    "spin_unlock": UNSPIN,
    "spin_trylock": TRYSPIN,
    "spin_lock_irq": SPIN,
    "spin_unlock_irq": UNSPIN,
    "spin_lock_bh": SPIN,
    "spin_unlock_bh": UNSPIN,
    "spin_lock_irqsave": _irq(SPIN, "int"),
    "spin_unlock_irqrestore": _irq(UNSPIN, "int"),
    "spin_lock_init": Primitive(("spinlock",), new=_const(0)),
    "read_lock": READ,
    "read_unlock": UNREAD,
    "write_lock": WRITE,
    "write_unlock": UNWRITE,
    "write_trylock": TRYWRITE,
    "read_lock_irq": READ,
    "read_unlock_irq": UNREAD,
    "write_lock_irq": WRITE,
    "write_unlock_irq": UNWRITE,
    "read_lock_bh": READ,
    "read_unlock_bh": UNREAD,
    "write_lock_bh": WRITE,
    "write_unlock_bh": UNWRITE,
    "mutex_lock": MUTEX,
    "mutex_unlock": UNMUTEX,
    "mutex_trylock": TRYMUTEX,
    "down_read": DOWNR,
    "up_read": UPR,
    "down_write": DOWNW,
    "up_write": UPW,
    "down_write_trylock": TRYDOWNW,
    "down": Primitive(("semaphore",), guard=_positive, new=_plus(-1), sleeps=True),
    "up": Primitive(("semaphore",), new=_up),
    "down_trylock": Primitive(
        ("semaphore",), INT, new=lambda a: Ite(_positive(a), _op("-", a.old, Const(1)), a.old), result=_free
    ),
    "sema_init": Primitive(("semaphore", "int"), new=lambda a: a.args[0]),
    "wait_for_completion": Primitive(("completion",), guard=_positive, new=_plus(-1), sleeps=True),
    "complete": Primitive(("completion",), new=_up),
    "complete_all": Primitive(("completion",), new=_const(COUNT_MAX)),
    "init_completion": Primitive(("completion",), new=_const(0)),
    "atomic_read": Primitive(("atomic",), INT, result=lambda a: a.old),
    "atomic_set": Primitive(("atomic", "int"), new=lambda a: a.args[0]),
    "atomic_inc": _atomic(_plus(1)),
    "atomic_dec": _atomic(_plus(-1)),
    "atomic_add": _atomic(_added, args=1),
    "atomic_sub": _atomic(_subtracted, args=1),
    "atomic_inc_return": _atomic(_plus(1), INT, _plus(1)),
    "atomic_dec_return": _atomic(_plus(-1), INT, _plus(-1)),
    "atomic_add_return": _atomic(_added, INT, _added, args=1),
    "atomic_sub_return": _atomic(_subtracted, INT, _subtracted, args=1),
    "atomic_inc_and_test": _atomic(_plus(1), Bool(), _is_zero(_plus(1))),
    "atomic_dec_and_test": _atomic(_plus(-1), Bool(), _is_zero(_plus(-1))),
    "atomic_inc_not_zero": _atomic(
        lambda a: Ite(_free(a), a.old, _op("+", a.old, Const(1))), Bool(), lambda a: _op("!=", a.old, Const(0))
    ),
    "xchg": Primitive(("cell", "value"), Int(0, signed=False), new=lambda a: a.args[0], result=lambda a: a.old),
    "cmpxchg": Primitive(
        ("cell", "value", "value"), Int(0, signed=False),
        new=lambda a: Ite(_op("==", a.old, a.args[0]), a.args[1], a.old), result=lambda a: a.old,
    ),
    "set_bit": Primitive(("int", "word"), new=lambda a: _op("|", a.old, _bit(a)), ref=1),
    "clear_bit": Primitive(("int", "word"), new=lambda a: _op("&", a.old, Unary("~", _bit(a))), ref=1),
    "test_bit": Primitive(("int", "word"), Bool(), result=_was_set, ref=1),
    "test_and_set_bit": Primitive(
        ("int", "word"), Bool(), new=lambda a: _op("|", a.old, _bit(a)), result=_was_set, ref=1
    ),
    "test_and_clear_bit": Primitive(
        ("int", "word"), Bool(), new=lambda a: _op("&", a.old, Unary("~", _bit(a))), result=_was_set, ref=1
    ),
    **{name: Primitive((), special="barrier") for name in BARRIERS},
    "READ_ONCE": Primitive(("place",), Int(0, signed=False), special="load"),
    "WRITE_ONCE": Primitive(("place", "value"), special="store"),
    "lock_kernel": Primitive((), special="lock_kernel", lock="acquire"),
    "unlock_kernel": Primitive((), special="unlock_kernel", lock="release"),
    "sleep": Primitive((), special="sleep"),
    "schedule": Primitive((), special="sleep"),
    "preempt_disable": Primitive((), special="preempt_off", preempt=1),
    "preempt_enable": Primitive((), special="preempt_on", preempt=-1),
    "local_irq_disable": Primitive((), special="preempt_off", preempt=1),
    "local_irq_enable": Primitive((), special="preempt_on", preempt=-1),
    "local_bh_disable": Primitive((), special="preempt_off", preempt=1),
    "local_bh_enable": Primitive((), special="preempt_on", preempt=-1),
    "publish": Primitive(("object",), special="publish"),
    "unpublish": Primitive(("object",), special="unpublish"),
    "spawn": Primitive(("thread", "function"), special="spawn"),
    "kfree": Primitive(("object",), special="free"),
    "put": Primitive(("object",), special="put"),
    "sole": Primitive(("object",), Bool(), special="sole"),
}

OWNED = frozenset({"spinlock", "mutex", "rwlock", "rwsem"})  # kinds of lock that whoever takes them gives back
WAITED_FOR = frozenset(row.params[row.ref] for row in PRIMITIVES.values() if row.guard is not None)  # kinds of lock
