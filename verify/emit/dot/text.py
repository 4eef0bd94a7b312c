"""The language of Graphviz: strings, attributes, nodes and edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from verify.source import clean

FONT: Final = "Helvetica"
INK, PALE, ALARM, BEGIN = "#333333", "#f5f5f5", "#f4b6b0", "#cfe3f7"
THREADS: Final = ("#1f5fa8", "#b8560f", "#2c7a3f", "#7a3f94", "#8a6d00", "#0f7d80")  # of their edges, in turn
DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "graph": {"fontname": FONT, "fontsize": "11", "ranksep": "0.35", "nodesep": "0.3"},
    "node": {
        "shape": "box", "style": "rounded,filled", "fillcolor": PALE, "color": INK, "fontname": FONT,
        "fontsize": "10", "margin": "0.12,0.06", "height": "0.3",
    },
    "edge": {"fontname": FONT, "fontsize": "9", "color": INK, "arrowsize": "0.6"},
}


def quoted(text: str) -> str:
    r"""A string; its lines, if there are more than one, are centred. Nothing in it means anything to Graphviz."""
    lines = (clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'


def attributes(given: Mapping[str, str]) -> str:
    """Attributes in brackets; those without a value are left out."""
    found = ", ".join(f"{name}={quoted(value)}" for name, value in given.items() if value)
    return f" [{found}]" if found else ""


def node(name: str, **given: str) -> str:
    """A node."""
    return f"{quoted(name)}{attributes(given)};"


def edge(source: str, target: str, **given: str) -> str:
    """An edge."""
    return f"{quoted(source)} -> {quoted(target)}{attributes(given)};"


def graph(name: str, header: list[str], lines: list[str]) -> str:
    """A directed graph with its title."""
    top = [f"// {clean(line)}".rstrip() for line in header]
    defaults = [f"    {what}{attributes(given)};" for what, given in DEFAULTS.items()]
    return "\n".join([*top, f"digraph {quoted(name)} {{", *defaults, *lines, "}"]) + "\n"


def cut(text: str, width: int) -> str:
    """The text, cut where it is longer."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def folded(words: Iterator[str], width: int) -> str:
    """Words on lines of about that width."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
