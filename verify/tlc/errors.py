"""What goes wrong beside an answer: the tools are not there or broken, or their output makes no sense."""

from __future__ import annotations


class ToolError(Exception):
    """Java or TLC is absent or broken; `hint` is what to try."""

    def __init__(self, message: str, hint: str) -> None:
        """Carry the fact and what to try; the text of the exception is both."""
        self.message = message
        self.hint = hint
        super().__init__(f"{message} ({hint})")

    def __reduce__(self) -> tuple[type[ToolError], tuple[str, str]]:
        """What makes it again, where a worker sends it."""
        return ToolError, (self.message, self.hint)


class TlcOutputError(Exception):
    """Output that is not what TLC prints; carries what was met and where."""
