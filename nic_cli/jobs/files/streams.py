"""Bytes in and out of a command: files, standard input, standard output."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, cast

from nic_cli.container import file, incoming
from nic_cli.errors import UsageError
from nic_cli.jobs.files.plan import Job
from nic_cli.storage.atomic import copy_times, is_direct, replacing
from nic_cli.terminal import console, failures
from nic_cli.types import Container

IN_MEMORY = 1 << 26  # bytes for standard output; more waits on the disk


def opened(source: Path | None) -> AbstractContextManager[BinaryIO]:
    """Open an input; standard input is never closed. Raises OSError, or UsageError at a terminal."""
    if source is not None:
        return source.open("rb")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("nothing is piped into standard input: pipe a file into it, or name one")
    return nullcontext(sys.stdin.buffer)


def read_nic(source: Path | None) -> bytes:
    """Read a `.nic` file whole, as `incoming.read` does."""
    with opened(source) as stream:
        return incoming.read(stream)


def read_container(source: Path | None) -> Container:
    """Read a `.nic` file and check all but its symbols; of a large one no more is held than is asked for.

    Raises as `file.unpack`.
    """
    if source is None or is_direct(source) or source.stat().st_size <= IN_MEMORY:
        return file.unpack(read_nic(source))
    with source.open("rb") as stream:
        file.check(stream)
    return file.unpack_lazily(source.open("rb"), owned=True)  # whose tiles are checked again


@contextmanager
def output(job: Job, *, preserve: bool) -> Iterator[BinaryIO]:
    """Open the output of a job: all of it is delivered at the end, or nothing if an error comes.

    preserve: give a file the times and mode of the input.
    """
    if job.target is None:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as buffer:
            yield cast(BinaryIO, buffer)
            buffer.seek(0)
            while piece := buffer.read(1 << 20):
                console.write_out(piece)
        return
    source = job.source if preserve else None
    with replacing(job.target, mode_from=source) as stream:
        yield cast(BinaryIO, _Heeding(stream))
    if source is not None:
        copy_times(source, job.target)


class _Heeding:
    """A stream that takes no more once a signal asked the program to end, which only one thread is told."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        if failures.interrupted():
            raise KeyboardInterrupt
        return self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
