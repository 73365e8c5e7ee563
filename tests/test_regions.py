"""A part of a picture is that part of the whole, bit for bit, and costs what it is worth."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import nic_cli
from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import DamagedFile, UsageError
from nic_cli.image.reading import from_array
from nic_cli.transform.config import ModelConfig
from nic_cli.types import Region
from tests.bench.regions import equal, regions, unrounded
from tests.engines import threads


class Counted(io.BytesIO):
    """A file that counts the bytes taken from it."""

    taken = 0

    def read(self, size=-1):
        found = super().read(size)
        self.taken += len(found)
        return found


@pytest.fixture(scope="module")
def large(photographs):
    """482 x 397 pixels: sides that no tile or square divides."""
    chelsea = photographs["chelsea"]
    across = np.concatenate([chelsea, chelsea[:, ::-1]], 1)
    return np.concatenate([across, across[::-1]], 0)[:397]


@pytest.fixture(scope="module")
def coded(large, model):
    return file.pack(codec.encode(from_array(large), model, q=2.0, b=0.5, tile=256))


@pytest.fixture(scope="module")
def whole(coded, model):
    container = file.unpack(coded)
    assert len(container.tiles) == 4
    return codec.decode(container, model).pixels


def test_a_hundred_regions_equal_their_part_of_the_whole_before_rounding(coded, of_each_engine):
    """Latents, and floats of pixels, at both ends of what b changes, with 1 to 3 threads: that rounded
    pixels are equal shows little."""
    for b in (0.5, 1.0):
        header = replace(file.unpack(coded).header, b=b)
        container = replace(file.unpack_lazily(io.BytesIO(coded)), header=header)
        with threads(2):
            whole = unrounded(container, of_each_engine)
        height, width = whole[0].shape[:2]
        for count in (1, 2, 3):
            with threads(count):
                for region in regions(width, height, 17, seed=count + int(10 * b)):
                    assert equal(whole, unrounded(container, of_each_engine, region), region), (b, region)


def test_the_reach_of_a_region_is_needed(coded, of_each_engine, monkeypatch):
    container, region = file.unpack(coded), Region(200, 200, 64, 64)
    whole = unrounded(container, of_each_engine)
    assert equal(whole, unrounded(container, of_each_engine, region), region)
    monkeypatch.setattr(ModelConfig, "reach", 1)
    assert not equal(whole, unrounded(container, of_each_engine, region), region)


def test_bytes_read_grow_with_the_region(coded, model):
    taken = []
    for side in (0, 16, 300, 397):
        stream = Counted(coded)
        container = file.unpack_lazily(stream)
        if side:
            codec.decode(container, model, region=Region(0, 0, side, side))
        taken.append(stream.taken)
    assert taken == sorted(taken)
    assert taken[0] < 300 and taken[1] < 0.4 * len(coded) < taken[2]
    assert taken[3] < len(coded) + 300  # nothing is read twice but a few bytes of the header


def test_damage_elsewhere_does_not_matter_and_here_it_does(coded, model, whole):
    broken = bytearray(coded)
    broken[-5] ^= 1  # in the last tile
    container = file.unpack_lazily(io.BytesIO(bytes(broken)))
    assert np.array_equal(codec.decode(container, model, region=Region(0, 0, 50, 40)).pixels, whole[:40, :50])
    with pytest.raises(DamagedFile, match="tile 3"):
        codec.decode(container, model, region=Region(450, 370, 20, 20))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scaled_picture_is_the_mean_of_squares(coded, model, whole, scale):
    found = codec.decode(file.unpack(coded), model, scale=scale).pixels
    height, width = (-(-side // scale) for side in whole.shape[:2])
    assert found.shape == (height, width, 3)
    inside = whole[: whole.shape[0] // scale * scale, : whole.shape[1] // scale * scale].astype(float)
    means = inside.reshape(inside.shape[0] // scale, scale, -1, scale, 3).mean((1, 3))
    apart = np.abs(found[: means.shape[0], : means.shape[1]] - means)
    assert apart.max() <= 1.01 and apart.mean() < 0.5  # both are rounded


@pytest.mark.parametrize("scale", [2, 8])
def test_scaled_regions_equal_their_part_of_the_scaled_whole(coded, model, scale):
    container = file.unpack(coded)
    all_of_it = codec.decode(container, model, scale=scale).pixels
    for x, y, w, h in ((0, 0, 482, 397), (17, 33, 100, 51), (473, 390, 9, 7), (255, 255, 2, 2)):
        found = codec.decode(container, model, region=Region(x, y, w, h), scale=scale).pixels
        left, top, right, bottom = x // scale, y // scale, -(-(x + w) // scale), -(-(y + h) // scale)
        assert np.array_equal(found, all_of_it[top:bottom, left:right])


def test_alpha_is_cut_and_scaled_with_its_picture(large, model):
    alpha = np.arange(large.shape[0] * large.shape[1], dtype=np.uint32).reshape(large.shape[:2])
    alpha = (alpha % 251).astype(np.uint8)
    data = nic_cli.encode(np.dstack([large, alpha])[:130, :140])
    cut = np.asarray(nic_cli.decode(data, crop=(10, 20, 30, 40)))
    assert cut.shape == (40, 30, 4) and np.array_equal(cut[:, :, 3], alpha[20:60, 10:40])
    small = np.asarray(nic_cli.decode(io.BytesIO(data), scale=4))
    assert small.shape == (33, 35, 4)
    assert np.abs(small[0, 0, 3] - alpha[:4, :4].mean()) <= 0.5


@pytest.mark.parametrize(
    "region", [(-1, 0, 5, 5), (0, 0, 0, 5), (481, 0, 2, 1), (0, 396, 1, 2), (0, 0, 483, 1)]
)
def test_a_region_outside_is_refused(coded, region):
    with pytest.raises(UsageError, match=r"482 x 397|is empty"):
        nic_cli.decode(coded, crop=region)


@pytest.mark.parametrize("scale", [0, 3, 16, -1])
def test_other_scales_are_refused(coded, scale):
    with pytest.raises(UsageError, match="1, 2, 4 or 8"):
        nic_cli.decode(coded, scale=scale)
