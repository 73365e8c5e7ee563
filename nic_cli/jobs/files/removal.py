"""`--rm`: inputs go once what was made of them is on the disk, was read back, and is sound."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

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


Seen = tuple[int, int, int, int]
"""What tells one file from another that has its name: device, number, size and time."""


def seen(path: Path) -> Seen:
    """The file of a name as it is now. Raises OSError."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def remove(path: Path, read: Seen | None, check: Callable[[], None]) -> str:
    """Remove an input if it is the one that was read and `check` raises nothing; give why it stays, or "".

    Raises what `check` raises.
    """
    check()
    try:
        if seen(path) != read:
            return "it was changed meanwhile"
        path.unlink()
    except OSError as error:
        return error.strerror or "it cannot be"
    return ""
