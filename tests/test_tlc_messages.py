"""TLC's messages: frames in frames, lines between them, and no frame that a module printed."""

from __future__ import annotations

import pytest

from verify.tlc.errors import TlcOutputError
from verify.tlc.messages import Line, Message, Reader


def read(text: str) -> list[Message | Line]:
    reader = Reader()
    items = [item for line in text.splitlines() if (item := reader.feed(line))]
    assert not reader.is_open
    return items


def test_messages_and_the_lines_between_them() -> None:
    text = """\
@!@!@STARTMSG 2220:0 @!@!@
Starting SANY...
@!@!@ENDMSG 2220 @!@!@
Parsing file Steps.tla
@!@!@STARTMSG 2110:1 @!@!@
Invariant A
is violated.

@!@!@ENDMSG 2110 @!@!@
"""
    first, line, second = read(text)
    assert first == Message(2220, 0, ("Starting SANY...",))
    assert line == Line("Parsing file Steps.tla")
    assert isinstance(second, Message)
    assert (second.code, second.severity, second.text) == (2110, 1, "Invariant A\nis violated.")


def test_a_message_starts_behind_words_of_the_one_it_is_in() -> None:
    text = """\
@!@!@STARTMSG 1000:1 @!@!@
The exception was a java.lang.RuntimeException
: util.Assert$TLCRuntimeException: @!@!@STARTMSG 2154:0 @!@!@
Attempted to add
@!@!@ENDMSG 2154 @!@!@
and gave up.
@!@!@ENDMSG 1000 @!@!@
"""
    (outer,) = read(text)
    assert isinstance(outer, Message)
    assert outer.inner == (Message(2154, 0, ("Attempted to add",)),)
    assert [message.code for message in outer.all()] == [1000, 2154]
    assert outer.text.endswith(": util.Assert$TLCRuntimeException: \nand gave up.")
    assert outer.words().endswith("and gave up. Attempted to add")


FRAME = "@!@!@STARTMSG 2193:0 @!@!@"


@pytest.mark.parametrize("line", [f'"{FRAME}"', f'<<"x", "\\n{FRAME}', f"words {FRAME}", f"{FRAME} more"])
def test_what_a_module_prints_starts_no_message(line: str) -> None:
    assert read(line) == [Line(line)]


def test_strings_in_a_message_start_none() -> None:
    line = f'/\\ x = "{FRAME}"'
    assert read(f"@!@!@STARTMSG 2217:4 @!@!@\n{line}\n@!@!@ENDMSG 2217 @!@!@") == [Message(2217, 4, (line,))]


@pytest.mark.parametrize("text", ["@!@!@ENDMSG 2110 @!@!@", "@!@!@STARTMSG 1:0 @!@!@\n@!@!@ENDMSG 2 @!@!@"])
def test_an_end_without_a_beginning_is_an_error(text: str) -> None:
    with pytest.raises(TlcOutputError, match="did not begin"):
        read(text)


def test_a_message_is_open_until_its_end() -> None:
    reader = Reader()
    assert not reader.is_open
    assert reader.feed(FRAME) is None
    assert reader.is_open
