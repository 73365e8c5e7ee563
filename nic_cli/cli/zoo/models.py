"""`nic models`: which models there are, and getting, checking, publishing and removing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON, OUTPUT
from nic_cli.cli.zoo.exporting import export_model
from nic_cli.cli.zoo.importing import import_model
from nic_cli.errors import ModelError, UsageError
from nic_cli.jobs import model_reports, pull_report
from nic_cli.jobs.model_reports import Listed, Located, Pulled, Pushed, Removed, Shown, Verified
from nic_cli.storage.printable import printable
from nic_cli.zoo import find, pins

if TYPE_CHECKING:
    from nic_cli.zoo.registry import Entry

app = typer.Typer(help="Manage models: embedded, on the hub, imported, and your own.")
app.command("import")(import_model)
app.command("export")(export_model)

EXAMPLES = (
    ("nic models list", "what is here, and what can be had"),
    (
        "nic models pull hf://someone/model@COMMIT --trust",
        "a model of someone you trust, at that very commit",
    ),
    ("nic models pull run/model --name mine", "a model you trained, from now on known as mine"),
    ("nic models import crdr crdr.pth.tar", "a checkpoint of its authors, from now on known as crdr"),
    ("nic models verify iris", "every byte, and the self-test"),
    ("nic models push run/model someone/model", "publishes a model folder in one commit"),
    ("nic models export iris --onnx iris-onnx/", "graphs that ONNX Runtime and others run"),
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        help="A name of nic models list, the folder of a model, or hf://org/repo@commit.",
        autocompletion=declaring.completing(declaring.model_names),
    ),
]


@app.command("list")
@declaring.grouped
def list_models(
    *,
    plain: options.Plain,
) -> int:
    """List the models that are here or can be had by name."""
    console = plain.console()
    found = [Listed.of(place) for place in find.everything()]
    console.result(model_reports.table(found))
    for one in found:
        console.record(one)
    return 0


@app.command()
@declaring.grouped
def show(
    *,
    name: Name,
    plain: options.Plain,
) -> int:
    """Show what a model is: shape, licence, hashes, size, place."""
    console = plain.console()
    said = Shown.of(find.known(name))
    console.result(model_reports.sheet(said))
    console.record(said)
    return 0


@app.command()
@declaring.grouped
def pull(
    *,
    name: Name,
    trust: options.Trust = False,
    new_name: Annotated[
        str | None,
        declaring.value(
            "--name",
            metavar="NAME",
            panel=COMMON,
            help="Name for a model from a folder. Default: the one in its config.json.",
        ),
    ] = None,
    force: Annotated[
        bool, declaring.flag("-f", "--force", panel=OUTPUT, help="Replace a model of yours of the same name.")
    ] = False,
    plain: options.Plain,
) -> int:
    """Get a model from the hub, or from a folder.

    The licence is shown before weights are fetched. What comes must have the size and SHA-256 that nic knows;
    for hf://org/repo@commit they are shown, and kept as what this model must be from then on.

    A folder is copied to your own models, where files find the model by its name.
    """
    console = plain.console()
    from nic_cli.zoo.model_files import hashed

    if not pins.is_address(name) and _is_folder(name):
        from nic_cli.zoo.pull import add

        place = add(Path(name), new_name, force=force)
    elif new_name is not None:
        raise UsageError("--name is for a model from a folder: leave it out")
    else:
        place = pull_report.pull(name, console, trust=trust)
    done = pull_report.hashes(hashed(place.folder))
    console.say(f"{place.name} lies in {printable(place.folder)}")
    console.result("\n".join(pull_report.lines(done)))
    console.record(Pulled(place.name, str(place.folder), Shown.of(place).licence, done))
    return 0


@app.command()
@declaring.grouped
def verify(
    *,
    name: Name,
    plain: options.Plain,
) -> int:
    """Check a model: the hash of every file, every tensor, and the self-test."""
    console = plain.console()
    place = find.find(name)
    from nic_cli.zoo.load import ready
    from nic_cli.zoo.model_files import hashed
    from nic_cli.zoo.model_folder import read_folder
    from nic_cli.zoo.research_folder import ResearchParts

    parts = read_folder(place.folder)
    model = ready(parts, "cpu", console.warn)
    if isinstance(parts, ResearchParts):
        parts.check()
    done = pull_report.hashes(hashed(place.folder))
    pinned = "hashes as pinned" if pins.pins_of(place.folder) else "hashes not pinned"
    console.result(
        "\n".join([f"{name}: ok  id {model.id.hex()}  self-test passed, {pinned}", *pull_report.lines(done)])
    )
    console.record(Verified(name, True, model.id.hex(), str(place.folder), done))
    return 0


@app.command()
@declaring.grouped
def push(
    *,
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", show_default=False, help="The folder of a model, or its name.")
    ],
    repository: Annotated[
        str,
        typer.Argument(metavar="REPOSITORY", show_default=False, help="Where it goes on the hub: org/name."),
    ],
    private: Annotated[
        bool, declaring.flag("--private", panel=COMMON, help="Make a repository that only you can see.")
    ] = False,
    plain: options.Plain,
) -> int:
    """Publish a model folder on the hub, in one commit.

    config.json, the weights, README.md, results.tsv and recipe.toml are uploaded, with the token of
    HF_TOKEN or of hf auth login. The model is checked first, and its card must name a licence. What would
    pin it is shown.
    """
    console = plain.console()
    place = find.find(folder)
    pins.checked_repository(repository)
    from nic_cli.zoo.card import licence_of
    from nic_cli.zoo.hub_client import host
    from nic_cli.zoo.hub_client import push as upload
    from nic_cli.zoo.model_files import hashes, present, read_files
    from nic_cli.zoo.model_folder import parsed
    from nic_cli.zoo.registry import CARD, Entry

    files = read_files(place.folder, present(place.folder), own=True)
    parts = parsed(files, place.folder)
    licence = licence_of(files.get(CARD, b"").decode("utf-8", "replace"))
    if licence is None:
        raise ModelError(
            f"{printable(place.folder)}: {CARD} names no licence, so nobody may use the model: "
            "begin it with the lines ---, license: ..., ---"
        )
    found = hashes(files)
    console.say(f"{sum(file.size for file in found.values()):,} bytes to {repository} on {host()}")
    commit = upload(repository, files, f"Publish {parts.config.name}", private=private)
    entry = Entry(parts.config.name, repository, commit, licence, found, parts.id.hex())
    console.result(f"{pins.address(entry)}\n{_source(entry)}")
    console.record(Pushed(repository, commit, licence, parts.id.hex(), pull_report.hashes(found)))
    return 0


@app.command()
@declaring.grouped
def path(
    *,
    name: Name,
    plain: options.Plain,
) -> int:
    """Print the folder of a model."""
    console = plain.console()
    folder = str(find.find(name).folder)
    console.result(folder)
    console.record(Located(name, folder))
    return 0


@app.command()
@declaring.grouped
def rm(
    *,
    name: Name,
    plain: options.Plain,
) -> int:
    """Remove a model that was fetched or added, without asking."""
    console = plain.console()
    place = find.find(name)
    from nic_cli.zoo.pull import remove

    n_bytes = remove(place)
    console.say(f"{place.name} removed, {n_bytes:,} bytes free")
    console.record(Removed(place.name, str(place.folder), n_bytes))
    return 0


def _is_folder(name: str) -> bool:
    try:
        return find.known(name).state == find.FOLDER
    except ModelError:
        return False


def _source(entry: Entry) -> str:
    """The lines that pin an entry in the table of models."""

    def call(*values: Any) -> str:
        return ", ".join(map(repr, values))

    files = [f"        {name!r}: File({call(file.size, file.sha256)})," for name, file in entry.files.items()]
    head = [f"{entry.name!r}: Entry(", f"    {call(entry.name, entry.repository)},"]
    pinned = [f"    commit={entry.commit!r},", f"    licence={entry.licence!r},"]
    return "\n".join([*head, *pinned, "    files={", *files, "    },", f"    id={entry.id!r},", "),"])
