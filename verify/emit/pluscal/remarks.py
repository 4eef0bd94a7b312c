"""Comments: the translator searches them, as the rest of the file, for words of its own."""

from __future__ import annotations

import re
from typing import Final

from verify.emit.tla.layout import plain

WORDS: Final = re.compile(r"-(?=-(?:algorithm|fair))|T(?=RANSLATION)|C(?=al +options)")
INSTEAD: Final = {"-": "- ", "T": "t", "C": "c"}


def remark(text: str) -> str:
    """The text in ASCII, with nothing that ends a comment or that the translator would take for its own."""
    return WORDS.sub(lambda found: INSTEAD[found[0]], plain(text))
