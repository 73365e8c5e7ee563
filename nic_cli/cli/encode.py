"""`nic encode`: pictures to `.nic`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from nic_cli.cli import batch, existing, options, outputs, settings, streams, wishes
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
    ("magick in.heic png:- | nic encode - | ssh host 'cat > out.nic'", "through pipes"),
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
class Coded:
    """A picture coded and packed, and how long that took."""

    container: Container
    data: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes one picture after the other with the same options, in the steps of `pipeline`."""

    wish: wishes.Wish
    strip: frozenset[str]
    settings: Settings
    general: General
    console: Console
    models: Models
    alone: bool  # the only one, so that its tiles may have a bar

    def rehearse(self, job: Job) -> batch.Report | None:
        """Report what would be done; give None for a picture whose output is there and to be kept."""
        return None if self._is_done(job, self.console) else outputs.planned(job)

    def read(self, job: Job, console: Console) -> Picture | None:
        """Read the picture of a job; give None if its output is there and to be kept."""
        if self._is_done(job, console):
            return None
        from nic_cli.image.metadata import strip
        from nic_cli.image.reading import read

        with streams.opened(job.source) as stream:
            picture = read(stream, outputs.spoken(job.source, "standard input"), warn=console.warn)
        return strip(picture, self.strip)

    def code(self, picture: Picture) -> Coded:
        """Encode a picture."""
        from nic_cli import codec
        from nic_cli.container.file import pack

        model = self._model()
        started = time.monotonic()
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
        return Coded(container, pack(container), time.monotonic() - started)

    def write(self, job: Job, coded: Coded, console: Console) -> batch.Report:
        """Write the file of a job."""
        started = time.monotonic()
        with streams.output(job, preserve=self.general.preserve) as stream:
            stream.write(coded.data)
        seconds = coded.seconds + time.monotonic() - started
        return self._report(job, coded, seconds, console)

    def _is_done(self, job: Job, console: Console) -> bool:
        exists = not outputs.is_free(job, self.general)
        return exists and outputs.is_kept(job, lambda: existing.check_nic(job), console)

    def _model(self) -> Model:
        model = self.models.for_encoding()
        if self.wish.by_quality and (self.wish.q or 0) > model.config.q_top:
            top = f"{model.config.q_top:g}"
            raise batch.Stop(
                UsageError(f"--quality: {self.wish.q:g} is over what {model.name} has: give 0 to {top}")
            )
        return model

    def _report(self, job: Job, coded: Coded, seconds: float, console: Console) -> batch.Report:
        header, n_bytes = coded.container.header, len(coded.data)
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
            tiles=len(coded.container.tiles),
            seconds=round(seconds, 3),
        )
        source = outputs.spoken(job.source, "standard input")
        console.detail(
            f"{source}: {record.width} x {record.height}, model {record.model}, b {record.b:.4g}, "
            f"{record.tiles} tiles, {record.seconds:.2f} s"
        )
        name = outputs.spoken(job.target, "standard output")
        line = f"{name}  {n_bytes:,} bytes  {record.bpp:.3f} bpp  q {record.q:.4g}"
        return batch.Report(line + _saving(job, n_bytes), record)


def encode(
    inputs: options.InputsOrList = None,
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
    manifest: options.Manifest = None,
    part: options.ShardOf = None,
    offline: options.Offline = False,
) -> int:
    """Encode pictures to .nic files.

    Metadata and alpha are kept, EXIF orientation is applied. The files hold what was asked for with -b
    as a default only: every file decodes at any realism.

    Without -o, the output lies beside the input, with its suffix swapped.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    ).over(manifest, part)
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
    stripped = wishes.of_stripping(strip or [])
    chosen.apply()
    jobs = outputs.plan_encoding(inputs, output, general)
    console = general.console
    models = Models(chosen, console, trust=trust)
    encoder = Encoder(wish, stripped, chosen, general, console, models, len(jobs) == 1)
    work = encoder.rehearse if dry_run else encoder
    return batch.run(jobs, work, console, show=console.say, fail_fast=fail_fast)


def _saving(job: Job, n_bytes: int) -> str:
    before = job.source.stat().st_size if job.source is not None else 0
    return f"  ({100 * (n_bytes / before - 1):+.1f} %)" if before else ""
