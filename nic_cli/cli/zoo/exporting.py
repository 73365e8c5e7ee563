"""`nic models export`: a native model as graphs that other programs run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import OUTPUT
from nic_cli.jobs import pull_report
from nic_cli.jobs.model_reports import Shown
from nic_cli.jobs.pull_report import Hash
from nic_cli.storage.printable import printable
from nic_cli.zoo import find


@dataclass(frozen=True, slots=True)
class Exported:
    """The JSON object of an exported model. id: 16 hexadecimal digits, as files name it."""

    name: str
    id: str
    folder: str
    licence: str | None
    files: list[Hash]


@declaring.grouped
def export_model(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="A native model: its name, its folder, or hf://org/repo@commit.",
            autocompletion=declaring.completing(declaring.model_names),
        ),
    ],
    onnx: Annotated[
        str,
        declaring.value(
            "--onnx",
            metavar="FOLDER",
            panel=OUTPUT,
            help="Where the ONNX graphs go. Needs the extra onnx.",
        ),
    ],
    force: Annotated[
        bool, declaring.flag("-f", "--force", panel=OUTPUT, help="Write into a folder that is not empty.")
    ] = False,
    plain: options.Plain,
) -> int:
    """Export a native model as ONNX graphs.

    One graph for each of its networks, of any height and width, the coding tables, and a README.md that says
    what goes in and out and how a decoder is made of them. Imported models are refused.
    """
    console = plain.console()
    place = find.find(name)
    from nic_cli.zoo.onnx_export import export

    folder, licence = Path(onnx), Shown.of(place).licence
    done = export(place.folder, folder, licence, force=force, warn=console.warn)
    files = pull_report.hashes(done.files)
    console.say(f"{done.name}, id {done.id.hex()}, lies in {printable(folder)}")
    console.result("\n".join(pull_report.lines(files)))
    console.record(Exported(done.name, done.id.hex(), str(folder), licence, files))
    return 0
