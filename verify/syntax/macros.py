"""Macro expansion, by the algorithm that Dave Prosser wrote for the C standard (X3J11/86-196), without `#` and `##`.

Every word remembers the macros that made it and is never expanded by one of them again, so expansion ends. A word
that comes out of a macro has the place where the macro is used, a word of an argument its own place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.lex import Word
from verify.syntax.limits import MAX_BRACKETS, MAX_MACRO_DEPTH, Budget, LimitError


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro; `params` is None for one without a parameter list."""

    name: str
    params: tuple[str, ...] | None
    body: tuple[Word, ...]
    span: Span  # of the name where it is defined

    def same(self, other: Macro) -> bool:
        """Whether both have the same parameters and the same words, as C asks of a second definition."""
        return self.params == other.params and [w.text for w in self.body] == [w.text for w in other.body]


@dataclass(frozen=True, slots=True)
class Expander:
    """The macros in force, what may still be spent, and where errors go."""

    macros: Mapping[str, Macro]
    budget: Budget
    errors: list[Diagnostic]

    def expand(self, text: Sequence[Word], depth: int = 0) -> list[Word]:
        """Return `text` with every macro expanded; raises LimitError if that takes too much."""
        todo, done = list(reversed(text)), []
        while todo:
            word = todo.pop()
            macro = self.macros.get(word.text) if word.kind == "name" else None
            if macro is None or word.text in word.hidden:
                done.append(word)
            elif macro.params is None:
                body = _placed(macro.body, word.span, word.hidden | {macro.name}, tight=word.tight)
                self.budget.expand(1 + len(body), word.span)
                todo += reversed(body)
            elif not todo or todo[-1].text != "(":
                done.append(word)  # the name alone is not a use, as in C
            else:
                used = self._arguments(word, macro, todo)
                if used is not None:
                    todo += reversed(self._substituted(macro, *used, word, depth))
        return done

    def _arguments(self, name: Word, macro: Macro, todo: list[Word]) -> tuple[list[list[Word]], Word] | None:
        """Take `( ... )` from the end of `todo`: the arguments and the closing word; None after an error."""
        arguments: list[list[Word]] = [[]]
        opened = 0
        while todo:
            word = todo.pop()
            if word.text in ("(", ")") and word.kind == "punctuator":
                opened += 1 if word.text == "(" else -1
                if opened > MAX_BRACKETS:
                    raise LimitError("KC004", f"more than {MAX_BRACKETS} brackets are open", word.span)
                if opened == 0:
                    return self._counted(name, macro, arguments, word)
                if opened == 1 and word.text == "(":
                    continue
            if word.text == "," and opened == 1:
                arguments.append([])
            else:
                arguments[-1].append(word)
        message = f"the arguments of macro `{macro.name}` are not closed"
        self.errors.append(Diagnostic("KC024", message, name.span, hint="close them with `)`"))
        return None

    def _counted(
        self, name: Word, macro: Macro, arguments: list[list[Word]], close: Word
    ) -> tuple[list[list[Word]], Word] | None:
        wanted = len(macro.params or ())
        if wanted == 0 and arguments == [[]]:
            arguments = []
        if len(arguments) == wanted:
            return arguments, close
        plural = "argument" if wanted == 1 else "arguments"
        message = f"macro `{macro.name}` takes {wanted} {plural}, not {len(arguments)}"
        place = (f"`{macro.name}` is defined here", macro.span)
        self.errors.append(Diagnostic("KC024", message, name.span.to(close.span), notes=(place,)))
        return None

    def _substituted(
        self, macro: Macro, arguments: list[list[Word]], close: Word, name: Word, depth: int
    ) -> list[Word]:
        """Return the body with the expanded arguments in place of the parameters."""
        span = name.span.to(close.span)
        if depth >= MAX_MACRO_DEPTH:
            raise LimitError("KC004", f"macro calls nest more than {MAX_MACRO_DEPTH} deep in arguments", span)
        hidden = (name.hidden & close.hidden) | {macro.name}
        self.budget.expand(sum(map(len, arguments)), span)
        given = {
            param: [replace(w, hidden=w.hidden | hidden) for w in self.expand(argument, depth + 1)]
            for param, argument in zip(macro.params or (), arguments, strict=True)
        }
        result: list[Word] = []
        for word in _placed(macro.body, span, hidden, tight=name.tight):
            part = given.get(word.text, [word]) if word.kind == "name" else [word]
            self.budget.expand(1 + len(part), span)
            result += part
        return result


def _placed(body: Sequence[Word], span: Span, hidden: frozenset[str], *, tight: bool) -> list[Word]:
    """Return the words of a body as they stand where the macro is used."""
    return [
        Word(word.kind, word.text, span, word.tight if index else tight, hidden) for index, word in enumerate(body)
    ]
