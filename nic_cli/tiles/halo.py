"""A tile with what lies around it: neighbours on the latent plane, and the pixels of them all."""

from __future__ import annotations

import numpy as np

from nic_cli.tiles.grid import LATENT
from nic_cli.tiles.latent_plane import Plane
from nic_cli.tiles.strips import Strip
from nic_cli.types import PixelArray, Region


def grown(tile: Region, halo: int, width: int, height: int) -> Region:
    """The tile and `halo` latents to each side, as far as a plane of width x height latents goes."""
    left, top = max(0, tile.x - halo), max(0, tile.y - halo)
    right, bottom = min(width, tile.x + tile.width + halo), min(height, tile.y + tile.height + halo)
    return Region(left, top, right - left, bottom - top)


def seen(rows: tuple[Plane | None, Plane, Plane | None], top: int, window: Region) -> list[Plane]:
    """Parts of three rows of tiles [1, h, W, C], the second of which begins at `top`, inside `window`.

    Of the first its end is enough.
    """
    found, at = [], top - (0 if rows[0] is None else rows[0].shape[1])
    for row in rows:
        if row is None:
            continue
        first, end = max(window.y - at, 0), window.y + window.height - at
        found.append(row[:, first : max(end, 0), window.x : window.x + window.width])
        at += row.shape[1]
    return [part for part in found if part.shape[1]]


def pixels_of(rows: Kept, window: Region) -> Strip:
    """The pixels [h, w, 3] in 0..1 of a window of latents that are inside the picture."""
    height, width, _ = rows.shape
    bottom = min(height, LATENT * (window.y + window.height))
    right = min(width, LATENT * (window.x + window.width))
    lines = rows.again(LATENT * window.y, bottom)[:, LATENT * window.x : right]
    found = lines * np.float32(1 / np.iinfo(rows.dtype).max)
    return np.broadcast_to(found, (*found.shape[:2], 3))


class Kept:
    """Rows of pixels taken from the first to the last, which can be had again until they are forgotten."""

    def __init__(self, pixels: PixelArray) -> None:
        self._pixels = pixels
        self._parts: list[tuple[int, PixelArray]] = []
        self._end = 0  # the row that comes next
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __getitem__(self, rows: slice) -> PixelArray:
        """The rows of a slice, which does not begin beyond the end of the last one."""
        first, end, _ = rows.indices(self.shape[0])
        taken: PixelArray = self._pixels[first:end]
        if end > self._end:
            self._parts.append((self._end, taken[self._end - first :]))
            self._end = end
        return taken

    def again(self, first: int, end: int) -> PixelArray:
        """Rows first..end, all of them taken already."""
        cut = [part[max(first - at, 0) : max(end - at, 0)] for at, part in self._parts]
        found: PixelArray = np.concatenate([part for part in cut if len(part)])
        return found

    def forget(self, before: int) -> None:
        """Let go of what lies before a row."""
        self._parts = [(at, part) for at, part in self._parts if at + len(part) > before]
