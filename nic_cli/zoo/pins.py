"""What is known of each fetched model: the entries of the table, and those that the user trusts.

A model outside the table is named `hf://org/repo@commit`. Trusting it once writes down what came, in
the user's data folder: from then on it is pinned as firmly as one of the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from nic_cli import bounded
from nic_cli.errors import ModelError, UsageError
from nic_cli.storage.atomic import put
from nic_cli.zoo import directories
from nic_cli.zoo.registry import LIMITS, TABLE, Entry, File

SCHEME = "hf://"
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def address(entry: Entry) -> str:
    """The address of an entry on the hub: hf://org/repo@commit."""
    return f"{SCHEME}{entry.repository}@{entry.commit}"


def is_address(name: str) -> bool:
    """Whether a name means a model on the hub, rightly written or not."""
    return name.startswith(SCHEME)


def parse(name: str) -> tuple[str, str]:
    """Repository and commit of `hf://org/repo@commit`. Raises UsageError with the reason."""
    repository, _, commit = name.removeprefix(SCHEME).partition("@")
    checked_repository(repository)
    if not COMMIT.fullmatch(commit):
        raise UsageError(
            f"{name!r}: a branch or a tag can be moved to other weights after you trusted it: "
            f"give the 40 hexadecimal digits of a commit, {SCHEME}{repository}@COMMIT"
        )
    return repository, commit


def checked_repository(repository: str) -> str:
    """The repository, if it is of the form org/name. Raises UsageError."""
    if not REPOSITORY.fullmatch(repository) or ".." in repository or "--" in repository:
        raise UsageError(f"{repository!r} cannot be a repository on the hub: use org/name")
    return repository


def trust(entry: Entry) -> None:
    """Write down what came for an address that the user trusts."""
    put(_record(entry.repository, str(entry.commit)), json.dumps(asdict(entry), indent=2) + "\n")


def distrust(entry: Entry) -> None:
    """Forget that an address was trusted."""
    _record(entry.repository, str(entry.commit)).unlink(missing_ok=True)


def trusted(name: str) -> Entry:
    """The entry of a trusted address. Raises ModelError if it is not, UsageError if it is no address."""
    entry = _read(_record(*parse(name)))
    if entry is None or address(entry) != name:
        raise ModelError(f"{name} is not trusted yet: nic models pull {name} --trust shows and fetches it")
    return entry


def all_trusted() -> list[Entry]:
    """The entries of all trusted addresses, in the order of their repositories."""
    found = (_read(path) for path in sorted((directories.user_data() / "trusted").glob("*.json")))
    return [entry for entry in found if entry is not None]


def pins_of(folder: Path) -> Mapping[str, File]:
    """What the files of a folder in the hub's cache must be; nothing if the folder is not a known one.

    The cache of the hub is laid out as models--ORG--REPO/snapshots/COMMIT.
    """
    place = folder.absolute()
    if place.parent.name != "snapshots":
        return {}
    for entry in (*TABLE.values(), *all_trusted()):
        if entry.commit == place.name and folder_name(entry.repository) == place.parents[1].name:
            return entry.files
    return {}


def folder_name(repository: str) -> str:
    """The folder of a repository in the hub's cache."""
    return f"models--{checked_repository(repository).replace('/', '--')}"


def _record(repository: str, commit: str) -> Path:
    return directories.user_data() / "trusted" / f"{folder_name(repository)}@{commit}.json"


def _read(path: Path) -> Entry | None:
    """The record of a trusted address; None if there is none, or one that this program did not write."""
    try:
        given = json.loads(bounded.text(path))
        given["files"] = {name: File(**file) for name, file in given["files"].items()}
        entry = Entry(**given)
        checked_repository(entry.repository)
        sound = bool(COMMIT.fullmatch(str(entry.commit))) and all(
            name in LIMITS and SHA256.fullmatch(file.sha256) and isinstance(file.size, int)
            for name, file in entry.files.items()
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError):
        return None
    return entry if sound else None
