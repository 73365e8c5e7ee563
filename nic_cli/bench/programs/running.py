"""One command of another program in a private folder: its time is limited and nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nic_cli.errors import NicError
from nic_cli.storage.printable import printable

_LAST = 1 << 14  # bytes of its output that are looked at
_SHOWN = 300  # characters of a line
_REASON = re.compile(r"fail|error", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. code: its exit code, minus the number of a signal, None: stopped at the limit.

    said, complained: the start of its standard output, the end of its standard error. Both may be anything.
    """

    code: int | None
    said: str
    complained: str


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder that this user alone may enter, removed with all that is in it, whatever happens."""
    try:
        made = tempfile.TemporaryDirectory(prefix="nic-bench-", ignore_cleanup_errors=True)
    except OSError as error:
        raise NicError(f"no folder for temporary files: {error.strerror}; set TMPDIR to one") from None
    with made as folder:
        yield Path(folder)


def end_of(path: str, arguments: Sequence[str], folder: Path, seconds: float) -> Ended:
    """Run the program at `path` within `folder`, where its arguments name files; at most so many seconds.

    It has no standard input, speaks the language of the C locale, and leads a session of its own, so that
    what it starts ends with it. Raises NicError where it cannot be started.
    """
    stopped = threading.Event()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        try:
            process = subprocess.Popen(  # noqa: S603 no shell, and no words but ours
                [path, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            raise NicError(f"{Path(path).stem}: cannot be started: {error.strerror}") from None

        def stop() -> None:
            stopped.set()
            _kill(process)

        timer = threading.Timer(seconds, stop)  # to wait with a limit is to look every 50 ms
        timer.daemon = True
        try:
            timer.start()
            code = process.wait()
        finally:
            timer.cancel()
            _kill(process)
            process.wait()
        said.seek(0)
        start = said.read(_LAST)
        return Ended(None if stopped.is_set() else code, _text(start), _text(_end(complained)))


def check(name: str, ended: Ended, seconds: float) -> None:
    """Raise NicError in one line for a program that failed: how it ended, and its last line."""
    if ended.code is None:
        raise NicError(f"{name}: stopped after {seconds:g} s{last_line(ended)}")
    if ended.code < 0:
        with suppress(ValueError):
            what = signal.Signals(-ended.code).name
            raise NicError(f"{name}: killed by {what}{last_line(ended)}")
    if ended.code:
        raise NicError(f"{name}: exit code {ended.code}{last_line(ended)}")


def last_line(ended: Ended) -> str:
    """`: ` and the last line that a program complained with; nothing if it did not.

    The first line about an error goes before it, wherever it was said: avifenc gives reasons only there.
    """
    complaints = [line for line in ended.complained.splitlines() if line.strip()]
    before = [*ended.said.splitlines(), *complaints[:-1]]
    lines = [line for line in before if _REASON.search(line)][:1] + complaints[-1:]
    shown = "; ".join(printable(line.strip(" *\t"))[:_SHOWN] for line in lines)
    return f": {shown}" if shown else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that still runs, and what it started."""
    if process.poll() is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _end(stream: BinaryIO) -> bytes:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _LAST))
    return stream.read(_LAST)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
