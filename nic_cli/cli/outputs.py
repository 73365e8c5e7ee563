"""Which files a command reads and writes, and whether it may."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nic_cli.cli.batch import Report
from nic_cli.cli.console import Console
from nic_cli.cli.options import General
from nic_cli.errors import UsageError
from nic_cli.storage.naming import shown
from nic_cli.storage.plan import STREAM, Job, check_free, plan

NIC = ".nic"
PICTURES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .tif .tiff .bmp .gif .ppm .pgm .pbm .pnm .avif .qoi "
    ".heic .heif .hif .jxl".split()
)


@dataclass(frozen=True, slots=True)
class Planned:
    """The JSON object of an input in a dry run."""

    input: str
    output: str


def plan_encoding(inputs: Sequence[str], output: str | None, general: General) -> list[Job]:
    """Plan the way of pictures to `.nic`. Raises UsageError."""
    jobs = plan(inputs, output, suffix_in=PICTURES, suffix_out=NIC, recursive=general.recursive)
    return _writable(jobs, general)


def plan_decoding(inputs: Sequence[str], output: str | None, general: General, suffix: str) -> list[Job]:
    """Plan the way of `.nic` files to pictures with this suffix. Raises UsageError."""
    jobs = plan(inputs, output, suffix_in=frozenset({NIC}), suffix_out=suffix, recursive=general.recursive)
    return _writable(jobs, general)


def plan_reading(inputs: Sequence[str], general: General) -> list[Job]:
    """Plan the reading of `.nic` files, with no output. Raises UsageError."""
    if STREAM in inputs and len(inputs) > 1:
        raise UsageError("standard input (-) stands alone; leave out the other inputs")
    suffixes, deep = frozenset({NIC}), general.recursive
    # One by one and with a suffix that nobody has: outputs, and so their collisions, do not matter here.
    unused = ".nothing-is-written"
    plans = [plan([given], None, suffix_in=suffixes, suffix_out=unused, recursive=deep) for given in inputs]
    return [Job(job.source, None) for jobs in plans for job in jobs]


def is_free(job: Job, general: General, console: Console) -> bool:
    """Tell whether to go on with a job: False if its output is there and to be kept.

    Raises OutputExists.
    """
    if check_free(job.target, general.force, general.skip_existing):
        return True
    console.say(f"{spoken(job.target, STREAM)}  skipped, exists")
    return False


def planned(job: Job) -> Report:
    """Report what a dry run would have written. Raises OSError if the input cannot be read."""
    if job.source is not None:
        job.source.open("rb").close()
    line = f"{spoken(job.source, 'standard input')} -> {spoken(job.target, 'standard output')}"
    return Report(line, Planned(named(job.source), named(job.target)))


def named(path: Path | None) -> str:
    """Name an input or output for programs."""
    return STREAM if path is None else str(path)


def spoken(path: Path | None, stream: str) -> str:
    """Name an input or output for people, `stream` standing for standard input or output."""
    return stream if path is None else shown(path)


def _writable(jobs: list[Job], general: General) -> list[Job]:
    if general.dry_run or all(job.target is not None for job in jobs):
        return jobs
    if general.json:
        raise UsageError("standard output cannot take both the data and --json: name a file with -o")
    if sys.stdout is not None and sys.stdout.isatty() and not general.force:
        raise UsageError("standard output is a terminal: name a file with -o, pipe it, or give -f")
    return jobs
