"""The work of `nic convert` on one file: its container is written anew, its pictures are not touched."""

from __future__ import annotations

import os
from dataclasses import dataclass

from nic_cli.container import file, layout
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
    """Write the container of a job anew; give None if its output is there and to be kept.

    The payloads, their checksums and all chunks, known or not, stay what they are, byte for byte.
    """
    in_place = job.target is not None and job.target == job.source
    exists = not in_place and not outputs.is_free(job, run_options)
    if run_options.dry_run:
        return outputs.planned(job)
    console = run_options.console
    if exists and job.target is not None and outputs.is_kept(job, lambda: _check(job), console):
        return None
    container = file.unpack(streams.read_nic(job.source))
    was = ".".join(map(str, container.header.version))
    name = outputs.spoken(job.target, "standard output")
    data = file.pack(container)
    now = file.unpack(data)
    if _said(now) != _said(container):
        raise FormatError("what was written is not what was read: nothing is replaced, please report this")
    needed = not in_place or container.header.version == layout.OLD
    if needed:
        _write(job, data, run_options, in_place=in_place)
    version = ".".join(map(str, now.header.version))
    said = f"{name}  format {was} -> {version}" if needed else f"{name}  format {was} already"
    record = Converted(outputs.named(job.source), outputs.named(job.target), was, version, len(data), needed)
    return Report(said, record)


def _write(job: Job, data: bytes, run_options: RunOptions, *, in_place: bool) -> None:
    before = job.source.stat() if in_place and job.source is not None else None
    with streams.output(job, preserve=run_options.preserve and not in_place) as stream:
        stream.write(data)
    if before is not None and run_options.preserve and job.target is not None:
        os.utime(job.target, ns=(before.st_atime_ns, before.st_mtime_ns))


def _check(job: Job) -> None:
    """Raise what is wrong with an output that exists."""
    file.unpack(streams.read_nic(job.target))


def _said(container: Container) -> list[object]:
    """All of a file but the version of its container."""
    held = [(chunk.kind, bytes(chunk.data)) for chunk in container.chunks]
    header = container.header
    fields = [getattr(header, name) for name in header.__slots__ if name != "version"]
    return [fields, held, list(container.tiles)]
