"""The work of `nic web`: a folder of plain files that any server can serve, and that asks nobody else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from nic_cli import bounded
from nic_cli.errors import ModelError, NicError, OutputExists
from nic_cli.extras import NAME
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import filling_folder
from nic_cli.storage.printable import printable
from nic_cli.zoo.directories import is_name
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
LICENCE = "Apache-2.0: https://www.apache.org/licenses/LICENSE-2.0"
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
    checked = [_checked(name) for name in dict.fromkeys(models)]
    before = _listed(folder)
    with filling_folder(folder) as beside:
        for path in (*sorted(SHARED.iterdir()), *sorted((HERE / PAGE).iterdir())):
            _copy(path, beside)
        for path in sorted((HERE / DECODER).iterdir()):
            _copy(path, beside / DECODER)
        put(beside / DECODER / "LICENSE", _licence())  # not beside the page, where others have their own
        listed = [_model(source, parts, beside / MODELS) for source, parts in checked]
        put(beside / LIST, json.dumps(listed, indent=2) + "\n")
        size = sum(path.stat().st_size for path in beside.rglob("*") if path.is_file())
    for name in before - {str(model["name"]) for model in listed}:
        for file in (CONFIG, WEIGHTS):
            (folder / MODELS / name / file).unlink(missing_ok=True)
        with suppress(OSError):  # there is more in it, which is not ours
            (folder / MODELS / name).rmdir()
    return Site(str(folder), size, tuple(str(model["name"]) for model in listed))


def _listed(folder: Path) -> set[str]:
    """Names of the models that a site had so far; what lies in other folders is not ours."""
    if not (folder / MARK).exists():
        return set()
    try:
        with (folder / LIST).open("rb") as stream:
            names = [model["name"] for model in json.loads(bounded.read(stream, MOST))]
        return set(filter(is_name, names))
    except (OSError, ValueError, TypeError, KeyError, NicError):
        return set()


def _licence() -> bytes:
    """Of the page and the decoder: whoever serves them passes them on."""
    for path in metadata.distribution(NAME).files or ():
        if path.name == "LICENSE":
            with Path(str(path.locate())).open("rb") as stream:
                return bounded.read(stream, MOST)
    return f"{LICENCE}\n".encode()


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
