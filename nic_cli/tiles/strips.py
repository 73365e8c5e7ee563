"""A picture as strips of rows in the values the network takes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.tiles.grid import HYPER
from nic_cli.types import PixelArray, Region

AREA = 2**19
"""Pixels a strip, about: enough for the matrix products, few enough for the cache."""

Strip = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Is told of rows done, and rows in all."""


def split(
    pixels: PixelArray, area: int = AREA, *, multiple: int = HYPER, border: str = "edge"
) -> Iterator[Strip]:
    """pixels: [H, W, 1 or 3] uint8 or uint16 -> strips [h, W', 3] in 0..1.

    W' and the sum of all h are multiples of `multiple`, 64 at least, each h one of 16. border: what the
    picture is extended with on its right and below: its edge, its mirror image (reflect), or zero.
    """
    height, width, _ = pixels.shape
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    mode: Any = "edge" if border == "zero" else border
    columns, lines = (
        np.pad(np.arange(size), (0, max(-size % multiple, HYPER - size)), mode) for size in (width, height)
    )
    rows = max(1, area // len(columns) // 16) * 16
    for top in range(0, len(lines), rows):
        chosen = lines[top : top + rows]
        first = chosen.min()
        strip = pixels[first : chosen.max() + 1][chosen - first][:, columns] * scale
        if border == "zero":
            strip[:, width:] = 0
            strip[max(0, height - top) :] = 0
        yield np.broadcast_to(strip, (*strip.shape[:2], 3))


def told(strips: Iterable[Strip], progress: Progress, height: int) -> Iterator[Strip]:
    """The same strips; whoever asks for the next one is done with the last."""
    done = 0
    for strip in strips:
        yield strip
        done += len(strip)
        progress(done, height)


def joined(
    strips: Iterable[Strip],
    area: Region,
    channels: int,
    bit_depth: int,
    scale: int = 1,
    progress: Progress | None = None,
) -> Lines:
    """Strips [h, W', 3] in 0..1 or a little beyond -> the pixels of `area` among them, rounded.

    scale: each pixel is the mean of a square of so many; all of `area` and all h are multiples of it.
    """
    kind: Any = np.uint8 if bit_depth == 8 else np.uint16

    def blocks() -> Iterator[PixelArray]:
        skip, left = area.y, area.height
        for strip in strips:
            used = strip[skip : skip + left, area.x : area.x + area.width]
            skip, left = max(0, skip - len(strip)), left - len(used)
            if not len(used):
                continue
            used = reduced(np.clip(used, 0, 1), scale)
            if channels == 1:
                used = used.mean(2, keepdims=True)
            yield np.rint(used * np.iinfo(kind).max).astype(kind)

    return Lines(blocks(), (area.height // scale, area.width // scale, channels), kind, progress)


def reduced(pixels: Any, scale: int) -> Any:
    """[h, w, ...] -> means of squares of scale x scale, added in one order whatever else is there.

    Cheaper ways to a small picture do not pay: averaging within the last layer of the network saves at most
    13 % of the products, and what its linear skip gives alone is 28 to 36 dB from the picture at 1/8.
    """
    if scale == 1:
        return pixels
    lines = sum(pixels[i::scale] for i in range(scale))
    return sum(lines[:, i::scale] for i in range(scale)) / np.float32(scale * scale)


def shrunk(plane: PixelArray, area: Region, scale: int) -> PixelArray:
    """`area` of a plane [H, W], beyond whose edges it goes on as they are, as rounded means of squares."""
    down, across = (
        np.minimum(np.arange(first, first + size), whole - 1)
        for first, size, whole in (
            (area.y, area.height, plane.shape[0]),
            (area.x, area.width, plane.shape[1]),
        )
    )
    kept: PixelArray = plane[down][:, across]
    if scale > 1:
        kept = np.rint(reduced(kept.astype(np.float32), scale)).astype(plane.dtype)
    return kept


class Lines:
    """Rows of pixels as they come, to be taken once, from the first to the last."""

    def __init__(
        self,
        blocks: Iterator[PixelArray],
        shape: tuple[int, ...],
        kind: Any,
        progress: Progress | None = None,
    ) -> None:
        self._blocks, self._progress = blocks, progress
        self._held: PixelArray = np.empty((0, *shape[1:]), kind)
        self._at = 0  # row that _held begins with
        self.shape, self.dtype = shape, np.dtype(kind)

    def through(self, after: Callable[[PixelArray], PixelArray]) -> Lines:
        """These rows, each changed by `after`, as many as before."""
        self._blocks = map(after, self._blocks)
        return self

    def __getitem__(self, rows: slice) -> PixelArray:
        """The rows of a slice that begins where the last one ended."""
        first, end, _ = rows.indices(self.shape[0])
        if first != self._at:
            raise ValueError(f"row {first} is asked for, and row {self._at} is next")
        found: PixelArray = np.empty((end - first, *self.shape[1:]), self.dtype)
        while self._at < end:
            if not len(self._held):
                self._held = next(self._blocks)
                if self._progress is not None:
                    self._progress(self._at + len(self._held), self.shape[0])
            taken = self._held[: end - self._at]
            found[self._at - first : self._at - first + len(taken)] = taken
            self._held = self._held[len(taken) :]
            self._at += len(taken)
        return found
