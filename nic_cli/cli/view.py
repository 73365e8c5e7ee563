"""`nic view`: a page in the browser that shows `.nic` files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import ADVANCED, COMMON
from nic_cli.errors import UsageError
from nic_cli.jobs.files import outputs
from nic_cli.jobs.files.plan import STREAM
from nic_cli.jobs.run_options import RunOptions
from nic_cli.terminal.console import Console

EXAMPLES = (
    ("nic view photo.nic", "opens it in the browser, with a slider for its realism"),
    ("nic view photo.nic --original photo.png", "with the picture that it was made from beside it"),
    ("nic view album/", "all .nic files of a folder, one after the other"),
    (
        "nic view --no-browser --port 8000 map.nic",
        "for ssh -L 8000:127.0.0.1:8000 to lead to",
    ),
)
PORTS = 65535


@dataclass(frozen=True, slots=True)
class Showing:
    """What stands beside the files, and where."""

    original: Annotated[
        list[Path] | None,
        declaring.value(
            "--original",
            metavar="PICTURE",
            panel=COMMON,
            help="The picture that a file was made from; may be repeated, in the order of the files.",
        ),
    ] = None
    recursive: options.Recursive = False
    port: Annotated[
        int,
        declaring.value(
            "--port", metavar="N", panel=ADVANCED, help="Port on 127.0.0.1. Default: one that is free."
        ),
    ] = 0
    no_browser: Annotated[
        bool,
        declaring.flag(
            "--no-browser", panel=ADVANCED, help="Only print the address, which holds a secret token."
        ),
    ] = False


@declaring.grouped
def view(
    *,
    inputs: Annotated[list[str], typer.Argument(metavar="FILE", show_default=False, help="Files, folders.")],
    showing: Showing,
    bystanding: options.Bystanding,
) -> int:
    """Show .nic files in the browser.

    At their pixels, with a slider that decodes them at another realism, and the original to compare with.
    All is served from this machine to this machine alone. It ends soon after its last tab is closed, or with
    Ctrl-C.
    """
    if STREAM in inputs:
        raise UsageError("standard input (-) cannot be viewed: name a file")
    if not 0 <= showing.port <= PORTS:
        raise UsageError(f"--port: {showing.port} cannot be used: give 1 to {PORTS}, or 0 for a free one")
    console, chosen = Console(quiet=bystanding.quiet), bystanding.settings()
    jobs = outputs.plan_reading(inputs, RunOptions(recursive=showing.recursive))
    from nic_cli.jobs.model_cache import Models
    from nic_cli.view.command import run

    return run(
        [job.source for job in jobs if job.source is not None],
        showing.original or [],
        Models(chosen, console),
        console,
        port=showing.port,
        browser=not showing.no_browser,
    )
