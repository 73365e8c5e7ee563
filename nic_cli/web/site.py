"""The work of `nic web`: a folder of plain files that any server can serve, and that asks nobody else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nic_cli import bounded
from nic_cli.errors import ModelError, NicError, OutputExists
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import replacing_folder
from nic_cli.storage.printable import printable
from nic_cli.zoo.load import folder_of
from nic_cli.zoo.model_files import read_files
from nic_cli.zoo.model_folder import Parts, read_folder
from nic_cli.zoo.registry import CONFIG, WEIGHTS

HERE = Path(__file__).parent
PAGE, DECODER, MODELS = "page", "decoder", "models"
SUFFIXES = (".html", ".css", ".js", ".svg", ".wasm")
SHARED = HERE.parent / "page"
"""The page, that of `nic view` too."""
LIST = "models.json"
"""Names, ids, sizes and hashes of the models beside it: what the page looks files up in."""
MOST = 1 << 20  # bytes of a file of its own
MARK = "nic-image.js"
"""What a folder holds that such a site was written to."""


@dataclass(frozen=True, slots=True)
class Site:
    """The JSON object of a site that was written. bytes: of all its files; models: their names."""

    output: str
    bytes: int
    models: tuple[str, ...]


def write(folder: Path, models: Sequence[str], *, force: bool) -> Site:
    """Write a site with these models, names or folders. Raises OutputExists, ModelError and NicError."""
    if folder.exists() and not folder.is_dir():
        raise NicError(f"{printable(folder)}: is no folder; name one for the site")
    if folder.is_dir() and any(folder.iterdir()) and not (force or (folder / MARK).exists()):
        raise OutputExists(
            f"{printable(folder)}: holds other files; name an empty folder, or add them with -f"
        )
    checked = [_checked(name) for name in models]
    with replacing_folder(folder) as beside:
        for path in (*sorted(SHARED.iterdir()), *sorted((HERE / PAGE).iterdir())):
            _copy(path, beside)
        for path in sorted((HERE / DECODER).iterdir()):
            _copy(path, beside / DECODER)
        listed = [_model(source, parts, beside / MODELS) for source, parts in checked]
        put(beside / LIST, json.dumps(listed, indent=2) + "\n")
        size = sum(path.stat().st_size for path in beside.rglob("*") if path.is_file())
    return Site(str(folder), size, tuple(str(model["name"]) for model in listed))


def _copy(path: Path, folder: Path) -> None:
    if path.suffix in SUFFIXES:
        with path.open("rb") as stream:
            put(folder / path.name, bounded.read(stream, MOST))


def _checked(name: str) -> tuple[Path, Parts]:
    """The folder of a native model, and what was read of it."""
    source = folder_of(name)
    parts = read_folder(source)
    if not isinstance(parts, Parts):
        raise ModelError(
            f"{name}: {parts.config.kind} was imported: browsers show files of native models only"
        )
    return source, parts


def _model(source: Path, parts: Parts, models: Path) -> dict[str, object]:
    """Copy a model, and say what it is."""
    place = models / parts.config.name
    hashes = {}
    for file, data in read_files(source, [CONFIG, WEIGHTS]).items():
        put(place / file, data)
        hashes[file] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    return {"name": parts.config.name, "id": parts.id.hex(), "files": hashes}
