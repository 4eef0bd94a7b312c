"""`#if` and its kin."""

from __future__ import annotations

from collections.abc import Callable

from verify.diagnostics import InputError
from verify.syntax.constant import truth
from verify.syntax.lex import Word
from verify.syntax.limits import MAX_BRACKETS, LimitError
from verify.syntax.reading import Branch, File, Run, extent


def if_(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    """`#if CONDITION`."""
    _open(run, file, name, test=lambda: truth(rest, name.span, run.expander))


def ifdef(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    """`#ifdef NAME` and `#ifndef NAME`."""
    if file.active and (len(rest) != 1 or rest[0].kind != "name"):
        run.report("KC020", f"`#{name.text}` wants one name", extent(name, rest))
    known = bool(rest) and rest[0].text in run.macros
    _open(run, file, name, test=lambda: known == (name.text == "ifdef"))


def _open(run: Run, file: File, name: Word, *, test: Callable[[], bool]) -> None:
    if len(file.branches) >= MAX_BRACKETS:
        raise LimitError("KC004", f"`#if` nests more than {MAX_BRACKETS} deep", name.span)
    # Within text that does not count no condition is looked at, and no branch is taken.
    active = file.active and _tested(run, test)
    file.branches.append(Branch(name.span, active, taken=active or not file.active))


def _tested(run: Run, test: Callable[[], bool]) -> bool:
    """Evaluate a condition; a wrong one is false."""
    try:
        return test()
    except LimitError:
        raise
    except InputError as error:
        run.errors.extend(error.diagnostics)
        return False


def elif_(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    """`#elif CONDITION`."""
    branch = _current(run, file, name)
    if branch is not None:
        branch.active = not branch.taken and _tested(run, lambda: truth(rest, name.span, run.expander))
        branch.taken = branch.taken or branch.active


def else_(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    """`#else`."""
    branch = _current(run, file, name)
    if branch is not None:
        branch.active, branch.taken, branch.last = not branch.taken, True, True
    _nothing_after(run, name, rest)


def endif(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    """`#endif`."""
    if file.branches:
        file.branches.pop()
    else:
        run.report("KC026", "`#endif` without `#if`", name.span)
    _nothing_after(run, name, rest)


def _current(run: Run, file: File, name: Word) -> Branch | None:
    if file.branches and not file.branches[-1].last:
        return file.branches[-1]
    why = "after `#else`" if file.branches else "without `#if`"
    run.report("KC026", f"`#{name.text}` {why}", name.span)
    return None


def _nothing_after(run: Run, name: Word, rest: list[Word]) -> None:
    if rest:
        run.report("KC020", f"text after `#{name.text}`", rest[0].span, "put it into a comment")
