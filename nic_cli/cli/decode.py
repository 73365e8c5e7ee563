"""`nic decode`: `.nic` files to pictures."""

from __future__ import annotations

from typing import Annotated

from nic_cli.cli import options
from nic_cli.cli.options import COMMON, OUTPUT
from nic_cli.errors import UsageError
from nic_cli.jobs import loop, outputs, settings, targets
from nic_cli.jobs.decoding import FORMATS, Decoder, suffix_of
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.run_options import General

EXAMPLES = (
    ("nic decode photo.nic", "writes photo.png"),
    ("nic decode photo.nic -o photo.jpg", "in the format that the name says"),
    ("nic decode -b 0 photo.nic -o faithful.png", "nothing invented, whatever the file asks for"),
    ("nic decode --crop 0,0,512,512 map.nic", "a part, at the price of a part"),
    ("nic decode -r packed/ -o album/ --format webp", "a folder with all below it"),
    ("nic decode - < photo.nic | magick png:- -resize 50% half.png", "through pipes"),
)


def decode(
    inputs: options.InputsOrList = None,
    output: options.Target = None,
    realism: Annotated[
        float | None,
        options.value(
            "-b",
            "--realism",
            metavar="F",
            panel=COMMON,
            help="From 0 (most faithful) to 1 (most realistic). Default: what the file says.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        options.value(
            "--format",
            metavar="|".join(FORMATS),
            panel=OUTPUT,
            help="Format of the pictures. Default: that of the output's suffix, else png.",
        ),
    ] = None,
    crop: Annotated[
        str | None,
        options.value(
            "--crop",
            metavar="X,Y,W,H",
            panel=OUTPUT,
            help="Only this part, in pixels of the whole; only what it needs is read and decoded.",
        ),
    ] = None,
    scale: Annotated[
        str | None,
        options.value(
            "--scale",
            metavar="1/2|1/4|1/8",
            panel=OUTPUT,
            help="So much smaller along each side: every pixel is the mean of a square of pixels.",
        ),
    ] = None,
    max_pixels: options.MaxPixels = None,
    recursive: options.Recursive = False,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    dry_run: options.DryRun = False,
    preserve: options.Preserve = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    color: options.Color = None,
    device: options.Device = None,
    threads: options.Threads = None,
    fail_fast: options.FailFast = False,
    manifest: options.Manifest = None,
    part: options.ShardOf = None,
    offline: options.Offline = False,
) -> int:
    """Decode .nic files to pictures.

    A picture comes back with its metadata, its alpha, its colour space and, where the format can, its
    bit depth.

    Without -o, the output lies beside the input, with its suffix swapped.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    ).over(manifest, part)
    chosen = settings.load(device=device, threads=threads, color=color, offline=offline or None)
    b = None if realism is None else settings.checked("realism", realism, "--realism")
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format: {format!r} cannot be used: give {', '.join(FORMATS)}")
    view, most = targets.of_view(crop, scale), targets.of_limit(max_pixels)
    chosen.apply()
    jobs = outputs.plan_decoding(inputs, output, general, suffix_of(format))
    console = general.console
    decoder = Decoder(b, format, general, console, Models(chosen, console), len(jobs) == 1, view, most)
    work = decoder.rehearse if dry_run else decoder
    return loop.run(jobs, work, console, show=console.say, fail_fast=fail_fast)
