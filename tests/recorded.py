"""Runs of TLC that were recorded: what it printed, without dates and machines, under its exit code.

`Steps.tla` and `Values.tla` stand beside them; `test_tlc_run` says how each was made, and makes some anew.
"""

from __future__ import annotations

from pathlib import Path

from verify.tlc.answer import Answer, answer
from verify.tlc.messages import Line, Message, Reader

RECORDED = Path(__file__).parent / "golden" / "tlc"


def messages(text: str) -> list[Message | Line]:
    reader = Reader()
    return [item for line in text.splitlines() if (item := reader.feed(line))]


def recorded(name: str, *, code: int | None = None, cut: str = "", lines: int | None = None) -> Answer:
    """The answer of a recorded run, or of one that ended otherwise, or of its first lines."""
    head, _, text = (RECORDED / f"{name}.txt").read_text().partition("\n")
    text = "\n".join(text.splitlines()[:lines])
    return answer(messages(text), int(head.split()[-1]) if code is None else code, cut=cut)
