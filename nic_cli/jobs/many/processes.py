"""`-j N`: the work of `nic encode` and `nic decode` by several processes of this machine.

Each has a model of its own and a part of the threads, reads, codes and writes one file after the other, and
tells of it by a pipe; reports come in the order of the inputs, as from one process, and files are the same
(with a search for better latents, as from one process with as many threads).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nic_cli.errors import NicError
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.outcome import Report, Stop
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console

if TYPE_CHECKING:
    from nic_cli.jobs.pipeline import Settle, Steps

AHEAD = 4  # jobs begun for each process beyond the one whose report is waited for
KILLED = "its process was killed or could not start: look at the memory of the machine, or leave out -j"
PATIENCE = 5.0  # seconds for a process to leave once it was asked to, unless it is writing


@dataclass(frozen=True, slots=True)
class Done:
    """What a job came to, in its process. stops: no other could fare better."""

    notices: list[str]
    report: Report | None = None
    error: Exception | None = None
    stops: bool = False

    def outcome(self) -> Report | None:
        """Give the report, or raise what went wrong."""
        if self.error is not None:
            raise Stop(self.error) if self.stops else self.error
        return self.report


class _Worker:
    """A process and the pipe to it. number: of the job that it has in hand, None if it waits."""

    def __init__(self, work: Steps) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context(
            "spawn"
        )  # not forked: threads of libraries would be lost on the way
        self._writing = context.RawValue("b", 0)
        self._process = context.Process(target=_serve, args=(theirs, work, self._writing), daemon=True)
        with _no_main():
            self._process.start()
        theirs.close()
        self.number: int | None = None

    def give(self, number: int, job: Job) -> None:
        self.number = number
        with suppress(OSError):  # it is gone, which `take` finds
            self.pipe.send(job)

    def take(self) -> Done | None:
        """What came back; None if the process is gone."""
        self.number = None
        try:
            done: Done = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return done

    def end(self) -> Done | None:
        """Have it leave, and give what it had finished; what is half written is taken away by itself."""
        done = None
        if self.number is not None:
            self._process.terminate()
            with suppress(OSError):
                while not (there := self.pipe.poll(PATIENCE)) and self._writing.value:
                    pass  # reading a large output back, before its input is removed, takes minutes
                done = self.take() if there else None
        self.pipe.close()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        return done


def run(jobs: Sequence[Job], work: Steps, settle: Settle, count: int) -> None:
    """Do the jobs by `count` processes; settle each in its turn, until it says that the batch ends."""
    _share_threads(count)
    found: dict[int, Done] = {}
    told = given = 0
    workers = [_Worker(work) for _ in range(min(count, len(jobs)))]
    try:
        while told < len(jobs):
            for worker in workers:
                if worker.number is None and given < min(len(jobs), told + (AHEAD + 1) * count):
                    worker.give(given, jobs[given])
                    given += 1
            _collect(workers, work, found)
            while told in found:
                done = found.pop(told)
                if not settle(jobs[told], done.outcome, Console(buffered=done.notices)):
                    return
                told += 1
    finally:
        # What was written before all ended is told of: inputs may have been removed for it.
        for worker in workers:
            number = worker.number
            if (last := worker.end()) is not None and number is not None:
                found[number] = last
        for number in sorted(found):
            if found[number].report is not None:
                settle(jobs[number], found[number].outcome, Console(buffered=found[number].notices))


def _collect(workers: list[_Worker], work: Steps, found: dict[int, Done]) -> None:
    """Wait for a process that is through with its job; start another in place of one that is gone."""
    busy = {worker.pipe: worker for worker in workers if worker.number is not None}
    for pipe in wait(list(busy)):
        worker = busy[pipe]  # type: ignore[index]
        number, done = worker.number, worker.take()
        if done is None:
            done = Done([], error=NicError(KILLED))
            worker.end()
            workers[workers.index(worker)] = _Worker(work)
        found[number or 0] = done


def _share_threads(count: int) -> None:
    """Leave each process its part of the threads, unless the user said how many."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, there // count)))


def _serve(pipe: Connection, work: Any, writing: Any) -> None:
    """The life of a process: jobs come, what they came to goes.

    writing: shared; not 0 from when an output is begun until it was told of.
    """

    def leave(number: int, frame: object) -> None:
        leaving.append(True)
        if not writing.value:
            raise KeyboardInterrupt

    leaving: list[bool] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells all; the first process decides
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, leave)
    warnings.simplefilter("ignore")
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while not leaving:
            job = pipe.recv()
            pipe.send(_done(work, job, writing))
            writing.value = 0


@contextmanager
def _no_main() -> Iterator[None]:
    """Have what is started now not run the main module again, which may be anyone's script."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _done(work: Any, job: Job, writing: Any) -> Done:
    console = work.console.buffering()
    mine = replace(work, console=console)
    notices: list[str] = console.buffered
    try:
        item = mine.read(job, console)
        coded = None if item is None else mine.code(item)
        writing.value = 1
        report = None if item is None else mine.write(job, coded, console)
    except Exception as error:
        stops = isinstance(error, Stop)
        return Done(notices, error=_portable(error.reason if isinstance(error, Stop) else error), stops=stops)
    return Done(notices, report)


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same and can go through a pipe."""
    return error if isinstance(error, NicError | OSError) else NicError(failures.explain(error)[0])
