"""What the commands of `nic models` say of a model; nothing here needs torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nic_cli import bounded
from nic_cli.errors import ModelError
from nic_cli.jobs import pull_report
from nic_cli.jobs.pull_report import Hash
from nic_cli.transform.research.config import KINDS, ResearchConfig
from nic_cli.zoo.card import licence_of
from nic_cli.zoo.find import ON_HUB, Place
from nic_cli.zoo.model_files import hashed, read_files
from nic_cli.zoo.registry import CARD, CONFIG, LIMITS


@dataclass(frozen=True, slots=True)
class Listed:
    """The JSON object of a model in the list. folder: None if it is not here; bytes: None if unknown."""

    name: str
    state: str
    bytes: int | None
    licence: str | None
    repository: str | None
    commit: str | None
    folder: str | None

    @classmethod
    def of(cls, place: Place) -> Listed:
        """Sum up a model without reading its weights."""
        entry, here = place.entry, place.state != ON_HUB
        return cls(
            name=place.name,
            state=place.state,
            bytes=_bytes_on_disk(place) if here else entry.size or None if entry else None,
            licence=_licence(place),
            repository=entry.repository if entry else None,
            commit=entry.commit if entry else None,
            folder=str(place.folder) if here else None,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The JSON object of a model that is shown. files: as they are here, else as they are pinned."""

    name: str
    state: str
    licence: str | None
    repository: str | None
    commit: str | None
    folder: str | None
    config: dict[str, Any]
    files: list[Hash]

    @classmethod
    def of(cls, place: Place) -> Shown:
        """Read and hash a model's files. Raises ModelError if they are not what is pinned."""
        entry, here = place.entry, place.state != ON_HUB
        found = hashed(place.folder) if here else entry.files if entry else {}
        return cls(
            name=place.name,
            state=place.state,
            licence=_licence(place),
            repository=entry.repository if entry else None,
            commit=entry.commit if entry else None,
            folder=str(place.folder) if here else None,
            config=_config(read_files(place.folder, [CONFIG])[CONFIG]) if here else {},
            files=pull_report.hashes(found),
        )


@dataclass(frozen=True, slots=True)
class Pulled:
    """The JSON object of a model that is here now."""

    name: str
    folder: str
    licence: str | None
    files: list[Hash]


@dataclass(frozen=True, slots=True)
class Verified:
    """The JSON object of a sound model. id: 16 hexadecimal digits, as files name it."""

    name: str
    ok: bool
    id: str
    folder: str
    files: list[Hash]


@dataclass(frozen=True, slots=True)
class Pushed:
    """The JSON object of a model that was published."""

    repository: str
    commit: str
    licence: str
    id: str
    files: list[Hash]


@dataclass(frozen=True, slots=True)
class Located:
    """The JSON object of `path`."""

    name: str
    folder: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The JSON object of a model that was removed."""

    name: str
    folder: str
    bytes: int


def table(models: Sequence[Listed]) -> str:
    """Draw the list for people."""
    rows = [
        (one.name, one.state, f"{one.bytes:,}" if one.bytes else "", one.licence or "", one.repository or "")
        for one in models
    ]
    rows.insert(0, ("name", "state", "bytes", "licence", "repository"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number == 2 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def sheet(said: Shown) -> str:
    """Draw what is known of a model for people."""
    published = f"{said.repository}, {f'commit {said.commit}' if said.commit else 'nothing published yet'}"
    rows = {
        "state": said.state,
        "model": in_words(said.config) if said.config else "not here yet",
        "licence": said.licence or "not stated",
        "repository": published if said.repository else "none",
        "folder": said.folder or f"none; nic models pull {said.name} gets it",
        "size": f"{sum(file.bytes for file in said.files):,} bytes",
    }
    return "\n".join(
        [said.name, *(f"{key:<10} {value}" for key, value in rows.items()), *pull_report.lines(said.files)]
    )


def in_words(config: Mapping[str, Any]) -> str:
    """Say what a config.json describes; of a kind that is not nic's own, its plain values."""
    if config.get("kind", "native") == "native" and {"name", "q_top", "latent", "hyper"} <= config.keys():
        return (
            f"{config['name']}, native: q from 0 to {config['q_top']}, b from 0 to 1; "
            f"{config['latent']} latent channels at 1/16, {config['hyper']} at 1/64"
        )
    if config.get("kind") in KINDS:
        try:
            known = ResearchConfig.from_table(dict(config))
        except ModelError as error:
            return str(error)
        files = f"{len(known.members)} checkpoints" if len(known.members) > 1 else "one checkpoint"
        dial = f"q from 0 to {known.q_top:g}" if known.q_top else "one rate"
        return f"{known.name}, {known.kind} from {files}: {dial}; id {known.id}"
    return ", ".join(
        f"{key} {value}" for key, value in config.items() if isinstance(value, str | int | float)
    )


def _licence(place: Place) -> str | None:
    if place.entry is not None:
        return place.entry.licence
    try:
        with (place.folder / CARD).open("rb") as stream:
            return licence_of(bounded.read(stream, LIMITS[CARD]).decode("utf-8", "replace"))
    except OSError:
        return None


def _bytes_on_disk(place: Place) -> int:
    paths = (place.folder / name for name in LIMITS)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _config(data: bytes) -> dict[str, Any]:
    try:
        config = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}
