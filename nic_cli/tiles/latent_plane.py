"""The latent plane between tiles and strips: cut into tiles, and put together again where it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nic_cli.arrays import Array, copied, empty
from nic_cli.tiles.grid import Grid, Placed
from nic_cli.types import Region

Plane = Array
"""Latents [1, h, w, C]."""


def cut(rows: Iterable[Plane], grid: Grid) -> Iterator[Plane]:
    """Strips of latents [1, h, W, C] -> tiles in raster order; holds one row of tiles."""
    held: list[Plane] = []
    source = iter(rows)
    for regions in grid.rows():
        height = regions[0].height
        while sum(strip.shape[1] for strip in held) < height:
            held.append(next(source))
        plane = empty(held[0], 1, sum(s.shape[1] for s in held), *held[0].shape[2:])
        at = 0
        for strip in held:
            plane[:, at : at + strip.shape[1]] = strip
            at += strip.shape[1]
        held = [copied(plane[:, height:])]
        for region in regions:
            yield copied(plane[:, :height, region.x : region.x + region.width])


def joined(tiles: Iterator[Plane], rows: Iterable[list[Placed]], window: Region) -> Iterator[Plane]:
    """Tiles of the latents of `rows`, in order -> strips of the window's latents, a row of tiles each."""
    for row in rows:
        strip: Plane = None
        for _, tile in row:
            there = next(tiles)
            left, right = max(tile.x, window.x), min(tile.x + tile.width, window.x + window.width)
            top, bottom = max(tile.y, window.y), min(tile.y + tile.height, window.y + window.height)
            if strip is None:
                strip = empty(there, 1, bottom - top, window.width, there.shape[3])
            seen = there[:, top - tile.y : bottom - tile.y, left - tile.x : right - tile.x]
            strip[:, :, left - window.x : right - window.x] = seen
        yield strip
