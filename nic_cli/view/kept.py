"""What is kept so that turning b, or coming back to a picture, costs less: latents and finished pictures."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

LATENTS = 1 << 27
"""Bytes of latents, 4 for each pixel of the file: those of 32 megapixels."""
PICTURES = 1 << 26
"""Bytes of PNG."""


class Kept(dict[Any, Any]):
    """A dictionary of things that have a size, in which the latest of up to `most` bytes stay."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._held = most, 0

    def __setitem__(self, key: Hashable, value: Any) -> None:
        if key in self:
            self._drop(key)
        super().__setitem__(key, value)
        self._held += _size(value)
        while self._held > self._most:
            self._drop(next(iter(self)))

    def _drop(self, key: Hashable) -> None:
        self._held -= _size(self.pop(key))


def _size(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else int(value.nbytes)
