"""`nic info`: what a file says of itself. Loads neither torch nor numpy nor Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import OUTPUT
from nic_cli.jobs import inspection, runner, settings
from nic_cli.jobs.files import outputs

EXAMPLES = (
    ("nic info photo.nic", "a table for people"),
    ("nic info --json *.nic", "one JSON object a line"),
    ("nic info --preview small.webp photo.nic", "the preview in the file, without decoding it"),
)


@dataclass(frozen=True, slots=True)
class Writing:
    """How a preview is written."""

    force: options.Force = False
    skip_existing: options.SkipExisting = False
    preserve: options.VainPreserve = False


@declaring.grouped
def info(
    *,
    inputs: options.Inputs,
    preview: Annotated[
        str | None,
        declaring.value(
            "--preview",
            metavar="OUT",
            panel=OUTPUT,
            help="Write the preview that a file holds, a small WebP, to OUT instead, or with - to standard "
            "output.",
        ),
    ] = None,
    reading: options.Reading,
    reporting: options.Reporting,
    fail_fast: options.FailFast = False,
    offline: options.Offline = False,
    writing: Writing,
) -> int:
    """Show what .nic files say of themselves.

    All checksums but those of the symbols are checked; nothing is decoded.
    """
    run_options = options.run_options(reading, reporting, writing)
    settings.load(color=reporting.color, offline=offline or None).apply()
    jobs = outputs.plan_reading(inputs, run_options)
    console = run_options.console
    if preview is not None:
        jobs = inspection.extracting(jobs, preview, run_options)
    work = inspection.extract if preview is not None else inspection.inspect
    show = console.say if run_options.dry_run or preview is not None else console.result
    return runner.run(jobs, partial(work, run_options=run_options), console, show=show, fail_fast=fail_fast)
