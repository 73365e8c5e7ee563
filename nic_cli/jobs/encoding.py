"""The work of `nic encode` on one picture after the other: read, code, write."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nic_cli import memory
from nic_cli.container import layout
from nic_cli.errors import PictureError, UsageError
from nic_cli.jobs import option_values
from nic_cli.jobs.files import existing_output, outputs, removal, streams
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.outcome import Report, Stop
from nic_cli.jobs.run_options import RunOptions
from nic_cli.jobs.settings import Settings
from nic_cli.limits import SEARCH_STEPS
from nic_cli.metrics import SSIMULACRA2
from nic_cli.quality import measuring
from nic_cli.quality.judging import NOTHING, Judge, Judged, Likened
from nic_cli.terminal.console import Console
from nic_cli.units import in_bytes
from nic_cli.zoo.find import find
from nic_cli.zoo.pins import is_address

if TYPE_CHECKING:
    from nic_cli.types import Container, Picture
    from nic_cli.zoo.load import Model


COMMON_TOP = 4.0  # of q: what every model has, so that none need be loaded to say so


LARGE = 1 << 26  # pixels from which it is said what coding takes


@dataclass(frozen=True, slots=True)
class Encoded:
    """The JSON object of an encoded picture. bpp: of the whole file. seconds: coding and writing.

    kept, not_kept: names of what the picture says beside its pixels. removed: the input, by --rm.
    """

    input: str
    output: str
    model: str
    q: float
    b: float
    width: int
    height: int
    bytes: int
    bpp: float
    tiles: int
    seconds: float
    kept: list[str]
    not_kept: list[str]
    removed: bool


@dataclass(frozen=True, slots=True)
class Measured(Encoded):
    """The same of one that was measured. ssimulacra2: None if none was wanted. codings: made to find it.

    metrics: by name, what --metrics asked for; null where the picture is too small for it.
    """

    ssimulacra2: float | None
    like: Likened | None
    codings: int
    metrics: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Coded:
    """A picture coded and packed, how long that took, and names of what it says beside its pixels."""

    judged: Judged
    data: bytes
    seconds: float
    kept: list[str]
    not_kept: list[str]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes one picture after the other with the same options, in the steps of `pipeline`."""

    target_rate: option_values.RateTarget
    strip: frozenset[str]
    settings: Settings
    run_options: RunOptions
    console: Console
    models: Models
    alone: bool  # the only one, so that its rows may have a bar
    frame: int | None = None
    preview: bool = False
    most: int | None = None  # pixels that a picture may have
    hdr: bool = False  # whether HDR keeps its code
    truncated: bool = False  # whether pictures cut short are taken
    judge: Judge = NOTHING  # what is measured, or wanted
    sources: dict[Path, removal.Seen] = field(default_factory=dict)  # as they were when they were read

    def check(self) -> None:
        """Raise what is wrong with the model or q for all pictures, before the first is read."""
        name = self.settings.model
        if name is not None and not is_address(name):
            find(name)
        q = self.target_rate.q
        if q is not None and q > COMMON_TOP:
            try:
                self._model()
            except Stop as stop:
                raise stop.reason from None

    def rehearse(self, job: Job) -> Report | None:
        """Report what would be done; give None for a picture whose output is there and to be kept."""
        return None if self._is_done(job, self.console) else outputs.planned(job)

    def read(self, job: Job, console: Console) -> Picture | None:
        """Read the picture of a job; give None if its output is there and to be kept."""
        if self._is_done(job, console):
            return None
        from nic_cli.image.metadata import strip
        from nic_cli.image.preview import with_useful_preview
        from nic_cli.image.reading import read

        name = outputs.spoken(job.source, "standard input")
        with streams.opened(job.source) as stream:
            if job.source is not None and self.run_options.remove:
                self.sources[job.source] = removal.seen(job.source)
            if job.source is not None and _is_nic(stream):
                raise PictureError(f"{name}: a .nic file already; nic decode makes a picture of it")
            picture = read(
                stream,
                name,
                warn=console.warn,
                frame=self.frame,
                most=self.most,
                hdr=self.hdr,
                truncated=self.truncated,
                file_name=job.source.name if job.source is not None else "",
                opened=self._prepare if self.alone else None,
            )
        self.judge.check(picture, name)
        picture = strip(picture, self.strip)
        return with_useful_preview(picture, console.warn, name) if self.preview else picture

    def code(self, picture: Picture) -> Coded:
        """Encode a picture."""
        from nic_cli import codec
        from nic_cli.container.file import pack
        from nic_cli.image.ancillary.gathered import kept

        model = self._model()
        started = time.monotonic()
        needs = memory.for_coding(picture.width, picture.height, picture.channels * picture.bit_depth // 8)
        if picture.width * picture.height > LARGE:
            self.console.say(f"{picture.width} x {picture.height} pixels: about {in_bytes(needs)} of memory")
        searching = SEARCH_STEPS[self.settings.effort] > 0 and model.searched
        what = "searching" if searching else "encoding"
        what = "codings at most" if self.judge.searches else what
        with self.console.progress(what, in_percent=not self.judge.searches) as bar:
            told = bar if self.alone else None

            def coded(q: float | None) -> Container:
                return memory.with_less_memory(
                    lambda divisor: codec.encode(
                        picture,
                        model,
                        q=q,
                        b=self.settings.realism,
                        tile=self.settings.tile,
                        target_bytes=self.target_rate.target(picture),
                        effort=self.settings.effort,
                        divisor=divisor,
                        progress=None if self.judge.searches else told,
                    ),
                    self.console.warn,
                    needs,
                )

            judged = self.judge(
                picture, model, coded, self.target_rate.q, self.console.warn, told, jumpy=searching
            )
        seconds = time.monotonic() - started
        return Coded(judged, pack(judged.container), seconds, kept(picture), list(picture.metadata.lost))

    def write(self, job: Job, coded: Coded, console: Console) -> Report:
        """Write the file of a job."""
        started = time.monotonic()
        with streams.output(job, preserve=self.run_options.preserve) as stream:
            stream.write(coded.data)
        seconds = coded.seconds + time.monotonic() - started
        before = job.source.stat().st_size if job.source is not None else 0
        removed = self._removed(job, coded, before, console)
        return self._report(job, coded, seconds, before, console, removed)

    def _removed(self, job: Job, coded: Coded, before: int, console: Console) -> bool:
        """Remove the input where that was asked for and nothing of it would be lost; tell whether it went."""
        name = outputs.spoken(job.source, "standard input")
        larger = 0 < before < len(coded.data)
        if larger:
            console.warn(f"{name}: its file is larger than it is; drawings are better kept as they are")
        if not self.run_options.remove or job.source is None:
            return False
        why = f"left out: {', '.join(coded.not_kept)}" if coded.not_kept else "it is the smaller" * larger
        why = why or removal.remove(job.source, self.sources.get(job.source), lambda: self._verify(job))
        if why:
            console.warn(f"{name}: not removed: {why}")
        return not why

    def _verify(self, job: Job) -> None:
        from nic_cli import codec
        from nic_cli.container.file import unpack

        codec.verify(unpack(streams.read_nic(job.target)), self._model())

    def _prepare(self, width: int, height: int) -> None:
        """Get the model ready while pixels are read, which takes as long for a large picture."""
        self.models.prepare(width * height, searching=SEARCH_STEPS[self.settings.effort] > 0)

    def _is_done(self, job: Job, console: Console) -> bool:
        exists = not outputs.is_free(job, self.run_options)
        return exists and outputs.is_kept(job, lambda: existing_output.check_nic(job), console)

    def _model(self) -> Model:
        model = self.models.for_encoding()
        q, top = self.target_rate.q or 0.0, model.config.q_top
        if self.target_rate.by_quality and q > top:
            other = f", or --like jpeg:{q:.0f} for what a JPEG has" if 10 <= q <= 100 else ""
            said = f"q {q:g} is over what model {model.name} has: give 0 to {top:g}{other}"
            raise Stop(UsageError(said))
        return model

    def _report(
        self, job: Job, coded: Coded, seconds: float, before: int, console: Console, removed: bool
    ) -> Report:
        judged = coded.judged
        header, n_bytes = judged.container.header, len(coded.data)
        record = Encoded(
            input=outputs.named(job.source),
            output=outputs.named(job.target),
            model=header.model,
            q=header.q,
            b=header.b,
            width=header.width,
            height=header.height,
            bytes=n_bytes,
            bpp=round(8 * n_bytes / (header.width * header.height), 6),
            tiles=len(judged.container.tiles),
            seconds=round(seconds, 3),
            kept=coded.kept,
            not_kept=coded.not_kept,
            removed=removed,
        )
        source = outputs.spoken(job.source, "standard input")
        if judged.like is not None:
            console.say(f"{source}: {judged.like.line}")
        for notice in judged.notices:
            console.warn(f"{source}: {notice}")
        console.detail(
            f"{source}: {record.width} x {record.height}, model {record.model}, b {record.b:.4g}, "
            f"{record.tiles} tiles, {record.seconds:.2f} s"
        )
        name = outputs.spoken(job.target, "standard output")
        line = f"{name}  {n_bytes:,} bytes  {record.bpp:.3f} bpp  q {record.q:.4g}"
        preview = next((len(c.data) for c in judged.container.chunks if c.kind == layout.PREVIEW), 0)
        line += f"  preview {preview:,} bytes" if preview else ""
        if self.judge.measures:
            line += f"  {measuring.in_words(judged.shown)}"
            record = _measured(record, judged)
        line += f"  ({100 * (n_bytes / before - 1):+.1f} %)" if before else ""
        line += f"  {source} removed" if removed else ""
        return Report(line, record, before, n_bytes, header.width * header.height)


def _is_nic(stream: BinaryIO) -> bool:
    start: bytes = stream.peek(len(layout.SIGNATURE))  # type: ignore[attr-defined]  # a pipe cannot go back
    return start.startswith(layout.SIGNATURE)


def _measured(record: Encoded, judged: Judged) -> Measured:
    rounded, like = measuring.for_programs(judged.shown), judged.like
    return Measured(
        **asdict(record),
        ssimulacra2=None if judged.score is None else rounded[SSIMULACRA2],
        like=like and replace(like, ssimulacra2=round(like.ssimulacra2, 6)),
        codings=judged.codings,
        metrics={name: rounded[name] for name in judged.values},
    )
