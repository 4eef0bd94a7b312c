"""`#define`, `#undef` and `-D`."""

from __future__ import annotations

import re

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.files import checked, shown
from verify.syntax.lex import Word, words
from verify.syntax.macros import Macro
from verify.syntax.reading import File, Run, extent

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def define(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    """`#define NAME text` and `#define NAME(a, b) text`."""
    if not rest or rest[0].kind != "name" or rest[0].text == "defined":
        run.report("KC020", "`#define` wants a name", extent(name, rest[:1]))
        return
    target, body, params = rest[0], rest[1:], None
    if body and body[0].text == "(" and body[0].tight:
        params, body = _parameters(run, target, body)
        if params is None:
            return
    for word in body:
        if word.text in ("#", "##"):
            message = f"`{word.text}` in a macro is not part of the language"
            run.report("KC023", message, word.span)
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
        run.report("KC023", message, extent(target, body[: (close or 0) + 1]), hint)
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


def define_outside(run: Run, name: str, value: str) -> None:
    """Define a macro as `-D NAME=VALUE` does."""
    text = f"{name}={value}"
    source = checked(text, "<command line>", run.budget)
    found = IDENTIFIER.fullmatch(name)
    body = [word for word in words(source, run.budget) if word.span.start > len(name)]
    if not found or name == "defined" or any(word.kind in ("bad", "newline") for word in body):
        message = f"`{shown(text)[:60]}` is no definition of the form NAME=VALUE"
        run.report("KC029", message, Span(source, 0, len(text)))
        return
    run.macros[name] = Macro(name, None, tuple(body), Span(source, 0, len(name)))


def undef(run: Run, _file: File, name: Word, rest: list[Word]) -> None:
    """`#undef NAME`."""
    if len(rest) != 1 or rest[0].kind != "name":
        run.report("KC020", "`#undef` wants one name", extent(name, rest))
        return
    run.macros.pop(rest[0].text, None)
