"""Directives: from the words of a file to the words of the program, macros, `#if` and included files resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from verify.diagnostics import Diagnostic, InputError
from verify.source import Source, Span
from verify.syntax.constant import truth
from verify.syntax.files import checked, find, read, shown
from verify.syntax.lex import Word, problem, words
from verify.syntax.limits import MAX_BRACKETS, MAX_INCLUDE_DEPTH, Budget
from verify.syntax.macros import Expander, Macro

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@dataclass(slots=True)
class Branch:
    """An open `#if`: whether its text counts, whether some branch was taken, whether `#else` has been."""

    span: Span
    active: bool
    taken: bool
    last: bool = False


@dataclass(slots=True)
class File:
    """A file while it is read."""

    source: Source
    path: Path | None  # None for text that is no file
    depth: int
    branches: list[Branch] = field(default_factory=list)
    waiting: list[Word] = field(default_factory=list)  # text that macros have not been expanded in yet

    @property
    def active(self) -> bool:
        """Whether the text here counts; an inner branch is active only within active ones."""
        return not self.branches or self.branches[-1].active


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the preprocessor: what files and directives share."""

    roots: tuple[Path, ...]
    budget: Budget
    macros: dict[str, Macro] = field(default_factory=dict)
    included: set[Path] = field(default_factory=set)
    sources: list[Source] = field(default_factory=list)  # in the order in which they were opened
    output: list[Word] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)

    @property
    def expander(self) -> Expander:
        """The macros now in force."""
        return Expander(self.macros, self.budget, self.errors)


def preprocess(
    source: Source,
    path: Path | None,
    defines: Mapping[str, str],
    roots: Sequence[Path],
    budget: Budget,
) -> Run:
    """Return the words of `source` with all it includes, the files read, and the errors found.

    `path` is the file that `source` was read from, None if it comes from elsewhere. Raises InputError when a limit is
    passed, with the errors found before.
    """
    run = Run(tuple(roots), budget)
    try:
        for name, value in defines.items():
            _define_outside(run, name, value)
        if path is not None:
            run.included.add(path.resolve())
        _file(run, File(source, path, 0))
    except InputError as error:
        raise InputError([*run.errors, *error.diagnostics]) from error
    return run


def _file(run: Run, file: File) -> None:
    run.sources.append(file.source)
    for line in _lines(words(file.source, run.budget)):
        if line[0].text == "#" and line[0].kind == "punctuator":
            _flush(run, file)
            _directive(run, file, line)
        elif file.active:
            file.waiting += line
    _flush(run, file)
    for branch in file.branches:
        run.errors.append(Diagnostic("KC026", "the `#if` has no `#endif`", branch.span))


def _lines(stream: Iterator[Word]) -> Iterator[list[Word]]:
    """Yield the words of each line that has some."""
    line: list[Word] = []
    for word in stream:
        if word.kind != "newline":
            line.append(word)
        elif line:
            yield line
            line = []
    if line:
        yield line


def _flush(run: Run, file: File) -> None:
    good = [word for word in file.waiting if word.kind != "bad"]
    run.errors.extend([problem(word) for word in file.waiting if word.kind == "bad"])
    run.output.extend(run.expander.expand(good))
    file.waiting.clear()


# ---- directives ----------------------------------------------------------------------------------


def _directive(run: Run, file: File, line: list[Word]) -> None:
    if len(line) == 1:
        return  # `#` alone does nothing, as in C
    name, rest = line[1], line[2:]
    conditional = CONDITIONALS.get(name.text)
    if conditional is not None:
        conditional(run, file, name, rest)
    elif file.active:
        action = DIRECTIVES.get(name.text)
        bad = next((word for word in rest if word.kind == "bad"), None)
        if action is None:
            known = ", ".join(f"`#{key}`" for key in (*DIRECTIVES, *CONDITIONALS))
            message = f"unknown directive `#{shown(name.text)[:40]}`"
            run.errors.append(Diagnostic("KC020", message, name.span, hint=f"the directives are {known}"))
        elif bad is not None and name.text != "error":
            run.errors.append(problem(bad))
        else:
            action(run, file, name, rest)


def _malformed(run: Run, message: str, at: Span, hint: str = "") -> None:
    run.errors.append(Diagnostic("KC020", message, at, hint=hint))


def _include(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    if len(rest) != 1 or rest[0].kind != "string":
        _malformed(run, '`#include` wants one file name: `#include "name.kc"`', _all(name, rest))
        return
    word = rest[0]
    if file.depth >= MAX_INCLUDE_DEPTH:
        raise InputError([Diagnostic("KC022", f"files are included more than {MAX_INCLUDE_DEPTH} deep", word.span)])
    wanted = word.text[1:-1]
    try:
        path = find(wanted, file.path.parent if file.path else None, run.roots, word.span)
        if file.path is not None and path == file.path.resolve():
            raise InputError([Diagnostic("KC022", "the file includes itself", word.span)])
        if path not in run.included:
            run.included.add(path)
            beside = str(Path(file.source.path).parent / wanted) if file.path else wanted
            source = read(path, beside if Path(beside).exists() else str(path), run.budget, word.span)
            _file(run, File(source, path, file.depth + 1))
    except InputError as error:
        if any(d.code in ("KC003", "KC004", "KC025") for d in error.diagnostics):
            raise  # a limit of the whole run
        run.errors.extend(error.diagnostics)


def _define(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    if not rest or rest[0].kind != "name" or rest[0].text == "defined":
        _malformed(run, "`#define` wants a name", _all(name, rest[:1]))
        return
    target, body, params = rest[0], rest[1:], None
    if body and body[0].text == "(" and body[0].tight:
        params, body = _parameters(run, target, body)
        if params is None:
            return
    for word in body:
        if word.text in ("#", "##"):
            message = f"`{word.text}` in a macro is not part of the language"
            run.errors.append(Diagnostic("KC023", message, word.span))
            return
    _set_macro(run, Macro(target.text, params, tuple(body), target.span))


def _parameters(run: Run, target: Word, body: list[Word]) -> tuple[tuple[str, ...] | None, list[Word]]:
    """Split `(a, b) text` into the parameters and the text; None after an error."""
    close = next((i for i, word in enumerate(body) if word.text == ")"), None)
    inner = body[1:close]
    names, commas = inner[::2], inner[1::2]
    good = close is not None and all(w.kind == "name" for w in names) and all(w.text == "," for w in commas)
    params = tuple(word.text for word in names)
    if not good or len(names) == len(commas) > 0 or len(set(params)) < len(params):
        message = f"the parameters of macro `{target.text}` are not a list of different names"
        hint = "macros with `...` are not part of the language" if any(w.text == "..." for w in inner) else ""
        run.errors.append(Diagnostic("KC023", message, _all(target, body[: (close or 0) + 1]), hint=hint))
        return None, []
    return params, body[(close or 0) + 1 :]


def _set_macro(run: Run, macro: Macro) -> None:
    old = run.macros.get(macro.name)
    if old is not None and not old.same(macro):
        message = f"macro `{macro.name}` is already defined as something else"
        hint = f"write `#ifndef {macro.name}` around the default, or `#undef {macro.name}` before"
        place = ("first defined here", old.span)
        run.errors.append(Diagnostic("KC023", message, macro.span, hint=hint, notes=(place,)))
        return
    run.macros[macro.name] = macro


def _define_outside(run: Run, name: str, value: str) -> None:
    """Define a macro as `-D NAME=VALUE` does."""
    text = f"{name}={value}"
    source = checked(text, "<command line>", run.budget)
    found = IDENTIFIER.fullmatch(name)
    body = [word for word in words(source, run.budget) if word.span.start > len(name)]
    if not found or name == "defined" or any(word.kind in ("bad", "newline") for word in body):
        message = f"`{shown(text)[:60]}` is no definition of the form NAME=VALUE"
        run.errors.append(Diagnostic("KC029", message, Span(source, 0, len(text))))
        return
    run.macros[name] = Macro(name, None, tuple(body), Span(source, 0, len(name)))


def _undef(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    if len(rest) != 1 or rest[0].kind != "name":
        _malformed(run, "`#undef` wants one name", _all(name, rest))
        return
    run.macros.pop(rest[0].text, None)


def _error(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    span = _all(name, rest)
    text = shown(rest[0].span.to(rest[-1].span).text)[:200] if rest else "no message"
    run.errors.append(Diagnostic("KC028", f"#error: {text}", span))


def _pragma(_run: Run, _file: File, _name: Word, _rest: list[Word]) -> None:
    """Do nothing, as a C compiler does with a pragma it does not know."""


# ---- conditionals --------------------------------------------------------------------------------


def _if(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    _open(run, file, name, test=lambda: truth(rest, name.span, run.expander))


def _ifdef(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    if file.active and (len(rest) != 1 or rest[0].kind != "name"):
        _malformed(run, f"`#{name.text}` wants one name", _all(name, rest))
    known = bool(rest) and rest[0].text in run.macros
    _open(run, file, name, test=lambda: known == (name.text == "ifdef"))


def _open(run: Run, file: File, name: Word, *, test: Callable[[], bool]) -> None:
    if len(file.branches) >= MAX_BRACKETS:
        raise InputError([Diagnostic("KC004", f"`#if` nests more than {MAX_BRACKETS} deep", name.span)])
    # Within text that does not count no condition is looked at, and no branch is taken.
    active = file.active and _tested(run, test)
    file.branches.append(Branch(name.span, active, taken=active or not file.active))


def _tested(run: Run, test: Callable[[], bool]) -> bool:
    """Evaluate a condition; a wrong one is false."""
    try:
        return test()
    except InputError as error:
        run.errors.extend(error.diagnostics)
        return False


def _elif(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    branch = _current(run, file, name)
    if branch is not None:
        branch.active = not branch.taken and _tested(run, lambda: truth(rest, name.span, run.expander))
        branch.taken = branch.taken or branch.active


def _else(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    branch = _current(run, file, name)
    if branch is not None:
        branch.active, branch.taken, branch.last = not branch.taken, True, True
    _nothing_after(run, name, rest)


def _endif(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    if file.branches:
        file.branches.pop()
    else:
        run.errors.append(Diagnostic("KC026", "`#endif` without `#if`", name.span))
    _nothing_after(run, name, rest)


def _current(run: Run, file: File, name: Word) -> Branch | None:
    if file.branches and not file.branches[-1].last:
        return file.branches[-1]
    why = "after `#else`" if file.branches else "without `#if`"
    run.errors.append(Diagnostic("KC026", f"`#{name.text}` {why}", name.span))
    return None


def _nothing_after(run: Run, name: Word, rest: list[Word]) -> None:
    if rest:
        _malformed(run, f"text after `#{name.text}`", rest[0].span, "put it into a comment")


def _all(name: Word, rest: list[Word]) -> Span:
    """Return the span of a directive, or of what is given of it."""
    return name.span.to(rest[-1].span) if rest else name.span


Action = Callable[[Run, File, Word, list[Word]], None]

DIRECTIVES: Mapping[str, Action] = {
    "include": _include,
    "define": _define,
    "undef": _undef,
    "error": _error,
    "pragma": _pragma,
}

CONDITIONALS: Mapping[str, Action] = {
    "if": _if,
    "ifdef": _ifdef,
    "ifndef": _ifdef,
    "elif": _elif,
    "else": _else,
    "endif": _endif,
}
