"""`nic models import`: checkpoints of research systems become models like any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON
from nic_cli.errors import UsageError
from nic_cli.jobs import settings
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console
from nic_cli.transform.research.config import KINDS
from nic_cli.zoo import directories
from nic_cli.zoo.registry import EMBEDDED, TABLE


@dataclass(frozen=True, slots=True)
class Imported:
    """The JSON object of an imported model. id: 16 hexadecimal digits, as files name it."""

    name: str
    kind: str
    id: str
    folder: str
    licence: str
    q_top: float
    sources: list[str]


def import_model(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            show_default=False,
            help=f"The system: {', '.join(KINDS)}.",
            autocompletion=declaring.completing(list(KINDS)),
        ),
    ],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            show_default=False,
            help="Its checkpoint. Of hific and msillm several, in the order of their rates, for one model.",
        ),
    ],
    name: Annotated[
        str | None,
        declaring.value("--name", metavar="NAME", panel=COMMON, help="Name of the model. Default: its kind."),
    ] = None,
    half: Annotated[
        bool,
        declaring.flag(
            "--half",
            panel=COMMON,
            help="Store what symbols do not depend on in half precision.",
        ),
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    color: options.Color = None,
) -> int:
    """Import a checkpoint of CRDR, QVRF, HiFiC or MS-ILLM as its authors saved it.

    The file is read as tensors, no code in it is run. Its coding tables are made once and stored, a small
    picture is coded as a test, and the model is then used by its name: nic encode -m NAME. Two files of
    msillm that differ in their decoder alone become one rate with two ends of realism.
    """
    settings.load(color=color).apply()
    console = Console(quiet=quiet, json=as_json)
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is no system that nic can run: there are {', '.join(KINDS)}")
    name = directories.checked_name(kind if name is None else name)
    if name in EMBEDDED or name in TABLE:
        raise UsageError(f"{name!r} is the name of a model that nic knows: choose another with --name")
    from nic_cli.zoo.checkpoint_import import import_model

    config = import_model(
        kind, [Path(f) for f in files], directories.own(name), name, half=half, say=console.say
    )
    folder = directories.own(name)
    console.result(f"{name}: {kind}, id {config.id}, in {printable(folder)}\nlicence: {config.licence}")
    console.record(
        Imported(name, kind, config.id, str(folder), config.licence, config.q_top, list(config.sources))
    )
    return 0
