"""`nic encode`: pictures to `.nic`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import ADVANCED, COMMON, OUTPUT
from nic_cli.jobs import option_values, runner, settings
from nic_cli.jobs.encoding import Encoder
from nic_cli.jobs.files import outputs, removal
from nic_cli.jobs.model_cache import Models
from nic_cli.quality import judging

EXAMPLES = (
    ("nic encode photo.png", "writes photo.nic"),
    ("nic encode -q 3 -b 0 photo.jpg -o small.nic", "better and larger, and most faithful"),
    ("nic encode -e 5 -r album/ -o packed/", "5 to 10 % smaller at the same quality"),
    ("nic encode --bpp 0.3 photo.png", "0.3 bits per pixel, never more"),
    ("nic encode --ssimulacra2 70 photo.png", "the smallest file with that score, never below it"),
    ("nic encode --like jpeg:80 photo.png", "as good as that JPEG, and smaller"),
    (
        "nic encode -r album/ -o packed/ --skip-existing",
        "a folder with all below it; goes on where it stopped",
    ),
    ("nic encode --frame 3 scan.tif", "the third page"),
    ("magick in.psd png:- | nic encode - | ssh host 'cat > out.nic'", "through pipes"),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """What the files are to be like."""

    quality: Annotated[
        float | None,
        declaring.value(
            "-q",
            "--quality",
            metavar="F",
            panel=COMMON,
            help="Rate, from 0 (the smallest file) to the model's top, any fraction. Default: 2, or the top.",
        ),
    ] = None
    realism: Annotated[
        float | None,
        declaring.value(
            "-b",
            "--realism",
            metavar="F",
            panel=COMMON,
            help="What the file is made for, 0 (most faithful) to 1 (most realistic); can be chosen again "
            "at decoding. Default: 0.75.",
        ),
    ] = None
    bpp: Annotated[
        float | None,
        declaring.value(
            "--bpp",
            metavar="F",
            panel=COMMON,
            help="Find the quality that gives this many bits per pixel, at most. Instead of -q.",
        ),
    ] = None
    target_size: Annotated[
        str | None,
        declaring.value(
            "--target-size",
            metavar="SIZE",
            panel=COMMON,
            help="Find the quality that gives a file of this size, at most: 40kB, 1.5MB, 64KiB. "
            "Instead of -q.",
        ),
    ] = None
    ssimulacra2: Annotated[
        float | None,
        declaring.value(
            "--ssimulacra2",
            metavar="F",
            panel=COMMON,
            help="Find the smallest file that decodes to this SSIMULACRA 2, at least: 50 is fair, 70 good; "
            "the embedded model ends at about 85. Instead of -q; takes the extra bench.",
        ),
    ] = None
    like: Annotated[
        str | None,
        declaring.value(
            "--like",
            metavar="CODEC:N",
            panel=COMMON,
            help="Find the smallest file with the SSIMULACRA 2 that another codec (jpeg, webp, avif or jxl) "
            "has at quality N, as jpeg:80; that file is made in memory to see. Instead of -q.",
        ),
    ] = None
    effort: Annotated[
        int | None,
        declaring.value(
            "-e",
            "--effort",
            metavar="N",
            panel=COMMON,
            help="How long to look for a smaller file of equal quality, 0 and 1 (not at all) to 9 "
            "(thirty times as long as 2). It decodes as fast as ever. Default: 1.",
        ),
    ] = None
    model: Annotated[
        str | None,
        declaring.model("Name or folder of a model, or hf://org/repo@commit. Default: the embedded one."),
    ] = None


Metrics = Annotated[
    str | None,
    declaring.value(
        "--metrics",
        metavar="LIST",
        panel=OUTPUT,
        help="Decode each file and tell how near it is: psnr, ms-ssim, ssimulacra2 or others of nic compare.",
    ),
]


@dataclass(frozen=True, slots=True)
class Source:
    """What is taken of a picture, and how it is cut up."""

    strip: Annotated[
        list[str] | None,
        declaring.value(
            "--strip",
            metavar="all|exif|xmp|icc|...",
            panel=OUTPUT,
            words=option_values.STRIPPABLE,
            help="Leave metadata out: all, gps, exif, xmp, icc, gainmap, iptc, text, geo, resolution, name "
            "(of the file); may be repeated. Default: keep all.",
        ),
    ] = None
    hdr: Annotated[
        str | None,
        declaring.value(
            "--hdr",
            metavar="keep|plain",
            panel=ADVANCED,
            help="What becomes of HDR by PQ or HLG: kept in 16 bits under its code, which PNG can carry, or "
            "taken for sRGB with a notice. Default: plain.",
        ),
    ] = None
    frame: Annotated[
        int | None,
        declaring.value(
            "--frame",
            metavar="N",
            panel=ADVANCED,
            help="Which frame of an animation, or page of a TIFF, to take, from 1; without it these are "
            "refused.",
        ),
    ] = None
    accept_truncated: Annotated[
        bool,
        declaring.flag(
            "--accept-truncated",
            panel=ADVANCED,
            help="Take what there is of pictures whose end is missing, with a notice.",
        ),
    ] = False
    preview: Annotated[
        bool,
        declaring.flag(
            "--preview",
            panel=OUTPUT,
            help="Put a small WebP of the picture into the file, which file managers and nic info show.",
        ),
    ] = False
    keep_suffix: options.KeepSuffix = False
    max_pixels: options.MaxPixels = None
    tile: Annotated[
        str | None,
        declaring.value(
            "--tile",
            metavar="N|auto",
            panel=ADVANCED,
            help="Side of the tiles that are coded apart, in pixels, a multiple of 64 from 64 to 2048: "
            "smaller ones make parts (decode --crop) cheaper to read, and files larger. "
            "Default: auto (1024).",
        ),
    ] = None
    trust: options.Trust = False


@declaring.grouped
def encode(
    *,
    inputs: options.InputsOrList = None,
    output: options.Target = None,
    rate: Rate,
    source: Source,
    metrics: Metrics = None,
    machine: options.Machine,
    files: options.Files,
    reporting: options.Reporting,
    archiving: options.Archiving,
    batches: options.Batches,
    offline: options.Offline = False,
) -> int:
    """Encode pictures to .nic files.

    Metadata and alpha are kept, EXIF orientation is applied. The files hold what was asked for with -b
    as a default only: every file decodes at any realism.

    Without -o, the output lies beside the input, with its suffix swapped.
    """
    run_options = options.run_options(files, reporting, archiving, batches, keep_suffix=source.keep_suffix)
    chosen = settings.load(
        model=rate.model,
        device=machine.device,
        quality=rate.quality,
        realism=rate.realism,
        effort=rate.effort,
        threads=machine.threads,
        tile=source.tile,
        color=reporting.color,
        offline=offline or None,
    )
    target_rate = option_values.rate_target(
        chosen, rate.quality, rate.bpp, rate.target_size, rate.ssimulacra2, rate.like
    )
    stripped = option_values.stripped_kinds(source.strip or [])
    frame, most = option_values.frame_number(source.frame), option_values.pixel_limit(source.max_pixels)
    chosen.apply()
    jobs = outputs.plan_encoding(inputs, output, run_options)
    judge = judging.judge(rate.ssimulacra2, rate.like, metrics)
    if run_options.remove:
        taken = {"--frame": source.frame is not None, "--accept-truncated": source.accept_truncated}
        removal.check(jobs, [name for name, given in taken.items() if given])
    console = run_options.console
    encoder = Encoder(
        target_rate,
        stripped,
        chosen,
        run_options,
        console,
        Models(chosen, console, trust=source.trust),
        alone=len(jobs) == 1,
        frame=frame,
        preview=source.preview,
        most=most,
        hdr=option_values.keeps_hdr(source.hdr),
        truncated=source.accept_truncated,
        judge=judge,
    )
    encoder.check()
    return runner.run_steps(jobs, encoder, console, run_options)
