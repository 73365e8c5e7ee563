"""16 bit is read and written to the last bit, or said to be narrowed."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from nic_cli.errors import PictureError, UsageError
from nic_cli.image.reading import from_array, from_pil, read
from nic_cli.image.writing import to_pil, write
from nic_cli.types import Metadata, Picture

from .pictures import XMP, exif, png16, rgb_profile, written

RNG = np.random.default_rng(2)


def values(channels: int) -> np.ndarray:
    return RNG.integers(0, 65536, (23, 31, channels), dtype=np.uint16)


def same(picture: Picture, array: np.ndarray) -> bool:
    colours = array[:, :, : picture.channels]
    alpha = array.shape[2] in (2, 4)
    return bool(
        picture.pixels.dtype == np.uint16
        and (picture.pixels == colours).all()
        and (picture.alpha is not None) == alpha
        and (not alpha or (picture.alpha == array[:, :, -1]).all())
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_read_exactly(channels):
    array = values(channels)
    assert same(read(png16(array)), array)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_written_exactly(channels):
    array = values(channels)
    out = written(from_array(array), "png")
    assert same(read(out), array)
    out.seek(0)
    theirs = np.asarray(Image.open(out))  # another reader, as far as it goes
    high = array if channels == 1 else array >> 8
    assert (theirs.reshape(*array.shape[:2], -1)[:, :, 0] == high[:, :, 0]).all()


def test_png_with_a_transparent_colour():
    array = values(3)
    array[4, 5] = array[6, 7] = (258, 1027, 65000)
    array[0, 0] = (259, 1027, 65000)  # the same high bytes
    picture = read(png16(array, tRNS=np.array([258, 1027, 65000], ">u2").tobytes()))
    assert (picture.pixels == array).all()
    assert picture.alpha[4, 5] == picture.alpha[6, 7] == 0 and (picture.alpha == 0).sum() == 2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "deflate"},
        {"compression": "deflate", "predictor": 2},
        {"tile": (16, 16)},
    ],
)
def test_tiff_is_read_exactly(channels, options):
    array, out = values(channels), io.BytesIO()
    kind = {"photometric": "minisblack"} if channels == 1 else {"photometric": "rgb"}
    if channels == 4:
        kind["extrasamples"] = ["unassalpha"]
    tifffile.imwrite(out, array[:, :, 0] if channels == 1 else array, **kind, **options)
    out.seek(0)
    assert same(read(out), array)


def test_tiff_in_planes_is_refused_rather_than_read_as_noise():
    out = io.BytesIO()
    tifffile.imwrite(out, values(3).transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    out.seek(0)
    with pytest.raises(PictureError, match="separate planes"):
        read(out)


@pytest.mark.parametrize("channels", [1, 3])
def test_ppm_is_exact_both_ways(channels):
    array = values(channels)
    assert same(read(written(from_array(array), "ppm")), array)


def test_ppm_white_may_be_anything_over_255():
    data = b"P6 # a comment\n#another\n2 1\n1023\n" + np.array([0, 1, 1023, 512, 2000, 7], ">u2").tobytes()
    picture = read(io.BytesIO(data))
    assert picture.pixels.ravel().tolist() == [0, 64, 65535, 32800, 65535, 448]
    with pytest.raises(PictureError, match="damaged"):
        read(io.BytesIO(data[:-1]))


def test_metadata_travel_with_16_bit_png():
    said = Metadata(rgb_profile(), exif(1), XMP)
    again = read(written(Picture(values(3), None, said), "png"))
    assert again.metadata == said
    assert not again.original_space  # littleCMS would narrow it


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_formats_of_8_bit_get_rounded_values(channels, format):
    out = written(from_array(np.full((16, 16, channels), 40000, np.uint16)), format)
    assert abs(int(read(out).pixels[8, 8, 0]) - 156) <= 1


def test_rounding_is_to_the_nearest():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    eight = np.asarray(to_pil(from_array(every)))
    assert (eight == np.rint(every / 257)).all()


def test_tiff_keeps_grey_and_refuses_colour():
    array = values(1)
    assert same(read(written(from_array(array), "tiff")), array)
    for channels in (2, 3, 4):
        with pytest.raises(UsageError, match="choose png"):
            write(from_array(values(channels)), io.BytesIO(), "tiff")


def test_pillow_narrows_by_itself_and_that_is_announced():
    said = []
    picture = from_pil(Image.open(png16(values(3))), warn=said.append)
    assert picture.bit_depth == 8 and "8 were kept" in said[0]


def test_narrowing_is_announced():
    out, said = io.BytesIO(), []
    tifffile.imwrite(out, values(4), photometric="separated")  # 16-bit CMYK
    out.seek(0)
    picture = read(out, "ink.tif", warn=said.append)
    assert picture.bit_depth == 8
    assert len(said) == 1 and said[0].startswith("ink.tif: ") and "8 were kept" in said[0]
