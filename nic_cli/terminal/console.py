"""What the user sees: lines and a progress bar on standard error, results on standard output.

Standard output carries data, the table of `info`, the verdicts of `verify`, or JSON, and nothing
else. Whether to colour is read from NO_COLOR and FORCE_COLOR, which `--color` sets.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from nic_cli.errors import NicError
from nic_cli.terminal import waiting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from nic_cli.terminal.progress import Progress

LONGEST = 2000
"""Characters of a line: what a file says of itself may be megabytes; names and reasons stand at the ends."""

RED, YELLOW, DIM = "31", "33", "2"


def one_line(text: str) -> str:
    """Make text safe to show: line ends become spaces, other control characters escapes."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    flat = re.sub(r"\s*[\r\n]+\s*", " ", text.strip())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in flat)


def complain(text: str) -> None:
    """Say on standard error, in one line, what went wrong."""
    _tell(f"{_painted('nic:', RED)} {one_line(text)}")


def write_out(data: bytes | memoryview) -> None:
    """Write to standard output at once. Raises BrokenPipeError, or NicError if it cannot."""
    waiting.clear()  # it may be the same terminal
    if sys.stdout is None:
        raise NicError("standard output is closed: name a file with -o")
    try:
        left = memoryview(data)
        while left:  # with PYTHONUNBUFFERED it may take a part, and say so by a number alone
            left = left[sys.stdout.buffer.write(left) or 0 :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NicError(f"standard output: {error.strerror or error}") from error


def flush() -> None:
    """Bring what others left in the buffer of standard output (the help) to its end."""
    if sys.stdout is not None:
        sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command speaks to its user.

    buffered: lines that wait for `release`; None to tell each at once.
    """

    quiet: bool = False
    verbose: bool = False
    json: bool = False
    buffered: list[str] | None = None
    progress_as_json: bool = False

    def buffering(self) -> Console:
        """Make a console like this for one input that is worked on before its turn."""
        return replace(self, buffered=[])

    def release(self) -> None:
        """Tell what was buffered."""
        for line in self.buffered or ():
            _tell(line)

    def say(self, text: str) -> None:
        """Tell what was done, on standard error."""
        if not self.quiet:
            self._put(one_line(text))

    def detail(self, text: str) -> None:
        """Tell more, for those who asked with -v."""
        if self.verbose:
            self._put(_painted(one_line(text), DIM))

    def warn(self, text: str) -> None:
        """Tell that something is not quite as one might think."""
        if not self.quiet:
            self._put(f"{_painted('nic: warning:', YELLOW)} {one_line(text)}")

    def result(self, text: str) -> None:
        """Give a result meant for people, of one or more lines, on standard output."""
        if not (self.quiet or self.json):
            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
            lines = "".join(f"{one_line(line)}\n" for line in text.splitlines())
            write_out(lines.encode(encoding, "backslashreplace"))

    def record(self, item: DataclassInstance) -> None:
        """Give a result meant for programs, one JSON object on a line, on standard output."""
        if self.json:
            write_out(json.dumps(asdict(item)).encode("ascii") + b"\n")

    def progress(self, what: str, total: int = 0, *, in_percent: bool = False) -> Progress:
        """Make the bar for work of `total` steps; 0 if that is told later. in_percent: steps say little."""
        from nic_cli.terminal.progress import Progress, Written

        if self.progress_as_json:
            return Written(what, total, enabled=True)
        enabled = not self.quiet and _is_terminal(sys.stderr)
        return Progress(what, total, enabled=enabled, in_percent=in_percent)

    def working_on(self, text: str) -> AbstractContextManager[None]:
        """Say what is worked on, as long as there is nothing else to see."""
        enabled = not self.quiet and self.buffered is None and _is_terminal(sys.stderr)
        return waiting.line(f"{one_line(text)} ...", enabled=enabled)

    def _put(self, line: str) -> None:
        if self.buffered is None:
            _tell(line)
        else:
            self.buffered.append(line)


def _tell(line: str) -> None:
    waiting.clear()
    # Nobody is left to hear that standard error is gone.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _painted(text: str, colour: str) -> str:
    if os.environ.get("NO_COLOR") or not (os.environ.get("FORCE_COLOR") or _is_terminal(sys.stderr)):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def _is_terminal(stream: Any) -> bool:
    return stream is not None and bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
