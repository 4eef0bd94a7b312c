"""Directives: from the words of a file to the words of the program, macros, `#if` and included files resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from verify.diagnostics import InputError
from verify.source import Source
from verify.syntax.conditional import elif_, else_, endif, if_, ifdef
from verify.syntax.define import define, define_outside, undef
from verify.syntax.files import find, read, shown
from verify.syntax.lex import Word, problem, words
from verify.syntax.limits import MAX_ERRORS, MAX_INCLUDE_DEPTH, MAX_WORDS, Budget, LimitError
from verify.syntax.reading import File, Run, extent


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
            define_outside(run, name, value)
        if path is not None:
            run.included.add(path.resolve())
        _file(run, File(source, path, 0))
    except InputError as error:
        raise InputError([*run.errors[: MAX_ERRORS - 1], *error.diagnostics]) from error
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
        run.report("KC026", "the `#if` has no `#endif`", branch.span)


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
    if len(run.output) > MAX_WORDS:
        raise LimitError("KC025", f"macros make more than {MAX_WORDS} words", run.output[MAX_WORDS].span)
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
            run.report("KC020", message, name.span, f"the directives are {known}")
        elif bad is not None and name.text != "error":
            run.errors.append(problem(bad))
        else:
            action(run, file, name, rest)


def _include(run: Run, file: File, name: Word, rest: list[Word]) -> None:
    if len(rest) != 1 or rest[0].kind != "string":
        hint = "leave the kernel's headers out, and write what is used of them" if rest and rest[0].text == "<" else ""
        run.report("KC020", '`#include` wants one file name: `#include "name.kc"`', extent(name, rest), hint)
        return
    try:
        _included(run, file, rest[0])
    except LimitError:
        raise
    except InputError as error:
        run.errors.extend(error.diagnostics)


def _included(run: Run, file: File, word: Word) -> None:
    """Read the file that the string `word` names, unless that was done before."""
    wanted = word.text[1:-1]
    path = find(wanted, file.path.parent if file.path else None, run.roots, word.span)
    if file.path is not None and path == file.path.resolve():
        run.report("KC022", "the file includes itself", word.span)
    elif file.depth >= MAX_INCLUDE_DEPTH:
        run.report("KC022", f"files are included more than {MAX_INCLUDE_DEPTH} deep", word.span)
    elif path not in run.included:
        run.included.add(path)
        beside = Path(file.source.path).parent / wanted
        source = read(path, str(beside if beside.resolve() == path else path), run.budget, word.span)
        _file(run, File(source, path, file.depth + 1))


def _error(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    text = shown(rest[0].span.to(rest[-1].span).text)[:200] if rest else "no message"
    run.report("KC028", f"#error: {text}", extent(name, rest))


Action = Callable[[Run, File, Word, list[Word]], None]

DIRECTIVES: Mapping[str, Action] = {
    "include": _include,
    "define": define,
    "undef": undef,
    "error": _error,
}

CONDITIONALS: Mapping[str, Action] = {
    "if": if_,
    "ifdef": ifdef,
    "ifndef": ifdef,
    "elif": elif_,
    "else": else_,
    "endif": endif,
}
