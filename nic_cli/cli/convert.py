"""`nic convert`: older files in the format of today. Loads neither torch nor numpy nor Pillow."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON
from nic_cli.jobs import conversion, runner, settings
from nic_cli.jobs.files import outputs

EXAMPLES = (
    ("nic convert photo.nic", "in place; the old file stays until the new one is whole"),
    ("nic convert -r -p archive/", "a folder with all below it, whose times stay"),
    ("nic convert -r archive/ -o new/", "the originals stay"),
)


@declaring.grouped
def convert(
    *,
    inputs: options.InputsOrList = None,
    output: Annotated[
        str | None,
        declaring.value(
            "-o",
            "--output",
            metavar="OUT",
            panel=COMMON,
            help="A file, a folder (ends in / or is one), or - for standard output. Default: in place; for "
            "standard input, standard output.",
        ),
    ] = None,
    files: options.Files,
    reporting: options.Reporting,
    batches: options.Batches,
    offline: options.Offline = False,
) -> int:
    """Bring .nic files into the format of today.

    The container is written anew. Payloads and their checksums, metadata, and chunks that this version does
    not know stay byte for byte, so the picture is the same. What is of that format already is left alone.
    """
    run_options = options.run_options(files, reporting, batches)
    settings.load(color=reporting.color, offline=offline or None).apply()
    jobs = outputs.plan_converting(inputs, output, run_options)
    return runner.run(
        jobs,
        partial(conversion.convert, run_options=run_options),
        run_options.console,
        show=run_options.console.say,
        fail_fast=run_options.fail_fast,
        rehearsing=run_options.dry_run,
    )
