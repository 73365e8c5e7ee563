"""`--rm`: inputs go once what was made of them is on the disk, was read back, and is sound."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from nic_cli.errors import UsageError
from nic_cli.jobs.files.plan import Job
from nic_cli.storage.atomic import is_direct
from nic_cli.storage.printable import printable


def check(jobs: Sequence[Job], partial: Sequence[str]) -> None:
    """Raise UsageError where an input could be lost. partial: options that take a part of one."""
    if partial:
        raise UsageError(f"--rm: {partial[0]} takes a part of each input: leave one of them out")
    seen: set[str] = set()
    for job in jobs:
        if job.source is None or job.target is None or is_direct(job.target) or is_direct(job.source):
            raise UsageError("--rm: files alone can be removed, and only where files are made of them")
        place = os.path.realpath(job.source)
        if place in seen:
            raise UsageError(f"--rm: {printable(job.source)} is taken twice: do it apart")
        seen.add(place)


def remove(job: Job, check: Callable[[], None]) -> str:
    """Remove the input of a job if `check` raises nothing; give what is said of it.

    Raises what `check` raises, and OSError.
    """
    check()
    if job.source is None:
        return ""
    job.source.unlink()
    return f"  {printable(job.source)} removed"
