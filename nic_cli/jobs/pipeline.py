"""Files are read and written while the network works on the pictures between them.

    a thread       read 2 | read 3  | read 4
    the main one   code 1 | code 2  | code 3       so that three pictures are held at most
    a thread              | write 1 | write 2

What comes out is what one job after the other would give: reports and notices in the order of the inputs,
each failure with its own, and nothing written after the failure that ends a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from nic_cli.jobs.files.plan import Job
from nic_cli.storage.atomic import is_direct
from nic_cli.terminal.console import Console

if TYPE_CHECKING:
    from nic_cli.jobs.outcome import Report


class Steps(Protocol):
    """Work on a job in three steps; the first and the last speak to the console that they are given."""

    def read(self, job: Job, console: Console, /) -> Any:
        """Read the input, in a thread of its own. None leaves the job out."""

    def code(self, item: Any, /) -> Any:
        """Do what the network does."""

    def write(self, job: Job, coded: Any, console: Console, /) -> Report:
        """Write the output, in a thread of its own."""


Settle = Callable[[Job, Callable[[], "Report | None"], Console], bool]
"""Reports a job by what gives its report or raises, and where its notices were buffered. False: end here."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A job and its input, on the way; None if that must not be read before its turn."""

    job: Job
    buffered: Console
    reading: Future[Any] | None


def run(jobs: Sequence[Job], work: Steps, console: Console, settle: Settle) -> None:
    """Go through the jobs. An interrupt ends it once what is being read and written is done with."""
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    behind: list[tuple[Job, Callable[[], Report], Console]] = []  # what is being written, if anything

    def settled() -> bool:
        return not behind or settle(*behind.pop())

    try:
        for item in _read_ahead(jobs, work, console, reader):
            if item.reading is None:
                alone = partial(_in_turn, work, item.job, item.buffered)
                if not (settled() and settle(item.job, alone, item.buffered)):
                    return
                continue
            coded = _coded(work, item.reading)
            if not settled():
                return
            if coded.exception() is None and coded.result() is not None:
                writing = writer.submit(work.write, item.job, coded.result(), item.buffered)
                behind.append((item.job, writing.result, item.buffered))
            elif not settle(item.job, coded.result, item.buffered):
                return
    finally:
        reader.shutdown(cancel_futures=True)
        settled()
        writer.shutdown()


def _read_ahead(
    jobs: Sequence[Job], work: Steps, console: Console, reader: ThreadPoolExecutor
) -> Iterator[_Ahead]:
    """Yield each job when the one after it is being read."""
    before: _Ahead | None = None
    for job in jobs:
        buffered = console.buffering()
        fit = len(jobs) > 1 and _overlaps(job)
        item = _Ahead(job, buffered, reader.submit(work.read, job, buffered) if fit else None)
        if before is not None:
            yield before
        before = item
    if before is not None:
        yield before


def _overlaps(job: Job) -> bool:
    """Whether neither end is a pipe, which may keep a thread waiting for ever, whatever the signal."""
    return not any(end is None or is_direct(end) for end in (job.source, job.target))


def _coded(work: Steps, reading: Future[Any]) -> Future[Any]:
    """What coding gave or raised, None for a job to leave out."""
    done: Future[Any] = Future()
    try:
        item = reading.result()
        done.set_result(None if item is None else work.code(item))
    except Exception as error:
        done.set_exception(error)
    return done


def _in_turn(work: Steps, job: Job, console: Console) -> Report | None:
    item = work.read(job, console)
    return None if item is None else work.write(job, work.code(item), console)
