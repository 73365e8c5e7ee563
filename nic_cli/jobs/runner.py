"""The loop over inputs that the commands share: go on after a failure, tell each, sum up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nic_cli.jobs import pipeline
from nic_cli.jobs.files.plan import STREAM, Job
from nic_cli.jobs.outcome import Failure, Report, Stop
from nic_cli.jobs.run_options import RunOptions
from nic_cli.storage.printable import printable
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console, complain
from nic_cli.units import in_bytes, in_time

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


UNREADABLE = 3
"""The code of an input that is not there or may not be read, as of one that is no picture."""


MOST_NAMED = 5  # failures that a sum names


class Named(Protocol):
    """What has an input and an output that can be named: a job, or addresses."""

    @property
    def source(self) -> Path | str | None:
        """The input, None for standard input."""

    @property
    def target(self) -> Path | str | None:
        """The output, None for standard output."""


class Rehearsed(pipeline.Steps, Protocol):
    """Work in steps that can say what it would do."""

    def rehearse(self, job: Job, /) -> Report | None:
        """Report what would be done; None for a job that is left out."""


@dataclass(slots=True)
class Tally:
    """Reports one input after the other, and counts them. For its fields see `run`."""

    console: Console
    show: Callable[[str], None]
    failed: Callable[[str, str, int], DataclassInstance]
    fail_fast: bool
    bar: Callable[[int], None]
    rehearsing: bool = False
    done: int = 0
    skipped: int = 0
    codes: list[int] = field(default_factory=list)  # of the failures
    names: list[str] = field(default_factory=list)  # of what failed
    before: int = 0  # bytes
    after: int = 0
    pixels: int = 0
    started: float = field(default_factory=time.monotonic)

    def settle(
        self, job: Named, outcome: Callable[[], Report | None], buffered: Console | None = None
    ) -> bool:
        """Report what `outcome` gives or raises for the next job; say whether the batch goes on.

        buffered: where lines about this job waited until its turn.
        """
        try:
            report = outcome()
        except (BrokenPipeError, Stop) as error:
            raise error.reason if isinstance(error, Stop) else error from None
        except Exception as error:
            if failures.interrupted():
                raise KeyboardInterrupt from error
            _release(buffered)
            self.codes.append(_fail(job, error, self.console, self.failed))
            self.names.append(_spoken(job))
        else:
            _release(buffered)
            self._tell(report)
        self.bar(self._tried)
        return not (self.codes and self.fail_fast)

    def _tell(self, report: Report | None) -> None:
        if report is None:
            self.skipped += 1
            return
        self.done += 1
        self.before += report.before
        self.after += report.after
        self.pixels += report.pixels
        self.show(report.line)
        self.console.record(report.record)

    @property
    def _tried(self) -> int:
        return self.done + self.skipped + len(self.codes)

    def end(self, count: int) -> int:
        """Sum up a batch of `count` jobs, and give its exit code: a single failure's own, else 1."""
        if count == 1:
            return self.codes[0] if self.codes else 0
        self.console.say(self._sum(count))
        return 1 if self.codes else 0

    def interrupted(self, count: int, again: str) -> None:
        """Say how far a batch came, and what goes on with it."""
        if count > 1:
            self.console.say(f"{self._sum(count)}; {again}" if again else self._sum(count))

    def _sum(self, count: int) -> str:
        parts = [f"{self.done} {'to do' if self.rehearsing else 'done'}"]
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        parts += [f"{len(self.codes)} failed{_some(self.names)}"]
        parts += [f"{count - self._tried} not tried"] if count > self._tried else []
        return ", ".join(parts) + self._volume()

    def _volume(self) -> str:
        if not self.pixels:
            return ""
        seconds = max(time.monotonic() - self.started, 0.001)
        ratio = self.after / self.before if self.before else 0
        change = f" ({100 * (ratio - 1):+.1f} %)" if 0 < ratio < 2 else f" (x {ratio:.1f})" if ratio else ""
        before = f"{in_bytes(self.before)} -> " if self.before else ""
        rate = self.pixels / 1e6 / seconds
        return f": {before}{in_bytes(self.after)}{change}, {in_time(seconds)}, {rate:.3g} megapixels a second"


def run(
    jobs: Sequence[Job],
    work: Callable[[Job], Report | None] | pipeline.Steps,
    console: Console,
    *,
    show: Callable[[str], None],
    failed: Callable[[str, str, int], DataclassInstance] = Failure,
    fail_fast: bool = False,
    rehearsing: bool = False,
    processes: int = 1,
    again: str = "",
) -> int:
    """Do `work` on every job, report each in its turn, and give the exit code.

    `work` gives None for an input that was left out; work in steps overlaps that on neighbouring jobs, or is
    done by several processes. `show` takes the lines for people, `failed` makes the JSON object of a failure.
    again: what goes on with a batch that was interrupted.
    """
    bar = console.progress("files", len(jobs))
    tally = Tally(console, show, failed, fail_fast, bar, rehearsing)
    try:
        with console.working_on(_what(jobs)), bar:
            if callable(work):
                all(tally.settle(job, partial(work, job)) for job in jobs)
            elif processes > 1 and len(jobs) > 1:
                from nic_cli.jobs.many.processes import run as by_processes

                by_processes(jobs, work, tally.settle, processes)
            else:
                pipeline.run(jobs, work, console, tally.settle)
    except KeyboardInterrupt:
        tally.interrupted(len(jobs), again)
        raise
    return tally.end(len(jobs))


def run_steps(jobs: Sequence[Job], work: Rehearsed, console: Console, run_options: RunOptions) -> int:
    """Do work in steps as the options say, or only tell what would be done."""
    return run(
        jobs,
        work.rehearse if run_options.dry_run else work,
        console,
        show=console.say,
        fail_fast=run_options.fail_fast,
        rehearsing=run_options.dry_run,
        processes=run_options.processes,
        again=run_options.again,
    )


def _what(jobs: Sequence[Job]) -> str:
    if len(jobs) != 1:
        return f"{len(jobs)} files"
    return "standard input" if jobs[0].source is None else printable(jobs[0].source)


def _fail(
    job: Named, error: Exception, console: Console, failed: Callable[[str, str, int], DataclassInstance]
) -> int:
    line, code = failures.explain(error)
    if isinstance(error, OSError) and str(error.filename) == str(job.source):
        code = UNREADABLE
    failures.trace(error)
    name = _spoken(job)
    names = [name] if job.target is None else [name, printable(job.target)]
    # Stages that are given bytes cannot know whose they were.
    complain(line if any(known in line for known in names) else f"{name}: {line}")
    console.record(failed(STREAM if job.source is None else str(job.source), line, code))
    return code


def _spoken(job: Named) -> str:
    return "standard input" if job.source is None else printable(job.source)


def _some(names: Sequence[str]) -> str:
    more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return f" ({', '.join([*names[:MOST_NAMED], *more])})" if names else ""


def _release(buffered: Console | None) -> None:
    if buffered is not None:
        buffered.release()
