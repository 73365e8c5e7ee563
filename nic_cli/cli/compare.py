"""`nic compare`: how near one picture is to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON
from nic_cli.errors import UsageError
from nic_cli.jobs import comparing, settings
from nic_cli.jobs.files import outputs
from nic_cli.jobs.files.plan import STREAM
from nic_cli.jobs.model_cache import Models
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console

EXAMPLES = (
    ("nic compare photo.png photo.nic", "PSNR, MS-SSIM and SSIMULACRA 2 of what the file decodes to"),
    ("nic compare -b 0 photo.png photo.nic", "of its most faithful decoding"),
    ("nic compare photo.png photo.jpg --metrics all", "with all metrics that can be had"),
    ("magick photo.png -quality 80 jpg:- | nic compare photo.png - --json", "through a pipe, for a program"),
)


@declaring.grouped
def compare(
    *,
    first: Annotated[
        str,
        typer.Argument(
            metavar="FIRST", show_default=False, help="The picture to compare with: the original."
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="SECOND",
            show_default=False,
            help="What became of it. Either may be any picture that is read, a .nic file, or - for standard "
            "input.",
        ),
    ],
    metrics: Annotated[
        str | None,
        declaring.value(
            "-m",
            "--metrics",
            metavar="LIST|all",
            panel=COMMON,
            help="What to measure; a wrong name lists what there is. Default: psnr,ms-ssim,ssimulacra2.",
        ),
    ] = None,
    realism: Annotated[
        float | None,
        declaring.value(
            "-b",
            "--realism",
            metavar="F",
            panel=COMMON,
            help="What .nic files are decoded at, 0 to 1. Default: what the file says.",
        ),
    ] = None,
    reporting: options.Reporting,
    machine: options.Machine,
    offline: options.Offline = False,
) -> int:
    """Tell how near one picture is to another.

    Pictures of one size are compared as nic bench does it, in sRGB; in 8 bits, unless both have 16. What has
    alpha is laid over mid-grey. Metrics that take something that is not installed are left out with the
    reason, unless they were named.
    """
    console = Console(quiet=reporting.quiet, verbose=bool(reporting.verbose), json=reporting.as_json)
    chosen = settings.load(
        device=machine.device, threads=machine.threads, color=reporting.color, offline=offline or None
    )
    b = None if realism is None else settings.checked("realism", realism, "--realism")
    if first == second == STREAM:
        raise UsageError("standard input (-) is one picture: name the other")
    chosen.apply()
    functions, left_out = comparing.chosen(metrics)
    paths = _path(first), _path(second)
    outputs.check_there(paths)
    with console.working_on(" and ".join(map(printable, (first, second)))):
        models = Models(chosen, console)
        report = comparing.compare(paths, functions, left_out, b, models, console)
    console.result(report.line)
    console.record(report.record)
    return 0


def _path(given: str) -> Path | None:
    return None if given == STREAM else Path(given)
