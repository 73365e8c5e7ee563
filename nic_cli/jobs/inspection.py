"""The work of `nic info` on one file: what it says of itself, and the preview that it holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from nic_cli import facts
from nic_cli.container import chunks, file, incoming, layout
from nic_cli.errors import NicError, UsageError
from nic_cli.jobs.files import outputs, streams
from nic_cli.jobs.files.plan import STREAM, Job
from nic_cli.jobs.outcome import Report
from nic_cli.jobs.run_options import RunOptions
from nic_cli.storage.printable import printable
from nic_cli.terminal.file_table import table
from nic_cli.types import Container


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
    cicp: int
    gain_map: int
    resolution: int
    texts: int
    iptc: int
    geo: int


@dataclass(frozen=True, slots=True)
class Info:
    """The JSON object of a file. tile: side in pixels. overhead_bytes: what is neither payload nor chunk.

    decode_memory_bytes: about; None if the model is not the embedded one. unknown: bytes of each chunk of a
    kind that only a newer version makes something of.
    """

    input: str
    format_version: str
    width: int
    height: int
    channels: int
    alpha: bool
    bit_depth: int
    model: ModelName
    q: float
    b: float
    tile: int
    tiles: int
    bytes: int
    bpp: float
    overhead_bytes: int
    decode_memory_bytes: int | None
    metadata: MetadataSizes
    original: facts.Original | None
    unknown: dict[str, int]


@dataclass(frozen=True, slots=True)
class Extracted:
    """The JSON object of a preview that was written."""

    input: str
    output: str
    bytes: int


_KINDS = [layout.ICC, layout.EXIF, layout.XMP, layout.PREVIEW, layout.CICP, layout.GAIN_MAP]
_KINDS += [layout.RESOLUTION, layout.TEXTS, layout.IPTC, layout.GEO]


def describe(container: Container, n_bytes: int, name: str = STREAM) -> Info:
    """Sum up a container that came from a file of `n_bytes` and this name."""
    header = container.header
    sizes = {chunk.kind: len(chunk.data) for chunk in container.chunks}
    return Info(
        input=name,
        format_version=".".join(map(str, header.version)),
        width=header.width,
        height=header.height,
        channels=header.channels,
        alpha=any(chunk.kind == layout.ALPHA for chunk in container.chunks),
        bit_depth=header.bit_depth,
        model=ModelName(header.model, header.model_id.hex()),
        q=header.q,
        b=header.b,
        tile=header.tile,
        tiles=len(container.tiles),
        bytes=n_bytes,
        bpp=round(8 * n_bytes / (header.width * header.height), 6),
        overhead_bytes=file.overhead(container),
        decode_memory_bytes=facts.decoding_memory(header, alpha=facts.has_alpha(container.chunks)),
        metadata=MetadataSizes(*(sizes.get(kind, 0) for kind in _KINDS)),
        unknown={c.kind.decode("ascii"): len(c.data) for c in container.chunks if not chunks.is_known(c)},
        original=facts.original(container.chunks),
    )


def extracting(jobs: list[Job], preview: str, run_options: RunOptions) -> list[Job]:
    """The jobs, which write a preview to where it was asked for. Raises UsageError."""
    if len(jobs) > 1:
        raise UsageError(f"--preview: {len(jobs)} inputs cannot all go to {printable(preview)}: name one")
    target = None if preview == STREAM else Path(preview)
    return outputs.writable([Job(job.source, target) for job in jobs], run_options)


def inspect(job: Job, run_options: RunOptions) -> Report:
    """Report what the file of a job says of itself, all checksums but those of its symbols checked."""
    if run_options.dry_run:
        return outputs.planned(job)
    said, alpha = said_by(job.source)
    return Report(table(outputs.spoken(job.source, "standard input"), asdict(said), alpha), said)


def said_by(source: Path | None) -> tuple[Info, int]:
    """What a checked file says of itself, and the bytes of its alpha plane, 0 if it is opaque."""
    container, n_bytes = _checked(source)
    alpha = sum(len(chunk.data) for chunk in container.chunks if chunk.kind == layout.ALPHA)
    return describe(container, n_bytes, outputs.named(source)), alpha


def _checked(source: Path | None) -> tuple[Container, int]:
    """A container and the size of its file, every byte of which was checked and few are held."""
    with streams.opened(source) as given, incoming.spooled(given) as stream:
        return file.check(stream), stream.seek(0, 2)


def extract(job: Job, run_options: RunOptions) -> Report | None:
    """Write the preview of a file to the output of its job; give None if that is there and to be kept."""
    if not outputs.is_free(job, run_options):
        return None
    if run_options.dry_run:
        return outputs.planned(job)
    container = file.unpack(streams.read_nic(job.source))
    found = [chunk.data for chunk in container.chunks if chunk.kind == layout.PREVIEW]
    if not found:
        raise NicError("it holds no preview: encode with --preview, or decode with --scale 1/8")
    from nic_cli.image.preview import open_preview

    open_preview(found[0])  # or there is nothing to be written
    with streams.output(job, preserve=False) as stream:
        stream.write(found[0])
    record = Extracted(outputs.named(job.source), outputs.named(job.target), len(found[0]))
    return Report(f"{outputs.spoken(job.target, 'standard output')}  {record.bytes:,} bytes", record)
