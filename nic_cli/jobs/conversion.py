"""The work of `nic convert` on one file: its container is written anew, its pictures are not touched."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from nic_cli.container import file, header, incoming, layout
from nic_cli.errors import FormatError
from nic_cli.jobs.files import outputs, streams
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.outcome import Report
from nic_cli.jobs.run_options import RunOptions
from nic_cli.types import Container


@dataclass(frozen=True, slots=True)
class Converted:
    """The JSON object of a file. was: its format before; written: False if there was nothing to do."""

    input: str
    output: str
    was: str
    format_version: str
    bytes: int
    written: bool


def convert(job: Job, run_options: RunOptions) -> Report | None:
    """Write the container of a job anew; give None if its output is there and to be kept, or it is of today.

    The payloads, their checksums and all chunks, known or not, stay what they are, byte for byte.
    """
    in_place = job.target is not None and job.target == job.source
    exists = not in_place and not outputs.is_free(job, run_options)
    if exists and job.target is not None and outputs.is_kept(job, lambda: _check(job), run_options.console):
        return None
    with streams.opened(job.source) as given, incoming.spooled(given) as stream:
        container = file.check(stream)
        was = ".".join(map(str, container.header.version))
        needed = not in_place or container.header.version == layout.OLD
        if run_options.dry_run and needed:
            return outputs.planned(job)
        n_bytes = stream.seek(0, 2)
        if needed:
            n_bytes = _write(job, container, run_options, in_place=in_place)
    name, version = outputs.spoken(job.target, "standard output"), ".".join(map(str, layout.VERSION))
    now = version if needed else was
    record = Converted(outputs.named(job.source), outputs.named(job.target), was, now, n_bytes, needed)
    if needed:
        return Report(f"{name}  format {was} -> {version}", record)
    run_options.console.say(f"{name}  format {was} already")
    run_options.console.record(record)
    return None


def _write(job: Job, container: Container, run_options: RunOptions, *, in_place: bool) -> int:
    """Write a checked file, a piece of it at a time, and give its bytes."""
    before = job.source.stat() if in_place and job.source is not None else None
    pieces = file.pieces(container)
    head = next(pieces)
    if replace(header.unpack(head)[0].header, version=container.header.version) != container.header:
        raise FormatError(
            "what would be written is not what was read: nothing is replaced, please report this"
        )
    with streams.output(job, preserve=run_options.preserve and not in_place) as out:
        out.write(head)
        for piece in pieces:
            out.write(piece)
        n_bytes = out.tell()
    if before is not None and run_options.preserve and job.target is not None:
        os.utime(job.target, ns=(before.st_atime_ns, before.st_mtime_ns))
    return n_bytes


def _check(job: Job) -> None:
    """Raise what is wrong with an output that exists."""
    with streams.opened(job.target) as given, incoming.spooled(given) as stream:
        file.check(stream)
