"""Tiles cover the picture once; strips and pixels are each other's inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nic_cli.container.layout import tile_count
from nic_cli.tiles import strips
from nic_cli.tiles.grid import Grid, extended
from nic_cli.types import Region

sides = st.integers(1, 5000)
tiles = st.integers(1, 40).map(lambda n: 64 * n)


@given(sides, sides, tiles)
@settings(deadline=None)
def test_tiles_cover_the_latent_plane_once(width, height, tile):
    plane = np.zeros((extended(height) // 16, extended(width) // 16), int)
    grid = Grid(width, height, tile)
    regions = [region for row in grid.rows() for region in row]
    for r in regions:
        assert r.width % 4 == 0 and r.height % 4 == 0 and r.width > 0 and r.height > 0
        plane[r.y : r.y + r.height, r.x : r.x + r.width] += 1
    assert (plane == 1).all() and len(regions) == grid.count


@given(sides, sides, tiles)
def test_the_container_counts_the_same_tiles(width, height, tile):
    assert tile_count(width, height, tile) == Grid(width, height, tile).count


@given(st.integers(64, 6000), tiles)
def test_no_tile_is_a_sliver(size, tile):
    widths = [r.width * 16 for r in next(Grid(size, 64, tile).rows())]
    assert len(widths) == 1 or (min(widths) >= tile / 2 and max(widths) < 1.5 * tile)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("area", [1, 128 * 64, 2**18])
def test_pixels_survive_strips(dtype, channels, area):
    random = np.random.default_rng(0)
    pixels = random.integers(0, np.iinfo(dtype).max, (201, 77, channels), dtype=dtype, endpoint=True)
    parts = list(strips.split(pixels, area))
    assert all(p.shape[1:] == (128, 3) for p in parts) and sum(len(p) for p in parts) == 256
    back = strips.joined(iter(parts), Region(0, 0, 77, 201), channels, 8 * pixels.itemsize)[:201]
    assert np.array_equal(back, pixels)


def test_edges_are_repeated():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    (strip,) = strips.split(pixels)
    assert strip.shape == (64, 64, 3)
    assert (strip[1:, 2:] == np.float32(5 / 255)).all()
