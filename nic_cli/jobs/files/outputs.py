"""Which files a command reads and writes, and whether it may."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nic_cli import bounded
from nic_cli.errors import NicError, PictureError, UsageError
from nic_cli.jobs.files import originals, streams
from nic_cli.jobs.files.plan import STREAM, Job, check_free, check_writable, plan, plan_lines
from nic_cli.jobs.outcome import Report
from nic_cli.jobs.run_options import RunOptions
from nic_cli.limits import MAX_FILE
from nic_cli.storage import manifest
from nic_cli.storage.atomic import is_direct
from nic_cli.storage.printable import printable
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console

NIC = ".nic"
_UNUSED = ".nothing-is-written"  # a suffix that nobody has
PICTURES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .tif .tiff .bmp .gif .ppm .pgm .pbm .pnm .avif .qoi "
    ".heic .heif .hif .jxl".split()
)


@dataclass(frozen=True, slots=True)
class Planned:
    """The JSON object of an input in a dry run."""

    input: str
    output: str


def plan_encoding(inputs: Sequence[str] | None, output: str | None, run_options: RunOptions) -> list[Job]:
    """Plan the way of pictures to `.nic`. Raises UsageError."""
    jobs = writable(_plan(inputs or (), output, run_options, PICTURES, NIC), run_options)
    for target in (job.target for job in jobs if job.target is not None):
        if target.suffix.lower() in PICTURES:
            fitting = printable(target.with_suffix(NIC))
            raise UsageError(f"{printable(target)}: nic encode writes .nic files: give -o {fitting}")
    _tell_of_folders(inputs or (), run_options)
    return jobs


def plan_decoding(
    inputs: Sequence[str] | None, output: str | None, run_options: RunOptions, suffix: str
) -> list[Job]:
    """Plan the way of `.nic` files to pictures with this suffix. Raises UsageError."""
    return writable(_plan(inputs or (), output, run_options, frozenset({NIC}), suffix, PICTURES), run_options)


def plan_reading(inputs: Sequence[str] | None, run_options: RunOptions) -> list[Job]:
    """Plan the reading of `.nic` files, with no output. Raises UsageError."""
    inputs = inputs or ()
    if STREAM in inputs and len(inputs) > 1:
        raise UsageError("standard input (-) stands alone; leave out the other inputs")
    # One by one: outputs, and so their collisions, do not matter here.
    alone = [[given] for given in inputs] or [[]]
    plans = [_plan(given, None, run_options, frozenset({NIC}), _UNUSED) for given in alone]
    return [Job(job.source, None) for jobs in plans for job in jobs]


def plan_converting(inputs: Sequence[str] | None, output: str | None, run_options: RunOptions) -> list[Job]:
    """Plan the way of `.nic` files to others, each to itself where no other is named. Raises UsageError.

    What cannot be replaced, as /dev/stdin, goes to standard output.
    """
    if output is not None and list(map(_resolved, inputs or ())) != [_resolved(output)]:
        return writable(_plan(inputs or (), output, run_options, frozenset({NIC}), NIC), run_options)
    found = _plan(inputs or (), None, run_options, frozenset({NIC}), _UNUSED)
    return writable([Job(job.source, _place(job)) for job in found], run_options)


def _resolved(name: str) -> str:
    return name if name == STREAM else os.path.realpath(name)


def _place(job: Job) -> Path | None:
    """Where a file goes that is converted in place, unless a list names an output for it."""
    if job.target is not None and job.target.suffix != _UNUSED:
        return job.target
    return None if job.source is None or is_direct(job.source) else job.source


def _plan(
    inputs: Sequence[str],
    output: str | None,
    run_options: RunOptions,
    suffix_in: frozenset[str],
    suffix_out: str,
    also_out: frozenset[str] = frozenset(),
) -> list[Job]:
    grows = run_options.skip_existing and suffix_out == NIC and NIC not in suffix_in  # of nic encode
    held_by = originals.name_in if grows else None
    if run_options.manifest is None:
        return plan(
            inputs,
            output,
            suffix_in=suffix_in,
            suffix_out=suffix_out,
            recursive=run_options.recursive,
            shard=run_options.shard,
            keep_suffix=run_options.keep_suffix,
            also_out=also_out,
            held_by=held_by,
        )
    if inputs:
        raise UsageError("--manifest names all inputs: leave out the others")
    lines = _lines(run_options.manifest)
    return plan_lines(
        lines,
        output,
        suffix_out=suffix_out,
        shard=run_options.shard,
        keep_suffix=run_options.keep_suffix,
        held_by=held_by,
    )


def _tell_of_folders(inputs: Sequence[str], run_options: RunOptions) -> None:
    """Say which folders have more below them than was taken."""
    for folder in [] if run_options.recursive else filter(Path.is_dir, map(Path, inputs)):
        below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        if below:
            count = f"{len(below)} folders" if len(below) > 1 else "a folder"
            run_options.console.say(f"{printable(folder)}: {count} below it left out; -r takes all")


def _lines(name: str) -> list[manifest.Line]:
    try:
        with streams.opened(None if name == STREAM else Path(name)) as stream:
            data = bounded.read(stream, MAX_FILE)
    except OSError as error:
        raise UsageError(f"--manifest: {failures.explain(error)[0]}") from error
    where = "standard input" if name == STREAM else printable(name)
    lines = manifest.parse(data, where)
    if not lines:
        raise UsageError(f"nothing to do: {where} lists no input")
    return lines


def is_free(job: Job, run_options: RunOptions) -> bool:
    """Tell whether nothing stands in the way of a job: False if its output exists and may be kept.

    Raises OutputExists, and NicError where it could not be written.
    """
    free = check_free(job.target, run_options.force, run_options.skip_existing)
    if free:
        check_writable(job.target)
    return free


def is_kept(job: Job, check: Callable[[], None], console: Console) -> bool:
    """Tell whether the output that exists is sound, which `check` raises errors about, and may stay."""
    name = spoken(job.target, STREAM)
    try:
        check()
    except (NicError, OSError) as error:
        console.warn(f"{name}: exists, but is made again: {failures.explain(error)[0]}")
        return False
    console.say(f"{name}  skipped, exists")
    return True


def planned(job: Job) -> Report:
    """Report what a dry run would have written. Raises OSError if the input cannot be read."""
    if job.source is not None:
        job.source.open("rb").close()
    line = f"{spoken(job.source, 'standard input')} -> {spoken(job.target, 'standard output')}"
    return Report(line, Planned(named(job.source), named(job.target)))


def check_there(paths: Iterable[Path | None]) -> None:
    """Raise PictureError for an input that cannot be opened, None being standard input."""
    for path in paths:
        try:
            if path is not None:
                path.open("rb").close()
        except OSError as error:
            raise PictureError(failures.explain(error)[0]) from error


def named(path: Path | None) -> str:
    """Name an input or output for programs."""
    return STREAM if path is None else str(path)


def spoken(path: Path | None, stream: str) -> str:
    """Name an input or output for people, `stream` standing for standard input or output."""
    return stream if path is None else printable(path)


def writable(jobs: list[Job], run_options: RunOptions) -> list[Job]:
    """Return the jobs, if standard output may take what goes there. Raises UsageError."""
    if run_options.dry_run or all(job.target is not None for job in jobs):
        return jobs
    if run_options.json:
        raise UsageError("standard output cannot take both the data and --json: name a file with -o")
    if sys.stdout is not None and sys.stdout.isatty() and not run_options.force:
        raise UsageError("standard output is a terminal: name a file with -o, pipe it, or give -f")
    return jobs
