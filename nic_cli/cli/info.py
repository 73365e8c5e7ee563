"""`nic info`: what a file says of itself. Loads neither torch nor numpy nor Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from nic_cli.cli import batch, options, outputs, settings, streams
from nic_cli.cli.options import OUTPUT, General
from nic_cli.container import file, layout
from nic_cli.errors import NicError, UsageError
from nic_cli.storage.naming import shown
from nic_cli.storage.plan import STREAM, Job
from nic_cli.types import Container

EXAMPLES = (
    ("nic info photo.nic", "a table for people"),
    ("nic info --json *.nic", "one JSON object a line"),
    ("nic info --preview small.webp photo.nic", "the preview in the file, without decoding it"),
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """The model that a file asks for. id: 16 hexadecimal digits."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class MetadataSizes:
    """Bytes of each kind of metadata, 0 where there is none."""

    icc: int
    exif: int
    xmp: int
    preview: int


@dataclass(frozen=True, slots=True)
class Info:
    """The JSON object of a file. tile: side in pixels. overhead_bytes: what is neither payload nor chunk."""

    format_version: str
    width: int
    height: int
    channels: int
    bit_depth: int
    model: ModelName
    q: float
    b: float
    tile: int
    tiles: int
    bytes: int
    bpp: float
    overhead_bytes: int
    metadata: MetadataSizes


@dataclass(frozen=True, slots=True)
class Extracted:
    """The JSON object of a preview that was written."""

    input: str
    output: str
    bytes: int


def describe(container: Container, n_bytes: int) -> Info:
    """Sum up a container that came from a file of `n_bytes`."""
    header = container.header
    sizes = {chunk.kind: len(chunk.data) for chunk in container.chunks}
    kinds = (layout.ICC, layout.EXIF, layout.XMP, layout.PREVIEW)
    return Info(
        format_version=".".join(map(str, header.version)),
        width=header.width,
        height=header.height,
        channels=header.channels,
        bit_depth=header.bit_depth,
        model=ModelName(header.model, header.model_id.hex()),
        q=header.q,
        b=header.b,
        tile=header.tile,
        tiles=len(container.tiles),
        bytes=n_bytes,
        bpp=round(8 * n_bytes / (header.width * header.height), 6),
        overhead_bytes=file.overhead(container),
        metadata=MetadataSizes(*(sizes.get(kind, 0) for kind in kinds)),
    )


def table(name: str, said: Info, alpha: int) -> str:
    """Draw the table for people. alpha: bytes of the lossless alpha plane, 0 if opaque."""
    colours = {1: "grey", 3: "RGB"}[said.channels]
    kept = {"ICC": said.metadata.icc, "EXIF": said.metadata.exif, "XMP": said.metadata.xmp}
    kept |= {"preview": said.metadata.preview}
    rows = {
        "picture": f"{said.width} x {said.height}, {colours}, {said.bit_depth} bit",
        "alpha": f"{alpha:,} bytes" if alpha else "none",
        "size": f"{said.bytes:,} bytes, {said.bpp:.3f} bits per pixel",
        "quality": f"q {said.q:.4g}",
        "realism": f"b {said.b:.4g}",
        "model": f"{said.model.name} (id {said.model.id})",
        "tiles": f"{said.tiles} of {said.tile} pixels",
        "metadata": ", ".join(f"{kind} {n:,} bytes" for kind, n in kept.items() if n) or "none",
        "overhead": f"{said.overhead_bytes:,} bytes",
        "format": said.format_version,
    }
    return "\n".join([name, *(f"{key:<10} {value}" for key, value in rows.items())])


def info(
    inputs: options.Inputs,
    preview: Annotated[
        str | None,
        options.value(
            "--preview",
            metavar="OUT",
            panel=OUTPUT,
            help="Write the preview that a file holds, a small WebP, to OUT instead, or with - to standard "
            "output.",
        ),
    ] = None,
    recursive: options.Recursive = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    color: options.Color = None,
    fail_fast: options.FailFast = False,
    offline: options.Offline = False,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    preserve: options.VainPreserve = False,
) -> int:
    """Show what .nic files say of themselves.

    All checksums but those of the symbols are checked; nothing is decoded.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    )
    settings.load(color=color, offline=offline or None).apply()
    jobs = outputs.plan_reading(inputs, general)
    console = general.console

    if preview is not None:
        jobs = _extracting(jobs, preview, general)

    def work(job: Job) -> batch.Report | None:
        if not outputs.is_free(job, general):
            return None
        if dry_run:
            return outputs.planned(job)
        data = streams.read_nic(job.source)
        container = file.unpack(data)
        if preview is not None:
            return _extracted(container, job)
        said = describe(container, len(data))
        alpha = sum(len(chunk.data) for chunk in container.chunks if chunk.kind == layout.ALPHA)
        return batch.Report(table(outputs.spoken(job.source, "standard input"), said, alpha), said)

    show = console.say if dry_run or preview is not None else console.result
    return batch.run(jobs, work, console, show=show, fail_fast=fail_fast)


def _extracting(jobs: list[Job], preview: str, general: General) -> list[Job]:
    if len(jobs) > 1:
        raise UsageError(f"--preview: {len(jobs)} inputs cannot all go to {shown(preview)}: name one")
    target = None if preview == STREAM else Path(preview)
    return outputs.writable([Job(job.source, target) for job in jobs], general)


def _extracted(container: Container, job: Job) -> batch.Report:
    """Write the preview of a file to the output of a job."""
    found = [chunk.data for chunk in container.chunks if chunk.kind == layout.PREVIEW]
    if not found:
        raise NicError("it holds no preview: encode with --preview, or decode with --scale 1/8")
    with streams.output(job, preserve=False) as stream:
        stream.write(found[0])
    record = Extracted(outputs.named(job.source), outputs.named(job.target), len(found[0]))
    return batch.Report(f"{outputs.spoken(job.target, 'standard output')}  {record.bytes:,} bytes", record)
