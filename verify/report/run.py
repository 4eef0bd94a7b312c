"""A run as columns: one for each task that takes a step, the locks and their owners in the gutter.

Where there is room, a step is one line: source, what changed, where. Where there is not, the changes stand below the
source, and the columns overlap like stairs: only one task speaks at a time.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot
from verify.ir import IDLE, PC, Fresh, System
from verify.report.difference import rows
from verify.report.names import cell_name, slot_name, value_name
from verify.report.result import ClaimResult
from verify.report.steps import READERS, Line, change_name, lines, owners
from verify.report.story import story
from verify.source import where

Styled = tuple[tuple[str, str], ...]  # pieces of one line, each with its style: "", "dim", "bold red", ...
COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "bright_red")
GAP = "  "
MAX_LABEL, NARROWEST, MIN_COLUMN, ROOMY, MOST_ROWS = 32, 8, 24, 34, 3
ARROW = "→ "
NO_BREAK = "\N{NO-BREAK SPACE}"
STORY = "  ⇒ "
FOR_EVER, STAYS = "from here on for ever:", "from here on nobody steps, for ever"


@dataclass(frozen=True, slots=True)
class Page:
    """A run and where things stand in its lines."""

    trace: Trace
    lanes: Sequence[Slot]  # the locks of the gutter
    digits: int  # of the step numbers
    threads: Sequence[int]  # those with a column
    headings: Sequence[str]
    offsets: Sequence[int]  # of each column from the first
    widths: Sequence[int]  # what each may fill
    changes: int  # width of the column of changes; 0 if they stand below the source
    place: int  # the width of the column of labels
    beside: bool  # whether file and line stand beside the label or below it

    @property
    def source(self) -> int:
        """The width of all task columns together."""
        return self.offsets[-1] + self.widths[-1]


def run(claim: ClaimResult, width: int) -> Iterator[Styled]:
    """The lines of a claim's run, at most `width` wide; nothing without a run."""
    if claim.trace is None:
        return
    yield from columns(claim.trace, width, claim.removed, claim.round.after if claim.round else None)
    yield from _outcomes(claim, width)
    yield from ending(story(claim), width)


def columns(
    trace: Trace, width: int, removed: Sequence[str] = (), begin: int | None = None
) -> Iterator[Styled]:
    """The lines of a run without guards that were `removed`, which after the step `begin`, if any, repeats itself."""
    shown = lines(trace, removed, begin)
    lanes = _lanes(trace)
    yield from _start(trace, removed, lanes, width)
    if shown:
        names = {line.number: _changes(trace, line) for line in shown}
        page = _page(trace, lanes, shown, names, width)
        yield _header(page)
        for number, line in enumerate(shown):
            if begin is not None and line.number > begin and (number == 0 or shown[number - 1].number <= begin):
                yield ((f"  {FOR_EVER}", "bold"),)
            yield from _step(page, line, names[line.number])
    if begin == len(trace.steps):
        yield ((f"  {STAYS}", "bold"),)


def ending(sentence: str, width: int) -> Iterator[Styled]:
    """What a run comes to, in a sentence."""
    for number, text in enumerate(_wrap(sentence, width - len(STORY), hang="")):
        yield ((STORY if number == 0 else " " * len(STORY), "bold red"), (text, "bold"))


def _outcomes(claim: ClaimResult, width: int) -> Iterator[Styled]:
    """What the call in which the run ends comes to, with the check that it is before and without it."""
    sides = [] if claim.difference is None else rows(claim.difference)
    title = max((len(side) for side, _ in sides), default=0)
    for side, text in sides:
        for number, row in enumerate(_wrap(text, width - title - 4, hang="")):
            yield ((f"  {side if number == 0 else '':{title}}", "dim"), (f"{GAP}{row}", "bold"))


def colour(thread: int) -> str:
    """The colour of a task."""
    return COLOURS[(thread - 1) % len(COLOURS)]


def _lanes(trace: Trace) -> Sequence[Slot]:
    """The locks that somebody holds at some moment of the run."""
    slots = [slot for slot, var in trace.instance.slots().items() if var.lock]
    return [slot for slot in slots if any(state[slot] for state in trace.states)]


def _changes(trace: Trace, line: Line) -> list[str]:
    system = trace.instance.system
    made = [*line.picks, *(change_name(system, change) for change in line.changes)]
    return [*made, f"{cell_name(system, THREAD, line.thread)} {line.stop}"] if line.stop else made


def _start(trace: Trace, removed: Sequence[str], lanes: Sequence[Slot], width: int) -> Iterator[Styled]:
    """What was removed, what the run begins with as far as there was a choice, and the letters of the locks."""
    system, state = trace.instance.system, trace.states[0]
    chosen = {
        name for group in system.groups for name, values in group.values.items()
        if not isinstance(values, Fresh) and len(values) > 1
    }
    facts = [
        f"{slot_name(system, slot)} = {value_name(system, var.domain, state[slot])}"
        for slot, var in trace.instance.slots().items()
        if slot.cell == system.thread and slot.name in chosen and state[Slot(THREAD, slot.index, PC)] != IDLE
    ]
    names = [f"{_letter(i)} = {_lock_name(system, slot)}" for i, slot in enumerate(lanes)]
    for title, items in (("without", removed), ("start", facts), ("locks", names)):
        for number, row in enumerate(_listed(items, width - 10)):
            yield ((f"  {title if number == 0 else '':8}", "dim"), (row, "dim"))


def _lock_name(system: System, slot: Slot) -> str:
    name = slot_name(system, slot)
    return f"{name.removesuffix(READERS)} (readers)" if name.endswith(READERS) else name


def _letter(lane: int) -> str:
    return chr(ord("a") + lane % 26)


def _page(
    trace: Trace, lanes: Sequence[Slot], told: Sequence[Line], names: Mapping[int, Sequence[str]], width: int
) -> Page:
    digits = len(str(told[-1].number))
    width -= 2 + digits + 2 + 2 * len(lanes)
    threads = sorted({line.thread for line in told})
    labels = min(MAX_LABEL, max(len(line.place) for line in told))
    files = max(len(where(line.main.span)) for line in told)
    headings = [_heading(trace, thread) for thread in threads]
    natural = [
        max(len(heading), *(len(text) for line in told if line.thread == thread for text in line.statements))
        for thread, heading in zip(threads, headings, strict=True)
    ]
    page = Page(trace, lanes, digits, threads, headings, [], [], 0, labels, beside=True)
    room = width - labels - files - 2 * len(GAP)
    changes = max(len(name) for row in names.values() for name in [*row, ""])
    shares = _shares(natural, room - changes - len(GAP) * len(threads))
    if all(share >= min(need, ROOMY) for share, need in zip(shares, natural, strict=True)):
        offsets = [sum(shares[:i]) + len(GAP) * i for i in range(len(threads))]
        return replace(page, offsets=offsets, widths=shares, changes=changes)
    if room < ROOMY + NARROWEST * (len(threads) - 1):
        labels = min(max(labels, files), max(MIN_COLUMN, width // 3))
        room = max(MIN_COLUMN, width - labels - len(GAP))
        page = replace(page, place=labels, beside=False)
    others = len(threads) - 1
    last = max(NARROWEST, min(natural[-1], max(room // 2, ROOMY), room - NARROWEST * others))
    offsets = [i * (room - last) // max(1, others) for i in range(len(threads))]
    return replace(page, offsets=offsets, widths=[room - offset for offset in offsets])


def _shares(natural: Sequence[int], room: int) -> list[int]:
    """Widths that fill at most `room`: each column what it needs, the widest ones cut to the same width."""
    limit = max(natural)
    while limit > 0 and sum(min(n, limit) for n in natural) > room:
        limit -= 1
    return [min(n, limit) for n in natural]


def _heading(trace: Trace, thread: int) -> str:
    """The task and the group that it belongs to; a task that is created later belongs to none."""
    entry = trace.states[0][Slot(THREAD, thread, PC)]
    groups = [group.name for group in trace.instance.system.groups if group.entry == entry]
    name = cell_name(trace.instance.system, THREAD, thread)
    return f"{name} ({groups[0]})" if len(groups) == 1 else name


def _header(page: Page) -> Styled:
    pieces = [(" " * (2 + page.digits + 2), ""), *((f"{_letter(i)} ", "dim") for i in range(len(page.lanes)))]
    ends = [*page.offsets[1:], page.source + 1]
    for thread, heading, start, end in zip(page.threads, page.headings, page.offsets, ends, strict=True):
        fits = heading if len(heading) < end - start else _cut(heading.split(" (")[0], end - start - 1)
        pieces.append((fits.ljust(end - start), f"bold {colour(thread)}"))
    return tuple(pieces)


def _step(page: Page, line: Line, changes: Sequence[str]) -> Iterator[Styled]:
    """The rows of one step: source and, beside or below it, changes and place."""
    column = page.threads.index(line.thread)
    room = page.widths[column]
    file = where(line.main.span)
    style = f"{'bold ' * (line.last == len(page.trace.steps))}{colour(line.thread)}"
    texts: list[Styled] = [((row, style),) for text in line.statements for row in _rows(text, room)]
    label = _cut(line.place, page.place)
    places = [f"{label:{page.place}}{GAP}{file}"] if page.beside else [label, _cut(file, page.place)]
    middle = _listed(changes, page.changes) if page.changes else []
    if changes and not page.changes:
        texts = _with_changes(texts, changes, room)
    for number, (text, change, place) in enumerate(zip_longest(texts, middle, places)):
        words = text or ()
        first = number == 0
        yield (
            (f"  {line.number if first else '':>{page.digits}}  ", "dim"),
            *_gutter(page, line),
            *_guides(page.offsets[: column + 1], 0),
            *words,
            *_guides([*page.offsets[column:], page.source], sum(len(word) for word, _ in words)),
            (GAP + (change or "").ljust(page.changes) if page.changes else "", "bold" if line.stop else ""),
            (GAP + (place or ""), "bold" if first and line.main.label else "dim"),
        )


def _with_changes(texts: list[Styled], changes: Sequence[str], room: int) -> list[Styled]:
    """The source with the changes after it where they fit, else below it."""
    rows = _listed(changes, room - len(ARROW))
    if len(texts) == len(rows) == 1 and len(texts[0][0][0]) + len(GAP) + len(ARROW) + len(rows[0]) <= room:
        return [(*texts[0], (GAP + ARROW + rows[0], ""))]
    return texts + [(((" " * len(ARROW) if number else ARROW) + row, ""),) for number, row in enumerate(rows)]


def _listed(items: Sequence[str], width: int) -> list[str]:
    """The items in rows, each in one piece where that is possible."""
    whole = [item.replace(" ", NO_BREAK) if len(item) < width else item for item in items]
    return _wrap(",  ".join(whole), width, hang="")


def _gutter(page: Page, line: Line) -> Iterator[tuple[str, str]]:
    """The owner of each lock after the step."""
    for slot in page.lanes:
        held = owners(page.trace, slot, page.trace.states[line.last])
        text = str(held[0]) if len(held) == 1 else "+" if held else "·"
        yield f"{text[-1]} ", colour(held[0]) if held else "dim"


def _guides(offsets: Sequence[int], used: int) -> Iterator[tuple[str, str]]:
    """Blank columns from the first offset to the last, after `used` characters: a line at the left edge of each."""
    for number, (left, right) in enumerate(pairwise(offsets)):
        start = left + used if number == 0 else max(left, offsets[0] + used)
        if start < right:
            yield ("│" if start == left and (left > offsets[0] + used or not used) else "").ljust(right - start), "dim"


def _wrap(text: str, width: int, *, hang: str = "    ") -> list[str]:
    """Rows of at most `width`; a number stays with the word before it."""
    joined = re.sub(r"(\w) (?=\d)", rf"\1{NO_BREAK}", text)
    rows = textwrap.wrap(joined, max(width, NARROWEST), subsequent_indent=hang, break_on_hyphens=False)
    return [row.replace(NO_BREAK, " ") for row in rows]


def _rows(text: str, width: int) -> list[str]:
    """A statement in a few rows."""
    rows = _wrap(text, width)
    return rows if len(rows) <= MOST_ROWS else [*rows[: MOST_ROWS - 1], _cut(rows[MOST_ROWS - 1] + "…", width)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
