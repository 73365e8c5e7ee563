"""Where entropy tiles lie on the latent plane of a picture.

Pictures are extended to a multiple of 64 pixels, the side of one hyper-latent. Tiles are square
but for the last row and column, which absorb a remainder under half a tile: no slivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from nic_cli.types import Region

HYPER = 64  # pixels a hyper-latent, along a side
LATENT = 16  # pixels a latent


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

    def rows(self) -> Iterator[list[Region]]:
        """Row after row of tiles, as regions of the latent plane (in latents)."""
        across, down = edges(self.width, self.tile), edges(self.height, self.tile)
        for top, bottom in pairwise(down):
            yield [
                Region(left // LATENT, top // LATENT, (right - left) // LATENT, (bottom - top) // LATENT)
                for left, right in pairwise(across)
            ]
