"""The parser: an LALR automaton over the tables of the grammar, which reports every error and then goes on.

Lark makes the tables; they are run here because the words come from several files, because some are words of the
language only where the grammar has a place for them, and because an error must not end the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.explain import REFUSED, Spot, reason, unexpected
from verify.syntax.grammar import DECIDES, Reduction, Start, Tables, tables
from verify.syntax.lex import Word
from verify.syntax.limits import MAX_BRACKETS, MAX_DEPTH, MAX_ERRORS, LimitError
from verify.syntax.rows import ROWS, Place

END = "$END"
OPENING = frozenset({"LPAR", "LBRACE", "LSQB"})
CLOSING = frozenset({"RPAR", "RBRACE", "RSQB"})
REPAIRS = {"SEMICOLON": ";", "RPAR": ")"}  # what is most often forgotten


@dataclass(slots=True)
class Level:
    """An open brace, or the file."""

    floor: int  # the height of the stack at its beginning
    brackets: int = 0  # open within it
    opened: Word | None = None


@dataclass(slots=True)
class Parser:
    """A run: the automaton's stack, in four parts of equal height, and where it is in the words."""

    words: Sequence[Word]
    end: Word
    states: list[int]
    values: list[object]
    spans: list[Span]
    depths: list[int]  # of the syntax tree below each value
    levels: list[Level]
    tables: Tables
    errors: list[Diagnostic]
    at: int = 0
    last: Span = field(init=False)  # of the word read last
    fresh: bool = True  # a word was read since the last error
    memo: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last = self.end.span

    # ---- words to terminals ----

    def word(self, ahead: int = 0) -> Word:
        """Return the next word, or one further ahead."""
        index = self.at + ahead
        return self.words[index] if index < len(self.words) else self.end

    def terminal(self) -> str:
        """Return the terminal that the next word is here."""
        if self.at >= len(self.words):
            return END
        word = self.words[self.at]
        if word.kind != "name":
            return self.tables.terminal(word)
        mark = self.word(1)
        if mark.tight and mark.text == ">" and mark.kind == "punctuator" and self.fits(["TAG"]):
            return "TAG"
        known = self.memo.get(word.text)
        if known is None:
            plain = "" if word.text in REFUSED else self.tables.terminal(word)
            known = self.memo[word.text] = (plain, self.tables.fixed(word.text))
        plain, soft = known
        if plain != "NAME" or not soft or not self.fits([soft]):
            return plain
        return soft if self.decided(soft, word, mark) or not self.fits(["NAME"]) else plain

    def decided(self, soft: str, word: Word, mark: Word) -> bool:
        """Whether the word after it tells that a word is no name."""
        marks = DECIDES.get(word.text, (mark.text,))
        return mark.text in marks and (len(marks) == 1 or self.fits([soft, self.tables.terminal(mark)]))

    def fits(self, terminals: Sequence[str]) -> bool:
        """Whether these terminals could come next, found by running the automaton without values."""
        states = list(self.states)
        for terminal in terminals:
            while terminal not in self.tables.shifts[states[-1]]:
                row = self.tables.reductions[states[-1]].get(terminal)
                if row is None:
                    return False
                if row.size:
                    del states[-row.size :]
                states.append(self.tables.shifts[states[-1]][row.origin])
                if terminal == END and states[-1] in self.tables.last.values():
                    return True
            states.append(self.tables.shifts[states[-1]][terminal])
        return True

    def expected(self) -> frozenset[str]:
        """Return what could come next: texts, and the names of terminals that are no single text."""
        text = {name: text for text, name in self.tables.terminals.items()}
        state = self.states[-1]
        known = self.tables.shifts[state].keys() | self.tables.reductions[state].keys()
        return frozenset(text.get(t, t) for t in known if t.lstrip("_$")[:1].isupper() and self.fits([t]))

    # ---- the automaton ----

    def step(self, terminal: str) -> bool:
        """Reduce until `terminal` can be read, and read it; False if it cannot."""
        states, shifts, reductions = self.states, self.tables.shifts, self.tables.reductions
        while True:
            state = states[-1]
            target = shifts[state].get(terminal)
            if target is not None:
                self.shift(terminal, target)
                return True
            row = reductions[state].get(terminal)
            if row is None:
                return False
            size = row.size
            if row.passes:
                states.pop()
            elif size:
                values, span = self.values[-size:], _joined(self.spans[-size], self.last)
                depth = max(self.depths[-size:])
                for part in (states, self.values, self.spans, self.depths):
                    del part[-size:]
                self.push(row, row.parts(values), span, depth)
            else:
                self.push(row, row.parts([]), self.word().span, 0)
            states.append(shifts[states[-1]][row.origin])
            if terminal == END and states[-1] in self.tables.last.values():
                return True

    def push(self, row: Reduction, parts: list[object], span: Span, depth: int) -> None:
        """Put a value on the stack: what the grammar gives, made into a part of the syntax tree."""
        value: object = parts
        if row.single and len(parts) == 1:
            value = parts[0]
        elif not row.inner:
            depth += 1
            if depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} operators or statements within each other"
                raise LimitError("KC004", message, span, "split it up")
            value = ROWS[row.name](Place(span, self.errors), *parts)
        self.values.append(value)
        self.spans.append(span)
        self.depths.append(depth)

    def shift(self, terminal: str, target: int) -> None:
        """Read the next word."""
        word = self.words[self.at]
        self.last = word.span
        self.at += 1
        if terminal == "TAG":
            self.last = _joined(word.span, self.words[self.at].span)
            self.at += 1
        self.states.append(target)
        self.values.append(word)
        self.spans.append(self.last)
        self.depths.append(0)
        self.fresh = True
        if terminal in OPENING:
            self.open(terminal, word)
        elif terminal == "RBRACE":
            if len(self.levels) > 1:
                self.levels.pop()
        elif terminal in CLOSING:
            self.levels[-1].brackets -= 1

    def open(self, terminal: str, word: Word) -> None:
        """Count an open bracket."""
        if terminal == "LBRACE":
            self.levels.append(Level(len(self.states), opened=word))
        else:
            self.levels[-1].brackets += 1
        if len(self.levels) > MAX_BRACKETS or self.levels[-1].brackets > MAX_BRACKETS:
            message = f"more than {MAX_BRACKETS} brackets are open"
            raise LimitError("KC004", message, word.span)

    # ---- errors ----

    def recover(self, terminal: str) -> bool:
        """Report that the next word cannot stand here and get past it; False at the end of the words."""
        if self.fresh and self.mend(terminal):
            return True
        found = reason(self.spot()) or unexpected(self.spot())
        if self.fresh or found.code != "KC030":  # else it may only follow from the error before
            self.errors.append(found)
        self.fresh = False
        return self.resume()

    def spot(self) -> Spot:
        """Return what an error message may speak of."""
        return Spot(self.words, self.at, self.end, self.expected(), self.levels[-1].opened)

    def mend(self, terminal: str) -> bool:
        """Put in one word that is missing if the next then fits."""
        here = self.word()
        if here.kind in ("number", "string", "char") and self.fits(["NUMBER"]) and not terminal:
            self.errors.append(reason(self.spot()) or unexpected(self.spot()))
            self.replace(1, Word("number", "0", here.span, here.tight))
            return True
        if self.at == 0 or not terminal:
            return False
        for missing, text in REPAIRS.items():
            plausible = here.text in ("{", ";") if missing == "RPAR" else self.line_break()
            if plausible and self.fits([missing, terminal]):
                before = self.words[self.at - 1]
                gap = Span(before.span.source, before.span.end, before.span.end + 1)
                self.errors.append(Diagnostic("KC030", f"expected `{text}` after `{before.text}`", gap))
                self.replace(0, Word("punctuator", text, before.span, tight=False))
                return True
        return False

    def replace(self, count: int, word: Word) -> None:
        """Go on as if `word` stood in place of the next `count` words."""
        self.words = [*self.words[: self.at], word, *self.words[self.at + count :]]

    def line_break(self) -> bool:
        """Whether the next word stands on a later line than the one before, closes a block, or is absent."""
        before, here = self.words[self.at - 1].span, self.word().span
        apart = here.source is not before.source or here.line > before.line
        return apart or self.at >= len(self.words) or self.word().text == "}"

    def resume(self) -> bool:
        """Skip to the end of the statement or item, and begin its block anew; False at the end of the words.

        What was read of the block is forgotten: there will be no tree.
        """
        opened = 0
        while self.at < len(self.words):
            text = self.words[self.at].text
            if text == "}" and not opened:
                if len(self.levels) > 1:
                    self.forget()
                    if self.fits(["RBRACE"]):
                        return True
                    self.levels.pop()
                self.at += 1
                self.forget()
                return True
            self.at += 1
            opened += (text == "{") - (text == "}")
            if not opened and (text == ";" or (text == "}" and self.line_break())):
                self.forget()
                return True
        return False

    def forget(self) -> None:
        """Cut the stack back to the beginning of the innermost block, or of the file."""
        level = self.levels[-1]
        level.brackets = 0
        del self.states[level.floor :]
        for part in (self.values, self.spans, self.depths):
            del part[level.floor - 1 :]  # the first state has no value


def _joined(first: Span, last: Span) -> Span:
    """Return the span from the first to the last of some words, which may come from macros or several files."""
    if first.source is not last.source:
        return first
    return Span(first.source, min(first.start, last.start), max(first.end, last.end))


def parse(words: Sequence[Word], end: Span, start: Start) -> tuple[object, list[Diagnostic]]:
    """Parse the words as the rule `start`; `end` is the place of the end of the text.

    Returns what the row of `start` makes, or None where the text is not whole, and every error found. Text that nests
    too deeply is not read further.
    """
    automaton = tables()
    last = Word("newline", "", end, tight=False)
    run = Parser(words, last, [automaton.first[start]], [], [], [], [Level(1)], automaton, [])
    try:
        while len(run.errors) < MAX_ERRORS:
            terminal = run.terminal()
            if run.step(terminal):
                if terminal == END:
                    return run.values[-1], run.errors
            elif not run.recover(terminal):
                break
    except LimitError as error:
        run.errors.extend(error.diagnostics)
    return None, run.errors
