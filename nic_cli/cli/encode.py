"""`nic encode`: pictures to `.nic`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from nic_cli.cli import batch, options, outputs, settings, streams, wishes
from nic_cli.cli.console import Console
from nic_cli.cli.loading import Models
from nic_cli.cli.options import ADVANCED, COMMON, OUTPUT, General
from nic_cli.cli.settings import Settings
from nic_cli.errors import UsageError
from nic_cli.storage.plan import Job

if TYPE_CHECKING:
    from nic_cli.types import Container, Picture
    from nic_cli.zoo.load import Model

EXAMPLES = (
    ("nic encode photo.png", "writes photo.nic"),
    ("nic encode -q 3 -b 0 photo.jpg -o small.nic", "better and larger, and most faithful"),
    ("nic encode --bpp 0.3 photo.png", "0.3 bits per pixel, never more"),
    (
        "nic encode -r album/ -o packed/ --skip-existing",
        "a folder with all below it; goes on where it stopped",
    ),
    ("nic encode --frame 3 scan.tif", "the third page"),
    ("magick in.psd png:- | nic encode - | ssh host 'cat > out.nic'", "through pipes"),
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The JSON object of an encoded picture. bpp: of the whole file. seconds: coding and writing."""

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


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes one picture after the other with the same options."""

    wish: wishes.Wish
    strip: frozenset[str]
    frame: int | None
    settings: Settings
    general: General
    console: Console
    models: Models
    alone: bool  # the only one, so that its tiles may have a bar

    def __call__(self, job: Job) -> batch.Report | None:
        """Encode the picture of one job; give None if its output is there and to be skipped."""
        if not outputs.is_free(job, self.general, self.console):
            return None
        if self.general.dry_run:
            return outputs.planned(job)
        picture = self._read(job)
        model = self._model()
        started = time.monotonic()
        container, n_bytes = self._encode(picture, model, job)
        return self._report(job, container, n_bytes, time.monotonic() - started)

    def _read(self, job: Job) -> Picture:
        from nic_cli.image.metadata import strip
        from nic_cli.image.reading import read

        with streams.opened(job.source) as stream:
            name = outputs.spoken(job.source, "standard input")
            picture = read(stream, name, warn=self.console.warn, frame=self.frame)
        return strip(picture, self.strip)

    def _model(self) -> Model:
        model = self.models.for_encoding()
        if self.wish.by_quality and (self.wish.q or 0) > model.config.q_top:
            top = f"{model.config.q_top:g}"
            raise batch.Stop(
                UsageError(f"--quality: {self.wish.q:g} is over what {model.name} has: give 0 to {top}")
            )
        return model

    def _encode(self, picture: Picture, model: Model, job: Job) -> tuple[Container, int]:
        from nic_cli import codec
        from nic_cli.container.file import pack

        with self.console.progress("tiles") as bar:
            container = codec.encode(
                picture,
                model,
                q=self.wish.q,
                b=self.settings.realism,
                tile=self.settings.tile,
                target_bytes=self.wish.target(picture),
                progress=bar if self.alone else None,
            )
        data = pack(container)
        with streams.output(job, preserve=self.general.preserve) as stream:
            stream.write(data)
        return container, len(data)

    def _report(self, job: Job, container: Container, n_bytes: int, seconds: float) -> batch.Report:
        header = container.header
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
            tiles=len(container.tiles),
            seconds=round(seconds, 3),
        )
        source = outputs.spoken(job.source, "standard input")
        self.console.detail(
            f"{source}: {record.width} x {record.height}, model {record.model}, b {record.b:.4g}, "
            f"{record.tiles} tiles, {record.seconds:.2f} s"
        )
        name = outputs.spoken(job.target, "standard output")
        line = f"{name}  {n_bytes:,} bytes  {record.bpp:.3f} bpp  q {record.q:.4g}"
        return batch.Report(line + _saving(job, n_bytes), record)


def encode(
    inputs: options.Inputs,
    output: options.Target = None,
    quality: Annotated[
        float | None,
        options.value(
            "-q",
            "--quality",
            metavar="F",
            panel=COMMON,
            help="Rate, from 0 (the smallest file) to the model's top, any fraction. Default: 2, or the top.",
        ),
    ] = None,
    realism: Annotated[
        float | None,
        options.value(
            "-b",
            "--realism",
            metavar="F",
            panel=COMMON,
            help="What the file is made for, 0 (most faithful) to 1 (most realistic); can be chosen again "
            "at decoding. Default: 0.75.",
        ),
    ] = None,
    bpp: Annotated[
        float | None,
        options.value(
            "--bpp",
            metavar="F",
            panel=COMMON,
            help="Find the quality that gives this many bits per pixel, at most. Instead of -q.",
        ),
    ] = None,
    target_size: Annotated[
        str | None,
        options.value(
            "--target-size",
            metavar="SIZE",
            panel=COMMON,
            help="Find the quality that gives a file of this size, at most: 40kB, 1.5MB, 64KiB. "
            "Instead of -q.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        options.value(
            "-m",
            "--model",
            metavar="NAME",
            panel=COMMON,
            help="Name or folder of a model, or hf://org/repo@commit. Default: the embedded one.",
        ),
    ] = None,
    strip: Annotated[
        list[str] | None,
        options.value(
            "--strip",
            metavar="all|exif|xmp|icc",
            panel=OUTPUT,
            help="Leave metadata out; may be repeated. Default: keep all.",
        ),
    ] = None,
    frame: Annotated[
        int | None,
        options.value(
            "--frame",
            metavar="N",
            panel=ADVANCED,
            help="Which frame of an animation, or page of a TIFF, to take, from 1; without it these are "
            "refused.",
        ),
    ] = None,
    tile: Annotated[
        str | None,
        options.value(
            "--tile",
            metavar="N|auto",
            panel=ADVANCED,
            help="Side of the tiles that are coded apart, in pixels, a multiple of 64 from 64 to 16320. "
            "Default: auto (1024).",
        ),
    ] = None,
    trust: options.Trust = False,
    device: options.Device = None,
    threads: options.Threads = None,
    recursive: options.Recursive = False,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    dry_run: options.DryRun = False,
    preserve: options.Preserve = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    color: options.Color = None,
    fail_fast: options.FailFast = False,
    offline: options.Offline = False,
) -> int:
    """Encode pictures to .nic files.

    Metadata and alpha are kept, EXIF orientation is applied. The files hold what was asked for with -b
    as a default only: every file decodes at any realism.

    Without -o, the output lies beside the input, with its suffix swapped.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    )
    chosen = settings.load(
        model=model,
        device=device,
        quality=quality,
        realism=realism,
        threads=threads,
        tile=tile,
        color=color,
        offline=offline or None,
    )
    wish = wishes.of_rate(chosen, quality, bpp, target_size)
    stripped, frame = wishes.of_stripping(strip or []), wishes.of_frame(frame)
    chosen.apply()
    jobs = outputs.plan_encoding(inputs, output, general)
    console = general.console
    models = Models(chosen, console, trust=trust)
    encoder = Encoder(wish, stripped, frame, chosen, general, console, models, len(jobs) == 1)
    return batch.run(jobs, encoder, general.console, show=general.console.say, fail_fast=fail_fast)


def _saving(job: Job, n_bytes: int) -> str:
    before = job.source.stat().st_size if job.source is not None else 0
    return f"  ({100 * (n_bytes / before - 1):+.1f} %)" if before else ""
