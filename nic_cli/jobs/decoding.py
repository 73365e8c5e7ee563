"""The work of `nic decode` on one file after the other: read, decode, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nic_cli import memory
from nic_cli.container import notices
from nic_cli.errors import UsageError
from nic_cli.jobs.files import existing_output, outputs, removal, streams
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.option_values import WHOLE, View
from nic_cli.jobs.outcome import Report
from nic_cli.jobs.run_options import RunOptions
from nic_cli.limits import MOST
from nic_cli.storage.atomic import is_direct
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console

if TYPE_CHECKING:
    from nic_cli.types import Container, Picture


OUTPUT_FORMATS = ("png", "jpeg", "webp", "tiff", "ppm")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The JSON object of a decoded file. bytes: of the picture file. seconds: decoding and writing.

    removed: the input, by --rm.
    """

    input: str
    output: str
    model: str
    b: float
    width: int
    height: int
    bytes: int
    seconds: float
    removed: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file holds, and how long decoding took.

    picture: gives it, by so many times fewer rows at a time if it is so large that its rows come as they
    are written; rows: it is.
    """

    container: Container
    picture: Callable[[int], Picture]
    size: tuple[int, int]
    seconds: float
    rows: bool = False


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes one file after the other with the same options, in the steps of `pipeline`.

    b: None for what each file says. most: pixels of a picture, None for what can be held or goes by rows.
    """

    b: float | None
    format: str | None
    run_options: RunOptions
    console: Console
    models: Models
    alone: bool  # the only one, so that its rows may have a bar
    view: View = WHOLE
    most: int | None = None
    sources: dict[Path, removal.Seen] = field(default_factory=dict)  # as they were when they were read

    def rehearse(self, job: Job) -> Report | None:
        """Report what would be done; give None for a file whose output is there and to be kept."""
        self._format(job.target)
        exists = not outputs.is_free(job, self.run_options)
        return None if exists and self.read(job, self.console) is None else outputs.planned(job)

    def read(self, job: Job, console: Console) -> Container | None:
        """Read the file of a job; give None if its output is there and to be kept."""
        exists = not outputs.is_free(job, self.run_options)
        self._format(job.target)
        if self.run_options.remove and job.source is not None:
            self.sources[job.source] = removal.seen(job.source)
        container = self._unpacked(job)
        if passing := notices.of_format(container.header):
            console.warn(f"{outputs.spoken(job.source, 'standard input')}: {passing}")
        size = self.view.size(container.header)
        if exists and outputs.is_kept(job, lambda: existing_output.check_picture(job, *size), console):
            return None
        return container

    def _unpacked(self, job: Job) -> Container:
        from nic_cli.container.file import unpack_lazily

        if self.view.region is None or job.source is None or is_direct(job.source):
            return streams.read_container(job.source)
        return unpack_lazily(job.source.open("rb"), owned=True)  # of which the tiles of a part are read

    def code(self, container: Container) -> Shown:
        """Decode a file; a picture that is too large to be held is left to be decoded as it is written."""
        from nic_cli import codec
        from nic_cli.image.huge import FROM

        model = self.models.for_decoding(container.header)  # not part of the time
        started = time.monotonic()
        view, size = self.view, self.view.size(container.header)
        with self.console.progress("decoding", in_percent=True) as bar:

            def stream(divisor: int) -> Picture:
                return codec.stream(
                    container,
                    model,
                    b=self.b,
                    region=view.region,
                    scale=view.scale,
                    divisor=divisor,
                    most=self.most or MOST,
                    progress=bar if self.alone else None,
                )

            if size[0] * size[1] > FROM:
                return Shown(container, stream, size, 0.0, rows=True)
            picture = memory.with_less_memory(
                lambda divisor: codec.held(stream(divisor)), self.console.warn, self._needs(container)
            )
        return Shown(container, lambda _: picture, size, time.monotonic() - started)

    def write(self, job: Job, shown: Shown, console: Console) -> Report:
        """Write the picture of a job."""
        started = time.monotonic()
        heard: list[str] = []  # what is lost on the way
        if shown.rows:
            needs = self._needs(shown.container)
            n_bytes = memory.with_less_memory(
                lambda divisor: self._written(job, shown.picture(divisor), shown.container, console, heard),
                console.warn,
                needs,
            )
        else:
            n_bytes = self._written(job, shown.picture(1), shown.container, console, heard)
        seconds = shown.seconds + time.monotonic() - started
        before = job.source.stat().st_size if job.source is not None else 0
        removed = self._removed(job, shown, heard, console)
        report = self._report(job, shown, n_bytes, seconds, console, removed)
        width, height = shown.size
        return replace(report, before=before, after=n_bytes, pixels=width * height)

    def _removed(self, job: Job, shown: Shown, heard: list[str], console: Console) -> bool:
        """Remove the input where that was asked for and nothing of it would be lost; tell whether it went."""
        if not self.run_options.remove or job.source is None:
            return False
        why = heard[0] if heard else ""
        read = self.sources.get(job.source)
        why = why or removal.remove(job.source, read, lambda: existing_output.check_picture(job, *shown.size))
        if why:
            console.warn(f"{printable(job.source)}: not removed: {why}")
        return not why

    def _needs(self, container: Container) -> int:
        header = container.header
        bytes_a_pixel = header.channels * header.bit_depth // 8
        return memory.for_coding(*self.view.size(header), bytes_a_pixel, header.width * header.height)

    def _written(
        self, job: Job, picture: Picture, container: Container, console: Console, heard: list[str]
    ) -> int:
        from nic_cli.image.writing import write

        name = outputs.spoken(job.target, "standard output")

        def warn(text: str) -> None:
            heard.append(text)
            console.warn(f"{name}: {text}")

        for line in notices.of_contents(container.chunks, picture.metadata.unread):
            warn(line)
        if picture.metadata.lost:
            warn(f"left out of what is cut or scaled: {', '.join(picture.metadata.lost)}")
        with streams.output(job, preserve=self.run_options.preserve) as stream:
            write(picture, stream, self._format(job.target), warn=warn)
            return stream.tell()

    def _format(self, target: Path | None) -> str:
        if self.format is not None or target is None:
            return self.format or OUTPUT_FORMATS[0]
        from nic_cli.image.writing import FORMAT_BY_SUFFIX

        found = FORMAT_BY_SUFFIX.get(target.suffix.lower())
        if found is None:
            raise UsageError(
                f"{printable(target)}: no format has this suffix: give --format {'|'.join(OUTPUT_FORMATS)}"
            )
        return found

    def _report(
        self, job: Job, shown: Shown, n_bytes: int, seconds: float, console: Console, removed: bool
    ) -> Report:
        header = shown.container.header
        record = Decoded(
            input=outputs.named(job.source),
            output=outputs.named(job.target),
            model=header.model,
            b=header.b if self.b is None else self.b,
            width=shown.size[0],
            height=shown.size[1],
            bytes=n_bytes,
            seconds=round(seconds, 3),
            removed=removed,
        )
        source = outputs.spoken(job.source, "standard input")
        console.detail(
            f"{source}: model {record.model}, q {header.q:.4g}, {len(shown.container.tiles)} tiles, "
            f"{record.seconds:.2f} s"
        )
        name = outputs.spoken(job.target, "standard output")
        line = f"{name}  {n_bytes:,} bytes  {record.width} x {record.height}  b {record.b:.4g}"
        line += f"  {source} removed" if removed else ""
        return Report(line, record)


def suffix_of(format: str | None) -> str:
    """The suffix of pictures whose format was named, or not."""
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(
        format or OUTPUT_FORMATS[0], f".{format or OUTPUT_FORMATS[0]}"
    )
