"""The share of a batch that is one run's, where several split it: `--shard 3/64`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nic_cli.errors import UsageError

_MAX_COUNT = 1_000_000
"""Runs in one batch: beyond any scheduler, and a typing error in all likelihood."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, from 1."""

    number: int = 1
    count: int = 1

    def takes(self, place: Path) -> bool:
        """Whether the file at this place in the tree is of this share; it is of exactly one of `count`.

        The name alone decides, so that files that come or go never move another.
        """
        digest = sha256(os.fsencode(place.as_posix())).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


WHOLE = Shard()


def parse(text: str | None) -> Shard:
    """Read `--shard`, None for all. Raises UsageError."""
    if text is None:
        return WHOLE
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)
    shard = Shard(*map(int, found.groups())) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.count <= _MAX_COUNT:
        raise UsageError(f"--shard: {text!r} cannot be used: give I/N, I from 1 to N, such as 3/64")
    return shard
