"""`nic info`: what a file says of itself. Loads neither torch nor numpy nor Pillow."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from nic_cli.cli import options
from nic_cli.cli.options import OUTPUT
from nic_cli.jobs import inspection, loop, outputs, settings
from nic_cli.jobs.run_options import General

EXAMPLES = (
    ("nic info photo.nic", "a table for people"),
    ("nic info --json *.nic", "one JSON object a line"),
    ("nic info --preview small.webp photo.nic", "the preview in the file, without decoding it"),
)


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
        jobs = inspection.extracting(jobs, preview, general)
    work = inspection.extract if preview is not None else inspection.inspect
    show = console.say if dry_run or preview is not None else console.result
    return loop.run(jobs, partial(work, general=general), console, show=show, fail_fast=fail_fast)
