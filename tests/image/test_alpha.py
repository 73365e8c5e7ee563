"""Alpha comes back to the last bit, and what is not that alpha is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from nic_cli.errors import DamagedFile
from nic_cli.image.alpha import pack_alpha, unpack_alpha
from nic_cli.image.reading import read
from nic_cli.types import Picture

from .pictures import stream, written

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=20)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: arrays(kind, SHAPES)))
def test_alpha_is_exact(alpha):
    packed = pack_alpha(alpha)
    again = unpack_alpha(packed, alpha.shape[1], alpha.shape[0], 8 * alpha.itemsize)
    assert again.dtype == alpha.dtype and (again == alpha).all()


@pytest.mark.parametrize("shape", [(1, 16384), (20000, 2)])
def test_long_sides(shape):
    alpha = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert (unpack_alpha(pack_alpha(alpha), shape[1], shape[0], 8) == alpha).all()


def test_a_soft_mask_is_small():
    y, x = np.mgrid[:512, :512]
    alpha = np.clip(255 * (200 - np.hypot(y - 256, x - 256)) / 20, 0, 255).astype(np.uint8)
    assert len(pack_alpha(alpha)) < 8000


@pytest.mark.parametrize("format", ["png", "webp", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_survives_every_format_that_has_it(format, channels):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (20, 30, channels), dtype=np.uint8)
    alpha = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    assert (read(written(Picture(pixels, alpha), format)).alpha == alpha).all()


ALPHA = np.random.default_rng(2).integers(0, 256, (12, 17), dtype=np.uint8)
GOOD = pack_alpha(ALPHA)


@pytest.mark.parametrize("length", [0, 1, 11, len(GOOD) // 2, len(GOOD) - 4])
def test_truncated(length):
    with pytest.raises(DamagedFile):
        unpack_alpha(GOOD[:length], 17, 12, 8)


@pytest.mark.parametrize(
    ("width", "height", "depth"), [(12, 17, 8), (17, 13, 8), (1 << 20, 1 << 20, 8), (17, 12, 16)]
)
def test_other_sizes_and_depths(width, height, depth):
    with pytest.raises(DamagedFile):
        unpack_alpha(GOOD, width, height, depth)


def test_other_formats_and_animations():
    image = Image.fromarray(ALPHA)
    for data in (stream(image, "GIF"), stream(image, "TIFF"), io.BytesIO(b"junk" * 9)):
        with pytest.raises(DamagedFile):
            unpack_alpha(data.getvalue(), 17, 12, 8)
    moving = stream(image, "WEBP", save_all=True, append_images=[Image.fromarray(255 - ALPHA)])
    with pytest.raises(DamagedFile, match="no grey"):
        unpack_alpha(moving.getvalue(), 17, 12, 8)
