"""Where entropy tiles lie on the latent plane of a picture.

Pictures are extended to a multiple of 64 pixels, the side of one hyper-latent. Tiles are square
but for the last row and column, which absorb a remainder under half a tile: no slivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from nic_cli.errors import UsageError
from nic_cli.types import Region

Placed = tuple[int, Region]
"""The number of a tile in raster order, and where it lies."""

HYPER = 64  # pixels a hyper-latent, along a side
LATENT = 16  # pixels a latent
SCALES = (1, 2, 4, 8)
LARGEST = 2048
"""The side of tiles that are written; one that takes in a remainder has up to 3,008 pixels a side."""
MOST_LATENTS = 192 * 192
"""Latents of a tile that is read, 3072 x 3072 pixels: that it is junk shows after 0.6 s and 70 MB at most."""


def extended(size: int) -> int:
    """The next multiple of 64 from `size` pixels up."""
    return -(-size // HYPER) * HYPER


def edges(size: int, tile: int) -> list[int]:
    """First pixel of each tile along a side of `size` pixels, and the extended end."""
    whole = extended(size)
    count = max(1, (whole + tile // 2) // tile)
    return [*(i * tile for i in range(count)), whole]


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a picture of width x height pixels; `tile` is their side in pixels."""

    width: int
    height: int
    tile: int

    @property
    def count(self) -> int:
        """Number of tiles."""
        return (len(edges(self.width, self.tile)) - 1) * (len(edges(self.height, self.tile)) - 1)

    @property
    def most_latents(self) -> int:
        """Latents of the largest tile."""
        across, down = (
            max(end - first for first, end in pairwise(edges(side, self.tile)))
            for side in (self.width, self.height)
        )
        return across * down // LATENT**2

    def rows(self) -> Iterator[list[Region]]:
        """Row after row of tiles, as regions of the latent plane (in latents)."""
        across, down = edges(self.width, self.tile), edges(self.height, self.tile)
        for top, bottom in pairwise(down):
            yield [
                Region(left // LATENT, top // LATENT, (right - left) // LATENT, (bottom - top) // LATENT)
                for left, right in pairwise(across)
            ]

    def area(self, region: Region | None, scale: int) -> Region:
        """The region, the whole picture if None, grown to whole squares of `scale`. Raises UsageError."""
        wanted = Region(0, 0, self.width, self.height) if region is None else region
        right, bottom = wanted.x + wanted.width, wanted.y + wanted.height
        if min(wanted.x, wanted.y) < 0 or min(wanted.width, wanted.height) < 1:
            raise UsageError(f"the region {_said(wanted)} is empty, or begins outside the picture")
        if right > self.width or bottom > self.height:
            raise UsageError(
                f"the region {_said(wanted)} is not inside the picture, {self.width} x {self.height}"
            )
        if scale not in SCALES:
            raise UsageError(f"scale is {scale}: it takes 1, 2, 4 or 8")
        left, top = wanted.x // scale * scale, wanted.y // scale * scale
        return Region(left, top, -(-(right - left) // scale) * scale, -(-(bottom - top) // scale) * scale)

    def window(self, area: Region, reach: int | None) -> Region:
        """The latents that `area`, in pixels, depends on when each sees `reach` of them around it.

        reach: None where it depends on them all.
        """
        width, height = extended(self.width) // LATENT, extended(self.height) // LATENT
        if reach is None:
            return Region(0, 0, width, height)
        left, right = _grown(area.x, area.width, reach, width)
        top, bottom = _grown(area.y, area.height, reach, height)
        return Region(left, top, right - left, bottom - top)

    def meeting(self, window: Region) -> list[list[Placed]]:
        """The tiles that share latents with `window`, row by row."""
        rows, number = [], 0
        for regions in self.rows():
            row = [(number + i, tile) for i, tile in enumerate(regions) if _meet(tile, window)]
            rows += [row] if row else []
            number += len(regions)
        return rows


def _said(region: Region) -> str:
    return f"{region.x},{region.y},{region.width},{region.height}"


def _grown(first: int, size: int, reach: int, whole: int) -> tuple[int, int]:
    """First latent and end of `size` pixels from `first` on, with `reach` latents to either side."""
    return max(0, first // LATENT - reach), min(whole, -(-(first + size) // LATENT) + reach)


def _meet(a: Region, b: Region) -> bool:
    across = a.x < b.x + b.width and b.x < a.x + a.width
    return across and a.y < b.y + b.height and b.y < a.y + a.height
