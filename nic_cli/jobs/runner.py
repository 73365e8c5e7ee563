"""The loop over inputs that the commands share: go on after a failure, tell each, sum up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nic_cli.jobs import pipeline
from nic_cli.jobs.outcome import Failure, Report, Stop
from nic_cli.jobs.plan import STREAM, Job
from nic_cli.storage.printable import printable
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console, complain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


UNREADABLE = 3
"""The code of an input that is not there or may not be read, as of one that is no picture."""


class Named(Protocol):
    """What has an input and an output that can be named: a job, or addresses."""

    @property
    def source(self) -> Path | str | None:
        """The input, None for standard input."""

    @property
    def target(self) -> Path | str | None:
        """The output, None for standard output."""


@dataclass(slots=True)
class Tally:
    """Reports one input after the other, and counts them. For its fields see `run`."""

    console: Console
    show: Callable[[str], None]
    failed: Callable[[str, str, int], DataclassInstance]
    fail_fast: bool
    bar: Callable[[int], None]
    done: int = 0
    skipped: int = 0
    codes: list[int] = field(default_factory=list)  # of the failures

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

    def _sum(self, count: int) -> str:
        parts = [f"{self.done} done"]
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        parts += [f"{len(self.codes)} failed"]
        parts += [f"{count - self._tried} not tried"] if count > self._tried else []
        return ", ".join(parts)


def run(
    jobs: Sequence[Job],
    work: Callable[[Job], Report | None] | pipeline.Steps,
    console: Console,
    *,
    show: Callable[[str], None],
    failed: Callable[[str, str, int], DataclassInstance] = Failure,
    fail_fast: bool = False,
) -> int:
    """Do `work` on every job, report each in its turn, and give the exit code.

    `work` gives None for an input that was left out; work in steps overlaps that on neighbouring jobs.
    `show` takes the lines for people, `failed` makes the JSON object of a failure.
    """
    with console.working_on(_what(jobs)), console.progress("files", len(jobs)) as bar:
        tally = Tally(console, show, failed, fail_fast, bar)
        if callable(work):
            all(tally.settle(job, partial(work, job)) for job in jobs)
        else:
            pipeline.run(jobs, work, console, tally.settle)
    return tally.end(len(jobs))


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
    name = "standard input" if job.source is None else printable(job.source)
    names = [name] if job.target is None else [name, printable(job.target)]
    # Stages that are given bytes cannot know whose they were.
    complain(line if any(known in line for known in names) else f"{name}: {line}")
    console.record(failed(STREAM if job.source is None else str(job.source), line, code))
    return code


def _release(buffered: Console | None) -> None:
    if buffered is not None:
        buffered.release()
