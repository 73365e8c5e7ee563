"""`nic train`: trains a model by a recipe, or goes on training one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nic_cli import units
from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON, OUTPUT
from nic_cli.errors import UsageError
from nic_cli.terminal.console import Console, complain

EXAMPLES = (
    (
        "nic train recipe.toml --data photos/ --work run/",
        "trains; the model and all that resuming needs go to run/",
    ),
    ("nic train recipe.toml --data photos/ --work run/ --resume --time 22m", "goes on for 22 minutes"),
    ("nic train tune.toml --data scans/ --init iris --work tuned/", "fine-tunes the embedded model"),
    (
        "nic train decoder --data scans/ --init my-hific --work tuned/",
        "teaches the decoder of an imported model; its files stay what they are",
    ),
)
INTERRUPTED = 130  # the trainer itself takes Ctrl-C, to save what it has


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained on, where from, and for how long."""

    data: Annotated[
        list[Path] | None,
        declaring.value(
            "--data",
            metavar="DIR",
            panel=COMMON,
            help="Folder of training pictures; may be repeated. Default: what the recipe says.",
        ),
    ] = None
    work: Annotated[
        Path | None,
        declaring.value(
            "--work",
            metavar="DIR",
            panel=COMMON,
            help="Folder for checkpoints, log and model. Default: checkpoints/ and the recipe's name.",
        ),
    ] = None
    resume: Annotated[
        bool,
        declaring.flag("--resume", panel=COMMON, help="Go on from the last checkpoint in the work folder."),
    ] = False
    init: Annotated[
        str | None,
        declaring.value(
            "--init",
            metavar="MODEL",
            panel=COMMON,
            help="Model to start from. Default: what the recipe says.",
        ),
    ] = None
    name: Annotated[
        str | None,
        declaring.value(
            "--name",
            metavar="NAME",
            panel=OUTPUT,
            help="Name of the model. Default: what the recipe says, with the date where that is another's.",
        ),
    ] = None
    limit: Annotated[
        str | None,
        declaring.value(
            "--time",
            metavar="TIME",
            panel=COMMON,
            help="How long to train from now on: 90s, 22m, 1.5h. Default: what the recipe says.",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        declaring.flag(
            "--dry-run",
            panel=OUTPUT,
            help="Check all that it needs, then two steps of every phase, one validation, one save; "
            "nothing is kept.",
        ),
    ] = False
    force: Annotated[
        bool,
        declaring.flag("-f", "--force", panel=OUTPUT, help="Begin anew in a folder that holds a training."),
    ] = False


@declaring.grouped
def train(
    *,
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE", show_default=False, help="The recipe: a TOML file, or crdr or decoder."
        ),
    ],
    training: Training,
    bystanding: options.Bystanding,
) -> int:
    """Train a model by a recipe.

    Ctrl-C or SIGTERM saves what there is; --resume goes on from there.
    """
    console, chosen = Console(quiet=bystanding.quiet), bystanding.settings()
    seconds = None if training.limit is None else _seconds(training.limit)
    from nic_cli.train.command import run
    from nic_cli.train.start.readiness import NotReady
    from nic_cli.zoo.load import chosen as device_of

    try:
        with console.progress("training", in_percent=True) as bar:
            finished = run(
                recipe,
                data=training.data or [],
                resume=training.resume,
                init=training.init,
                seconds=seconds,
                dry_run=training.dry_run,
                work=training.work,
                name=training.name,
                force=training.force,
                device=device_of(chosen.device),
                say=console.say,
                progress=bar,
            )
    except NotReady as error:  # a line for each thing that is missing
        for line in error.lines:
            complain(line)
        return error.code
    return 0 if finished else INTERRUPTED


def _seconds(text: str) -> float:
    try:
        return units.parse_seconds(text)
    except ValueError as error:
        raise UsageError(f"--time: {text!r} cannot be used: {error}") from error
