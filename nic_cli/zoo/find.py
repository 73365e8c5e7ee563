"""Which models are here, and where: embedded, fetched from the hub, the user's own, or any folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nic_cli import bounded
from nic_cli.errors import ModelError
from nic_cli.types import Header
from nic_cli.zoo import directories, pins
from nic_cli.zoo.registry import CONFIG, DEFAULT, EMBEDDED, LIMITS, TABLE, Entry

COMES_WITH, FETCHED, ON_HUB, OWN, FOLDER = "embedded", "fetched", "on the hub", "own", "folder"


@dataclass(frozen=True, slots=True)
class Place:
    """A model that may be here. state: one of the five above; folder: where it lies, or would.

    entry: what is known of it on the hub, None if nothing.
    """

    name: str
    state: str
    folder: Path
    entry: Entry | None = None


def find(name: str) -> Place:
    """The model of a name, an address or a path, in this order; it is here.

    Embedded, table (in the cache of the hub), the user's own, a folder, hf://org/repo@commit. Raises
    ModelError with the way to get it if it is known but absent, or if nothing has this name.
    """
    place = known(name)
    if place.state == ON_HUB:
        raise ModelError(f"model {name} is not on this machine yet: nic models pull {name} gets it")
    return place


def known(name: str) -> Place:
    """As `find`, but also for a model that is not here yet."""
    if pins.is_address(name):
        return _on_hub(name, pins.trusted(name))
    if name in EMBEDDED:
        return Place(name, COMES_WITH, directories.embedded(name), TABLE.get(name))
    if name in TABLE:
        return _on_hub(name, TABLE[name])
    if directories.is_name(name) and (directories.own(name) / CONFIG).is_file():
        return Place(name, OWN, directories.own(name))
    if (Path(name) / CONFIG).is_file():
        return Place(name, FOLDER, Path(name))
    raise ModelError(
        f"no model {name!r} here: the embedded one is {DEFAULT}, nic models list shows all; "
        f"for another, -m the folder of its {CONFIG}, or hf://org/repo@commit"
    )


def everything() -> Iterator[Place]:
    """All models that have a name or a trusted address, here or not."""
    yield from (known(name) for name in (*EMBEDDED, *(n for n in TABLE if n not in EMBEDDED)))
    yield from (_on_hub(pins.address(entry), entry) for entry in pins.all_trusted())
    for path in sorted(directories.user_models().glob("*/" + CONFIG)):
        name = path.parent.name
        if directories.is_name(name):
            yield Place(name, OWN, path.parent)


def names_for(header: Header) -> list[str]:
    """The names, for `find`, of the models that may have made a file.

    What a file names is only looked up: it is never taken for a path, and nothing is fetched for it.
    Raises ModelError with the way to get it if the model is known but not here.
    """
    found: list[str] = []
    missing: list[str] = []
    for place in everything():
        entry = place.entry
        if header.model not in (place.name, _stated_name(place)):
            continue
        if entry is not None and entry.id not in (None, header.model_id.hex()):
            continue
        # By its folder, since a name that nic learns later may hide that of an own model.
        name = str(place.folder) if place.state == OWN else place.name
        (missing if place.state == ON_HUB else found).append(name)
    if missing and not found:
        raise ModelError(
            f"encoded with model {header.model} (id {header.model_id.hex()}), which is not on this machine "
            f"yet: nic models pull {missing[0]} gets it"
        )
    return found


def _stated_name(place: Place) -> object:
    """The name that a model gives to its files, which its folder need not have."""
    if place.entry is not None:
        return place.entry.name
    try:
        with (place.folder / CONFIG).open("rb") as stream:
            config = json.loads(bounded.read(stream, LIMITS[CONFIG]))
    except (OSError, ValueError, RecursionError):
        return None
    return config.get("name") if isinstance(config, dict) else None


def _on_hub(name: str, entry: Entry) -> Place:
    from nic_cli.zoo import hub_client

    folder = hub_client.cache() / pins.folder_name(entry.repository) / "snapshots" / str(entry.commit)
    here = bool(entry.files) and all((folder / file).is_file() for file in entry.files)
    return Place(name, FETCHED if here else ON_HUB, folder, entry)
