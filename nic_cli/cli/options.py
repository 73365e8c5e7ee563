"""The options that several commands share: their names, their help, and what they add up to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

COMMON, OUTPUT, ADVANCED = "Common", "Output", "Advanced"


def flag(*names: str, panel: str, help: str) -> Any:
    """Declare an option without a value."""
    return typer.Option(*names, metavar="", rich_help_panel=panel, help=help)


def value(*names: str, metavar: str, panel: str, help: str) -> Any:
    """Declare an option with a value; help names range and default, most of which lie in `settings`."""
    return typer.Option(*names, metavar=metavar, show_default=False, rich_help_panel=panel, help=help)


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT", show_default=False, help="Files, folders, or a single - for standard input."
    ),
]
InputsOrList = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="Files, folders, or a single - for standard input; or none, with --manifest.",
    ),
]
Manifest = Annotated[
    str | None,
    value(
        "--manifest",
        metavar="FILE",
        panel=ADVANCED,
        help="Take the inputs from a text file (- for standard input), a path a line, and its output after a "
        "tab where that is to be named. Below a folder -o, paths are kept.",
    ),
]
ShardOf = Annotated[
    str | None,
    value(
        "--shard",
        metavar="I/N",
        panel=ADVANCED,
        help="Do part I of N of the inputs, so that N runs do each of them once. The path inside the folder "
        "that was named says which part a file belongs to.",
    ),
]
Target = Annotated[
    str | None,
    value(
        "-o",
        "--output",
        metavar="OUT",
        panel=COMMON,
        help="A file, a folder (ends in / or is one), or - for standard output. Default: beside the input; "
        "for standard input, standard output.",
    ),
]
MaxPixels = Annotated[
    int | None,
    value(
        "--max-pixels",
        metavar="N",
        panel=ADVANCED,
        help="Refuse larger pictures, before anything is made for them. Default: 2^28, or 2^30 where they go "
        "by rows.",
    ),
]
Device = Annotated[
    str | None,
    value(
        "--device",
        metavar="auto|cpu|cuda|mps",
        panel=ADVANCED,
        help="Where the network runs. Default: auto, the fastest at hand.",
    ),
]
Threads = Annotated[
    int | None,
    value("--threads", metavar="N", panel=ADVANCED, help="Processor threads, 1 to 1024. Default: all."),
]
Trust = Annotated[
    bool,
    flag(
        "--trust",
        panel=ADVANCED,
        help="Fetch hf://org/repo@commit, which is not one of nic's own; its SHA-256 is shown and kept.",
    ),
]
Recursive = Annotated[bool, flag("-r", "--recursive", panel=COMMON, help="Descend into folders.")]
Force = Annotated[
    bool,
    flag(
        "-f", "--force", panel=OUTPUT, help="Overwrite existing files; write binary data to a terminal, too."
    ),
]
SkipExisting = Annotated[
    bool,
    flag(
        "--skip-existing",
        panel=OUTPUT,
        help="Pass over inputs whose output exists and is whole; one that is damaged or cut is made again.",
    ),
]
DryRun = Annotated[bool, flag("--dry-run", panel=OUTPUT, help="Only tell what would be done.")]
Preserve = Annotated[
    bool, flag("--preserve", panel=OUTPUT, help="Give the output the times and mode of the input.")
]
Json = Annotated[bool, flag("--json", panel=OUTPUT, help="One JSON object a line on standard output.")]
Quiet = Annotated[bool, flag("-Q", "--quiet", panel=OUTPUT, help="Tell nothing but failures.")]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        metavar="",
        show_default=False,
        rich_help_panel=OUTPUT,
        help="Tell more.",
    ),
]
Color = Annotated[
    str | None,
    value(
        "--color",
        metavar="auto|always|never",
        panel=OUTPUT,
        help="Colour on standard error. Default: auto, on a terminal.",
    ),
]
FailFast = Annotated[bool, flag("--fail-fast", panel=ADVANCED, help="Stop a batch at its first failure.")]
Offline = Annotated[
    bool, flag("--offline", panel=ADVANCED, help="Never ask a model hub (as HF_HUB_OFFLINE=1).")
]

# Scripts pass one set of options to every command, so those that write nothing take these as well.
_NONE_WRITTEN = "No effect: this command writes no file."
VainForce = Annotated[bool, flag("-f", "--force", panel=OUTPUT, help=_NONE_WRITTEN)]
VainSkip = Annotated[bool, flag("--skip-existing", panel=OUTPUT, help=_NONE_WRITTEN)]
VainPreserve = Annotated[bool, flag("--preserve", panel=OUTPUT, help=_NONE_WRITTEN)]
