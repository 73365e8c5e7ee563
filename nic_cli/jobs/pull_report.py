"""Fetching a model, with its licence, its progress and its hashes shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nic_cli.terminal.console import Console

if TYPE_CHECKING:
    from nic_cli.zoo.find import Place
    from nic_cli.zoo.registry import File


@dataclass(frozen=True, slots=True)
class Hash:
    """The JSON object of a file of a model. sha256: 64 hexadecimal digits."""

    name: str
    bytes: int
    sha256: str


def pull(name: str, console: Console, *, trust: bool) -> Place:
    """Fetch a model unless it is here and sound; what is fetched is told on standard error."""
    from nic_cli.zoo.pull import pull

    return pull(name, trust=trust, say=console.say, bar=console.progress)


def pull_trusted(name: str, console: Console) -> None:
    """Fetch hf://org/repo@commit that the user trusts and does not have, and tell its hashes."""
    from nic_cli.errors import ModelError
    from nic_cli.zoo.find import find

    try:
        find(name)
    except ModelError:
        place = pull(name, console, trust=True)
        for line in lines(hashes(place.entry.files if place.entry else {})):
            console.say(line)


def hashes(files: Mapping[str, File]) -> list[Hash]:
    """Sum up files for programs."""
    return [Hash(name, file.size, file.sha256) for name, file in files.items()]


def lines(found: list[Hash]) -> Iterator[str]:
    """Sum up files for people, in the form of sha256sum with the size in between."""
    for one in found:
        yield f"{one.sha256}  {one.bytes:>13,}  {one.name}"
