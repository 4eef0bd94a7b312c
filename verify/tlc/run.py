"""Run TLC and SANY: in folders of their own, with bounded time, memory and output.

TLC 2.15 names its folder of states by the second and unpacks modules under fixed names in the folder for temporary
files, so each run gets its own of both. Numbers in its messages follow the locale, which is therefore fixed.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from verify.tlc.answer import VERSION, Answer, Progress, answer, problems, progress
from verify.tlc.errors import ToolError
from verify.tlc.find import INSTALL, Tools, digest
from verify.tlc.messages import Line, Message, Reader

TLC = "tlc2.TLC"
SANY = "tla2sany.SANY"
SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # the fastest to start
LARGE = ("-XX:+UseParallelGC",)  # the faster one from about five seconds on
COMMON = (
    "-XX:+IgnoreUnrecognizedVMOptions",  # of a Java that has no such collector
    "-XX:+ExitOnOutOfMemoryError",  # rather than thrash until the time is over
    "-XX:-UsePerfData",
    "-Xss32m",  # terms of large systems nest deeper than a thread of Java can usually go
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
)
OUT_OF_MEMORY = "Terminating due to java.lang.OutOfMemoryError"  # what Java prints then
REACHES_JAVA = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")  # variables that change a run
CHUNK = 1 << 16  # bytes
MAX_ERRORS = 1 << 14  # bytes of standard error that are kept
BROKEN_HINT = f"set JAVA_HOME and TLA2TOOLS to such as work, or {INSTALL}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take: wall-clock seconds, and 2^20 bytes of heap and of output."""

    seconds: float
    heap: int = 2048
    output: int = 64


@dataclass(frozen=True, slots=True)
class Job:
    """What TLC is to check: `folder/module.tla` under the file `config`, such as "X.cfg", in the same folder.

    `options` are TLC's own, as `-deadlock`, which has it *not* look for deadlocks. `large` is for runs of more than
    some seconds.
    """

    folder: Path
    module: str
    config: str
    options: Sequence[str] = ()
    workers: int = 1
    large: bool = False

    def arguments(self, scratch: Path) -> list[str]:
        """The arguments of TLC, which puts its states into a folder of its own."""
        own = ["-tool", "-workers", str(self.workers), "-metadir", str(scratch / "states")]
        return [*own, *self.options, "-config", self.config, f"{self.module}.tla"]


@dataclass(frozen=True, slots=True)
class Probe:
    """Which TLC it is: the version that it prints, as "TLC2 Version 2.15 of ...", and the SHA-256 of its jar."""

    version: str
    sha256: str


def run(
    tools: Tools,
    job: Job,
    limits: Limits,
    *,
    hear: Callable[[Progress], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Answer:
    """What TLC shows of a job; `hear` gets every word of progress, `environ` is the process's own unless given.

    TLC is killed at its limits, which makes the answer `unknown` unless a violation was reported before, and at any
    exception, as an interrupt is one.
    Raises ToolError if TLC does not start, TlcOutputError if its output makes no sense.
    """
    with _scratch() as scratch:
        flags = LARGE if job.large else SMALL
        command = [*_java(tools, limits, flags, scratch), TLC, *job.arguments(scratch)]
        output = _Output(limits)
        reader, said = Reader(), list[Message | Line]()
        for line in output.lines(command, job.folder, os.environ if environ is None else environ):
            if line.startswith(OUT_OF_MEMORY):
                output.cut = f"out of memory: more than {limits.heap} MiB"
            item = reader.feed(line)
            if item is not None:
                said.append(item)
            if hear and isinstance(item, Message) and (known := progress(item)):
                hear(known)
    if not output.cut and not any(isinstance(item, Message) for item in said):
        raise _broken(output, [item.text for item in said if isinstance(item, Line)])
    cut = output.cut or ("TLC was cut off in a message" if reader.is_open else "")
    return answer(said, output.code, cut=cut)


def sany(
    tools: Tools, folder: Path, module: str, limits: Limits, *, environ: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """What SANY finds wrong with `folder/module.tla`; nothing if it is well-formed.

    SANY's exit code is 0 for semantic errors too, so its output is read: whatever is not known to be good is a problem.
    Raises ToolError if it does not start.
    """
    with _scratch() as scratch:
        output = _Output(limits)
        command = [*_java(tools, limits, SMALL, scratch), SANY, f"{module}.tla"]
        lines = list(output.lines(command, folder, os.environ if environ is None else environ))
    if not output.cut and not any("SANY" in line for line in lines):
        raise _broken(output, lines)
    found = problems([*lines, *output.errors.decode(errors="replace").splitlines(), output.cut])
    if found or f"Semantic processing of module {module}" in lines:
        return found
    return ("SANY did not come to its end",)


def probe(tools: Tools, limits: Limits, *, environ: Mapping[str, str] | None = None) -> Probe:
    """Which TLC it is, by a start of its own: the answer of a run has the version too.

    Raises ToolError if it does not start.
    """
    with _scratch() as scratch:
        output, reader = _Output(limits), Reader()
        command = [*_java(tools, limits, SMALL, scratch), TLC, "-tool"]
        lines = list(output.lines(command, scratch, os.environ if environ is None else environ))
    for item in map(reader.feed, lines):
        if isinstance(item, Message) and item.code == VERSION:
            return Probe(item.text, digest(tools))
    raise _broken(output, lines)


# ---- the process ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Output:
    """The output of a process: its lines as they come, then how it ended."""

    limits: Limits
    code: int = 0
    cut: str = ""  # why it was ended before its time, in words
    errors: bytearray = field(default_factory=bytearray)  # the end of standard error

    def lines(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
        """Run a command in a folder; yields the lines of standard output.

        Raises ToolError if there is nothing to run.
        """
        deadline = monotonic() + self.limits.seconds
        with _process(command, folder, environ) as process:
            for line in self._read(process, deadline):
                yield line.decode(errors="replace").removesuffix("\r")
            if not self.cut:
                try:
                    self.code = process.wait(max(0, deadline - monotonic()))
                except subprocess.TimeoutExpired:
                    self._late()
        if self.code < 0:
            self.cut = f"TLC was killed by {signal.Signals(-self.code).name}"

    def _late(self) -> None:
        self.cut = f"out of time after {self.limits.seconds:g} s"

    def _read(self, process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
        """The lines of standard output, until both outputs end or a limit is met."""
        assert process.stdout  # noqa: S101 - both are pipes
        assert process.stderr  # noqa: S101 - the same
        begun, room = list[bytes](), self.limits.output << 20  # of a line
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(0, deadline - monotonic()))
                if not ready and monotonic() >= deadline:
                    return self._late()
                for key, _ in ready:
                    data = os.read(key.fd, CHUNK)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        self.errors = (self.errors + data)[-MAX_ERRORS:]
                    else:
                        room -= len(data)
                        begun.append(data)
                        if b"\n" in data:
                            *whole, rest = b"".join(begun).split(b"\n")
                            begun = [rest]
                            yield from whole
                if room < 0:
                    self.cut = f"TLC printed more than {self.limits.output} MiB"
                    return None
        if last := b"".join(begun):
            yield last
        return None


@contextmanager
def _process(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is killed when it is left."""
    clean = {name: value for name, value in environ.items() if name not in REACHES_JAVA} | {"LC_ALL": "C.UTF-8"}
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603 - the tools that were found, and their arguments
            command, cwd=folder, env=clean, stdin=none, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise ToolError(f"{command[0]} does not start: {error.strerror}", BROKEN_HINT) from error
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="verify-tlc-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _java(tools: Tools, limits: Limits, flags: Sequence[str], scratch: Path) -> list[str]:
    """A command that starts Java with TLC's jar; what to start follows."""
    bounds = (f"-Xmx{limits.heap}m", f"-Djava.io.tmpdir={scratch}", f"-XX:ErrorFile={scratch / 'crash.log'}")
    return [str(tools.java), *COMMON, *flags, *bounds, "-cp", str(tools.jar)]


def _broken(output: _Output, lines: Sequence[str]) -> ToolError:
    """What to say of a Java that runs and a TLC that does not."""
    said = [line.strip() for line in [*output.errors.decode(errors="replace").splitlines(), *lines] if line.strip()]
    why = said[0][:200] if said else output.cut or f"exit code {output.code}"
    return ToolError(f"TLC does not start: {why}", BROKEN_HINT)
