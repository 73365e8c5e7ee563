"""The options that several commands share: their names, their help, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from nic_cli.cli.declaring import ADVANCED, COMMON, OUTPUT, flag, value
from nic_cli.jobs import settings
from nic_cli.jobs.run_options import RunOptions
from nic_cli.jobs.settings import Settings
from nic_cli.terminal.console import Console

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
        help="Where the network runs. Default: auto, a GPU of NVIDIA for large pictures, else the CPU.",
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
    bool, flag("-p", "--preserve", panel=OUTPUT, help="Give the output the times and mode of the input.")
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
Remove = Annotated[
    bool,
    flag(
        "--rm",
        panel=OUTPUT,
        help="Remove each input once its output is written, read back and found sound; what something was "
        "left out of, or is the smaller, stays.",
    ),
]
Jobs = Annotated[
    int,
    value(
        "-j",
        "--jobs",
        metavar="N",
        panel=COMMON,
        help="Work by so many processes, each with a part of the threads and a model of its own. Default: 1.",
    ),
]
ProgressAs = Annotated[
    str,
    value(
        "--progress",
        metavar="auto|json",
        panel=OUTPUT,
        help="How far the work is, on standard error: a bar on a terminal, or lines of JSON. Default: auto.",
    ),
]
KeepSuffix = Annotated[
    bool,
    flag(
        "--keep-suffix",
        panel=OUTPUT,
        help="Name outputs photo.jpg.nic rather than photo.nic, as is done where two would have one name.",
    ),
]
FailFast = Annotated[bool, flag("--fail-fast", panel=ADVANCED, help="Stop a batch at its first failure.")]
Offline = Annotated[
    bool, flag("--offline", panel=ADVANCED, help="Never ask a model hub (as HF_HUB_OFFLINE=1).")
]

# Scripts pass one set of options to every command, so those that write nothing take these as well.
_NONE_WRITTEN = "No effect: this command writes no file."
VainForce = Annotated[bool, flag("-f", "--force", panel=OUTPUT, help=_NONE_WRITTEN, hidden=True)]
VainSkip = Annotated[bool, flag("--skip-existing", panel=OUTPUT, help=_NONE_WRITTEN, hidden=True)]
VainPreserve = Annotated[bool, flag("-p", "--preserve", panel=OUTPUT, help=_NONE_WRITTEN, hidden=True)]


@dataclass(frozen=True, slots=True)
class Files:
    """How a command that writes files goes through them."""

    recursive: Recursive = False
    force: Force = False
    skip_existing: SkipExisting = False
    dry_run: DryRun = False
    preserve: Preserve = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The same of a command that only reads."""

    recursive: Recursive = False
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True)
class Vain:
    """What such a command takes for the sake of scripts."""

    force: VainForce = False
    skip_existing: VainSkip = False
    preserve: VainPreserve = False


@dataclass(frozen=True, slots=True)
class Reporting:
    """What is told, and how."""

    as_json: Json = False
    quiet: Quiet = False
    verbose: Verbose = 0
    progress: ProgressAs = "auto"
    color: Color = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the network runs."""

    device: Device = None
    threads: Threads = None


@dataclass(frozen=True, slots=True)
class Batches:
    """Which inputs are of a batch, and when it ends."""

    fail_fast: FailFast = False
    manifest: Manifest = None
    part: ShardOf = None


@dataclass(frozen=True, slots=True)
class Archiving:
    """How whole archives are gone through."""

    jobs: Jobs = 1
    remove: Remove = False


@dataclass(frozen=True, slots=True)
class Plain:
    """What commands without inputs of their own have."""

    as_json: Json = False
    quiet: Quiet = False
    color: Color = None
    offline: Offline = False

    def console(self) -> Console:
        """Where they speak, with the settings applied."""
        settings.load(color=self.color, offline=self.offline or None).apply()
        return Console(quiet=self.quiet, json=self.as_json)


@dataclass(frozen=True, slots=True)
class Bystanding:
    """What commands that work for long on one thing have."""

    quiet: Quiet = False
    color: Color = None
    device: Device = None
    threads: Threads = None
    offline: Offline = False

    def settings(self) -> Settings:
        """The settings, applied."""
        chosen = settings.load(
            device=self.device, threads=self.threads, color=self.color, offline=self.offline or None
        )
        chosen.apply()
        return chosen


def run_options(*groups: Any, keep_suffix: bool = False) -> RunOptions:
    """What groups say of how files are gone through. Raises UsageError."""
    said = {field.name: getattr(group, field.name) for group in groups for field in fields(group)}
    same = ["force", "skip_existing", "recursive", "dry_run", "preserve", "fail_fast", "quiet", "remove"]
    same += ["progress"]
    run = RunOptions(
        **{name: said[name] for name in same if name in said},
        verbose=bool(said.get("verbose")),
        json=said["as_json"],
        keep_suffix=keep_suffix,
        processes=said.get("jobs", 1),
    )
    return run.over(said.get("manifest"), said.get("part"))
