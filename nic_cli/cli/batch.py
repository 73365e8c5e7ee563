"""The loop over inputs that the commands share: go on after a failure, tell each, sum up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nic_cli.cli import faults
from nic_cli.cli.console import Console, complain
from nic_cli.storage.naming import shown
from nic_cli.storage.plan import STREAM, Job

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Report:
    """What one input came to: a line for people, and the JSON object for programs."""

    line: str
    record: DataclassInstance


@dataclass(frozen=True, slots=True)
class Failure:
    """The JSON object of an input that failed."""

    input: str
    error: str
    code: int


class Stop(Exception):
    """Raised by the work on one input if no other could fare better; holds the reason."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def run(
    jobs: Sequence[Job],
    work: Callable[[Job], Report | None],
    console: Console,
    *,
    show: Callable[[str], None],
    failed: Callable[[str, str, int], DataclassInstance] = Failure,
    fail_fast: bool = False,
) -> int:
    """Do `work` on every job, report each, and give the exit code.

    `work` gives None for an input that was left out. `show` takes the lines for people, `failed`
    makes the JSON object of a failure. One input that fails gives its own code, one of several 1.
    """
    done, codes, tried = 0, [], 0
    with console.progress("files", len(jobs)) as bar:
        for tried, job in enumerate(jobs, 1):
            try:
                report = work(job)
            except (BrokenPipeError, Stop) as error:
                raise error.reason if isinstance(error, Stop) else error from None
            except Exception as error:
                if faults.interrupted():
                    raise KeyboardInterrupt from error
                codes.append(_fail(job, error, console, failed))
                if fail_fast:
                    break
            else:
                done += report is not None
                _tell(report, console, show)
            bar(tried)
    if len(jobs) > 1:
        console.say(_sum(done, tried - done - len(codes), len(codes), len(jobs) - tried))
        return 1 if codes else 0
    return codes[0] if codes else 0


def _tell(report: Report | None, console: Console, show: Callable[[str], None]) -> None:
    if report is not None:
        show(report.line)
        console.record(report.record)


def _fail(
    job: Job, error: Exception, console: Console, failed: Callable[[str, str, int], DataclassInstance]
) -> int:
    line, code = faults.explain(error)
    faults.trace(error)
    name = "standard input" if job.source is None else shown(job.source)
    names = [name] if job.target is None else [name, shown(job.target)]
    # Stages that are given bytes cannot know whose they were.
    complain(line if any(known in line for known in names) else f"{name}: {line}")
    console.record(failed(STREAM if job.source is None else str(job.source), line, code))
    return code


def _sum(done: int, skipped: int, failed: int, left: int) -> str:
    parts = [f"{done} done"]
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [f"{failed} failed"]
    parts += [f"{left} not tried"] if left else []
    return ", ".join(parts)
