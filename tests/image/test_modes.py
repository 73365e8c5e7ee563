"""Every mode that Pillow hands out becomes the values it stands for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nic_cli.errors import PictureError, UsageError
from nic_cli.image.reading import from_array, from_pil, read

from .pictures import png16, stream

RNG = np.random.default_rng(1)
RGB = RNG.integers(0, 256, (9, 14, 3), dtype=np.uint8)
GREY = RGB[:, :, 0].copy()
MASK = RGB[:, :, 1].copy()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "PPM", "QOI"])
def test_rgb_keeps_its_values(format):
    picture = read(stream(Image.fromarray(RGB), format))
    assert (picture.pixels == RGB).all()
    assert picture.alpha is None and picture.bit_depth == 8


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_formats_are_read(format):
    smooth = np.tile(np.arange(0, 160, 5, dtype=np.uint8)[:, None, None], (1, 32, 3))
    picture = read(stream(Image.fromarray(smooth), format))
    assert np.abs(picture.pixels.astype(int).mean(axis=2) - smooth[:, :, 0]).max() < 8


def test_grey_stays_grey_and_one_bit_becomes_grey():
    assert (read(stream(Image.fromarray(GREY), "PNG")).pixels[:, :, 0] == GREY).all()
    black_white = Image.fromarray(GREY).convert("1")
    picture = read(stream(black_white, "PNG"))
    assert picture.channels == 1 and set(np.unique(picture.pixels)) == {0, 255}


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("grey", [True, False])
def test_alpha_is_exact(format, grey):
    pixels = GREY[:, :, None] if grey else RGB
    image = Image.fromarray(np.concatenate([pixels, MASK[:, :, None]], axis=2), "LA" if grey else "RGBA")
    picture = read(stream(image, format))
    assert (picture.pixels == pixels).all() and (picture.alpha == MASK).all()


def test_full_alpha_counts_as_none():
    image = Image.fromarray(RGB).convert("RGBA")
    assert read(stream(image, "PNG")).alpha is None


def test_palette_becomes_rgb_and_its_transparent_entry_alpha():
    palette = Image.fromarray(RGB).quantize(16)
    assert (read(stream(palette, "PNG")).pixels == np.asarray(palette.convert("RGB"))).all()
    picture = read(stream(palette, "PNG", transparency=3))
    assert ((picture.alpha == 0) == (np.asarray(palette) == 3)).all()


def test_transparent_colour_becomes_alpha():
    colour = tuple(int(v) for v in RGB[2, 3])
    picture = read(stream(Image.fromarray(RGB), "PNG", transparency=colour))
    assert picture.alpha[2, 3] == 0 and (picture.alpha == 0).sum() == (RGB == colour).all(axis=2).sum()
    grey = read(stream(Image.fromarray(GREY), "PNG", transparency=int(GREY[0, 0])))
    assert grey.channels == 1 and ((grey.alpha == 0) == (GREY[0, 0] == GREY)).all()


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "CMYK", "RGBX", "RGBa", "La", "PA"])
def test_other_modes_become_grey_or_rgb(mode):
    flat = Image.new("RGBA", (4, 4), (200, 100, 50, 255))
    between = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, "RGB")
    picture = from_pil(flat.convert(between).convert(mode))
    want = 124 if mode == "La" else (200, 100, 50)
    assert np.abs(picture.pixels.astype(int) - want).max() <= (26 if mode == "PA" else 3)


def test_lab_becomes_srgb():
    picture = from_pil(Image.new("LAB", (2, 2), (255, 128, 128)))
    assert picture.pixels.min() >= 254


def test_32_bit_integers_are_taken_if_they_fit_16():
    values = RNG.integers(0, 65536, (5, 6), dtype=np.int32)
    assert (read(stream(Image.fromarray(values), "TIFF")).pixels[:, :, 0] == values).all()
    with pytest.raises(PictureError, match="beyond 16 bit"):
        from_pil(Image.fromarray(values + 65536))


def test_floats_are_refused_with_advice():
    with pytest.raises(PictureError, match="convert to 8 or 16 bit"):
        read(stream(Image.new("F", (3, 3)), "TIFF"))


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
def test_arrays(channels, dtype):
    shape = (5, 6) if channels is None else (5, 6, channels)
    array = (RNG.integers(0, 250, shape) * (1 if dtype is np.uint8 else 257)).astype(dtype)
    picture = from_array(array)
    assert picture.channels == (3 if channels in (3, 4) else 1)
    assert (picture.alpha is not None) == (channels in (2, 4))
    assert picture.pixels.dtype == (np.uint8 if dtype is np.uint8 else np.uint16)
    assert (picture.pixels == array.reshape(5, 6, -1)[:, :, : picture.channels]).all()
    array[:] = 0
    assert picture.pixels.any()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
)
def test_wrong_arrays_are_usage_errors(array):
    with pytest.raises(UsageError):
        from_array(array)


def test_a_pillow_image_is_left_as_it_was():
    image = Image.open(png16(RNG.integers(0, 65536, (4, 5, 1), dtype=np.uint16)))
    picture = from_pil(image)
    assert image.mode == "I;16" and picture.bit_depth == 16
    picture.pixels[:] = 0
    assert np.asarray(image).any()


def test_a_stream_may_begin_in_the_middle_or_be_a_pipe():
    data = stream(Image.fromarray(RGB), "PNG").getvalue()
    late = io.BytesIO(b"head" + data)
    late.seek(4)
    assert (read(late).pixels == RGB).all()

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError("a pipe")

    assert (read(Pipe(data)).pixels == RGB).all()
