"""From the hub, or from a folder, to a model that is here: read, checked and parsed, then kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from nic_cli.errors import ModelError, OutputExists, UsageError
from nic_cli.storage.atomic import put
from nic_cli.zoo import directories, hub_client, pins
from nic_cli.zoo.card import licence_of
from nic_cli.zoo.find import COMES_WITH, FETCHED, FOLDER, ON_HUB, OWN, Place, known
from nic_cli.zoo.model_files import check, hashes, present, read_files
from nic_cli.zoo.registry import CARD, CONFIG, LIMITS, TABLE, WEIGHTS, Entry

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

UNSTATED = "not stated"


def pull(name: str, *, trust: bool, say: Say, bar: Bar) -> Place:
    """Fetch a model of the table, or hf://org/repo@commit, unless it is here and sound.

    say: told what is fetched, from where, and its licence, before any weights are. bar: makes a bar
    for the bytes of a file. Raises ModelError; UsageError without `trust` for what is not in the table.
    """
    entry, here = _wanted(name, trust)
    if here is not None and _sound(here):
        say(f"{name} comes with nic" if here.state == COMES_WITH else f"{name} is here already, and sound")
        return here
    if entry.commit is None or not (entry.files or pins.is_address(name)):
        raise ModelError(f"{name} is not on the hub yet: nothing to fetch")
    repository, commit = entry.repository, entry.commit
    say(f"{repository} at {commit} from {hub_client.host()}")
    announced = {} if entry.files else hub_client.listing(repository, commit)
    sizes = {n: f.size for n, f in (entry.files or announced).items() if n in LIMITS}
    _check_sizes(entry, sizes)
    files: dict[str, bytes] = {}
    for file in sorted(sizes, key=list(LIMITS).index):  # the card first, the weights after config.json
        if file == CONFIG:
            licence = licence_of(files.get(CARD, b"").decode("utf-8", "replace")) or UNSTATED
            entry = entry if entry.licence else replace(entry, licence=licence)
            say(f"licence {entry.licence}, {sum(sizes.values()):,} bytes")
        with bar(f"bytes of {file}") as told:
            files[file] = hub_client.read(repository, commit, file, sizes[file], told)
        where = f"{repository}/{file}"
        if entry.files:
            check(files[file], entry.files[file], where)
        else:
            _compare(files[file], announced[file], where)
    return _keep(name, entry, files)


def add(folder: Path, name: str | None = None, *, force: bool = False) -> Place:
    """Copy a model folder to the user's own models. Raises UsageError (name), OutputExists, ModelError."""
    from nic_cli.zoo.model_folder import parsed

    given = read_files(folder, present(folder), own=True)
    config = parsed(given, folder).config
    name = directories.checked_name(config.name if name is None else name)
    if name in TABLE:
        raise UsageError(f"{name!r} is the name of a model that nic knows: choose another with --name")
    place = directories.own(name)
    if (place / CONFIG).exists() and not force:
        raise OutputExists(f"{name} is here already, in {place}: -f replaces it, --name gives another name")
    _write(place, given)
    return known(name)


def remove(place: Place) -> int:
    """Take a fetched or own model away; give the bytes that are free now. Raises UsageError for any other."""
    if place.state == FETCHED and place.entry is not None:
        if pins.is_address(place.name):
            pins.distrust(place.entry)
        return hub_client.remove(place.entry.repository, str(place.entry.commit))
    if place.state == OWN:
        n_bytes = sum(path.lstat().st_size for path in place.folder.rglob("*"))
        shutil.rmtree(place.folder)
        return n_bytes
    reasons = {
        COMES_WITH: "comes with nic, so it stays",
        FOLDER: "is a folder of yours: remove it as any other",
    }
    raise UsageError(f"{place.name} {reasons.get(place.state, 'is not on this machine')}: nothing removed")


def _wanted(name: str, trust: bool) -> tuple[Entry, Place | None]:
    """The entry to fetch, without pins if it is trusted only now, and where it lies if it does."""
    if pins.is_address(name):
        repository, commit = pins.parse(name)
        try:
            place = known(name)
        except ModelError:
            if not trust:
                raise UsageError(
                    f"{name} is not one of the models that nic knows: --trust if you trust who made it"
                ) from None
            return Entry("", repository, commit, ""), None
    else:
        place = known(name)
    if place.state == COMES_WITH:
        return TABLE[name], place
    if place.entry is None:
        raise UsageError(f"{name} does not come from the hub: nothing to fetch")
    return place.entry, None if place.state == ON_HUB else place


def _sound(place: Place) -> bool:
    if place.state != FETCHED or place.entry is None:
        return True
    try:
        read_files(place.folder, place.entry.files)
    except ModelError:
        return False
    return True


def _check_sizes(entry: Entry, sizes: Mapping[str, int]) -> None:
    for name in (CONFIG, WEIGHTS):
        if name not in sizes:
            raise ModelError(f"{entry.repository}: has no {name}: not a model of nic")
    for name, size in sizes.items():
        if not 0 < size <= LIMITS[name]:
            raise ModelError(f"{entry.repository}/{name}: {size:,} bytes: no model has such a file")


def _compare(data: bytes, announced: hub_client.Announced, where: str) -> None:
    """Refuse bytes that the hub itself announced otherwise: they were damaged on the way."""
    if announced.sha256 is not None:
        same = hashlib.sha256(data).hexdigest() == announced.sha256
    else:
        blob = b"blob %d\0" % len(data) + data
        same = hashlib.sha1(blob, usedforsecurity=False).hexdigest() == announced.git
    if not same:
        raise ModelError(f"{where}: other bytes came than {hub_client.host()} announced: try again later")


def _keep(name: str, entry: Entry, files: Mapping[str, bytes]) -> Place:
    """Parse what came, then store it; what is no model leaves no trace."""
    from nic_cli.zoo.model_folder import parsed  # torch, which neither listing nor removing needs

    parts = parsed(files, Path(entry.repository))
    if pins.is_address(name):
        entry = replace(entry, name=parts.config.name, files=hashes(files), id=parts.id.hex())
    elif entry.id not in (None, parts.id.hex()):
        raise ModelError(f"{name}: has id {parts.id.hex()} in place of {entry.id}: get a newer nic")
    folder = hub_client.cache() / pins.folder_name(entry.repository) / "snapshots" / str(entry.commit)
    _write(folder, files)
    if pins.is_address(name):
        pins.trust(entry)
    return known(name)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        put(folder / name, data)
