"""`pytest specs/`: every `.kc` file is collected, and each of its claims is a test.

A claim is called by its kind and target, with the rest in brackets as for a parameter of a test, so that
`specs/fix.kc::necessary ptrace_attach.check` selects it. This module is loaded in every run of pytest: it imports
nothing of `verify` before the first `.kc` file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from verify.report.result import ClaimResult
    from verify.syntax.ast import ClaimDecl

WIDTH = 100


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `verify prove` that matter to a test run."""
    group = parser.getgroup("verify", "claims of .kc files")
    group.addoption("--kc-tasks", default="any", metavar="any|N", help="how many tasks claims are checked with")
    group.addoption("--kc-budget", type=float, default=300.0, metavar="SECONDS", help="time for each claim")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> KcFile | None:
    """Collect `.kc` files; those that claim nothing, as included ones, have no tests."""
    return KcFile.from_parent(parent, path=file_path) if file_path.suffix == ".kc" else None


class KcFile(pytest.File):
    """A `.kc` file: parsed once."""

    def collect(self) -> Iterator[ClaimItem]:
        """One test for each claim, in the order of the source."""
        from verify.api import Options, claims_nothing, judge_of, judged, select, tasks_from  # noqa: PLC0415 - see above
        from verify.diagnostics import InputError  # noqa: PLC0415 - see above

        try:
            tasks = tasks_from(self.config.getoption("--kc-tasks"))
        except ValueError as error:
            message = f"--kc-tasks: {error}"
            raise pytest.UsageError(message) from None
        options = Options(tasks=tasks, budget=self.config.getoption("--kc-budget"))
        try:
            selection = select(str(self.path), options)
        except InputError:
            if claims_nothing(str(self.path)):  # what it lacks is in the files that include it
                return
            raise
        judge = judge_of(selection, options)  # one for the file: what one claim finds out serves the next
        for claim, name in zip(selection.claims, item_names(selection.claims), strict=True):
            item: ClaimItem = ClaimItem.from_parent(self, name=name)
            item.line, item.check = claim.span.line, partial(judged, claim, judge, any_asked=tasks is None)
            yield item

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """Show the errors of the input as `verify` does."""
        from verify.diagnostics import InputError  # noqa: PLC0415 - see above

        return str(excinfo.value) if isinstance(excinfo.value, InputError) else super().repr_failure(excinfo)


class ClaimFailure(Exception):  # noqa: N818 - the claim failed, not the program
    """A claim that does not hold, or that nobody could decide; carries the report."""


class ClaimItem(pytest.Item):
    """One claim."""

    line: int
    check: Callable[[], ClaimResult]

    def runtest(self) -> None:
        """Judge the claim; raises ClaimFailure unless it holds."""
        from verify.report.text import claim_lines, plain  # noqa: PLC0415 - see above

        result = self.check()
        if not result.holds:
            raise ClaimFailure(plain(claim_lines(result, WIDTH, len(result.name))))

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """Show the run, or why the claim is unknown."""
        from verify.diagnostics import InputError  # noqa: PLC0415 - see above

        if isinstance(excinfo.value, ClaimFailure | InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the claim stands, and its name as a heading."""
        return self.path, self.line - 1, f"{self.path.name}: {self.name}"


def item_names(claims: Sequence[ClaimDecl]) -> list[str]:
    """The names of the tests: two claims that say the same are told apart by a number."""
    names = [_item_name(claim) for claim in claims]
    return [f"{name} #{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)]


def _item_name(claim: ClaimDecl) -> str:
    """`necessary ptrace_attach.check[for no_traced_kernel_thread]`."""
    words = claim.name.split(" ")
    count = next((i for i, word in enumerate(words) if word in ("for", "in", "without", "=")), len(words))
    rest = " ".join(words[count:])
    return " ".join(words[:count]) + (f"[{rest}]" if rest else "")
