"""The models that this version of the program knows by name, and what pins each of them.

A name stands for one repository at one commit with these very bytes. The hub's client does not
check what arrives, so sizes and SHA-256 are kept here and checked against the bytes that are parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "iris"
EMBEDDED = ("iris",)

CARD, CONFIG, WEIGHTS = "README.md", "config.json", "model.safetensors"
LIMITS = {  # bytes of each file that is ever fetched; all but two may be missing
    CARD: 2**20,
    CONFIG: 2**20,
    WEIGHTS: 2**31,
    **{f"model-{number}.safetensors": 2**31 for number in range(2, 17)},  # of imported checkpoints
    "results.tsv": 2**20,
    "recipe.toml": 2**20,
}


@dataclass(frozen=True, slots=True)
class File:
    """What a file must be. size: bytes. sha256: 64 hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on the hub. commit: 40 hexadecimal digits, None while nothing is published there.

    id: 16 hexadecimal digits of the model's id, as files name it; None if it is not known before.
    """

    name: str
    repository: str
    commit: str | None
    licence: str
    files: Mapping[str, File] = field(default_factory=dict)
    id: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())


TABLE: dict[str, Entry] = {
    "iris": Entry("iris", "nic-codec/iris", commit=None, licence="apache-2.0", id="c259a87ec424b3b7"),
}
