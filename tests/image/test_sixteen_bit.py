"""16 bit is read and written to the last bit, or said to be narrowed."""

from __future__ import annotations

import io
import re
import struct
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.extras import adding
from nic_cli.image.reading import from_array, from_pil, read
from nic_cli.image.writing import to_pil
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


STORED = [
    {},
    {"byteorder": ">"},
    {"compression": "deflate"},
    {"compression": "deflate", "byteorder": ">"},
    {"compression": "deflate", "predictor": 2},
    {"tile": (16, 16)},
]


def tiff(array: np.ndarray, **options) -> io.BytesIO:
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    out.seek(0)
    return out


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("options", [*STORED, {"bigtiff": True}])
def test_tiff_is_read_exactly(channels, options):
    array = values(channels)
    kind = {"photometric": "minisblack"} if channels == 1 else {"photometric": "rgb"}
    if channels == 4:
        kind["extrasamples"] = ["unassalpha"]
    assert same(read(tiff(array[:, :, 0] if channels == 1 else array, **kind, **options)), array)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_of_other_compressions_is_read_exactly(compression, channels):
    array = values(channels)
    eight = Image.fromarray(array.view(np.uint8).reshape(23, 62, channels))  # the same bytes in a row
    data = bytearray(written_by_pillow(eight, compression))
    patch(data, 256, 62, 31)
    eights, sixteens = (np.full(channels, bits, "<u2").tobytes() for bits in (8, 16))
    assert data.count(eights) == 1
    assert same(read(io.BytesIO(data.replace(eights, sixteens))), array)


def written_by_pillow(image: Image.Image, compression: str) -> bytes:
    out = io.BytesIO()
    image.save(out, "TIFF", compression=compression)
    return out.getvalue()


def patch(data: bytearray, tag: int, old: int, new: int) -> None:
    """Change a tag of type SHORT in a little-endian TIFF."""
    entry = struct.pack("<HHIHH", tag, 3, 1, old, 0)
    assert data.count(entry) == 1
    at = data.index(entry) + 8
    data[at : at + 2] = new.to_bytes(2, "little")


@pytest.mark.parametrize("options", STORED)
def test_tiff_with_a_fourth_sample_that_is_no_alpha_is_refused(options):
    with pytest.raises(PictureError, match="4 samples a pixel, of which 1 has no meaning to us; save"):
        read(tiff(values(4), photometric="rgb", extrasamples=["unspecified"], **options))


@pytest.mark.parametrize("options", STORED)
def test_tiff_with_its_alpha_multiplied_in(options):
    array = values(4)
    array[:, :, 3] |= 0x8000  # too little of it leaves too little of the colours
    array[3, 4, 3] = 0
    held = array.astype(np.uint32)
    held[:, :, :3] = (held[:, :, :3] * held[:, :, 3:] + 32767) // 65535
    picture = read(tiff(held.astype(np.uint16), photometric="rgb", extrasamples=["assocalpha"], **options))
    assert (picture.alpha == array[:, :, 3]).all() and picture.bit_depth == 16
    seen = picture.alpha > 0
    assert np.abs(picture.pixels.astype(int) - array[:, :, :3])[seen].max() <= 1


def test_tiff_where_0_is_white():
    array = values(1)
    assert same(read(tiff(array[:, :, 0], photometric="miniswhite")), 65535 - array)


def test_tiff_of_12_bit_reaches_white():
    grey = np.array([[0, 1, 2048, 4095]], np.uint16)
    halves = [int(v) for v in grey[0]]
    rows = bytes([halves[0] >> 4, (halves[0] & 15) << 4 | halves[1] >> 8, halves[1] & 255])
    rows += bytes([halves[2] >> 4, (halves[2] & 15) << 4 | halves[3] >> 8, halves[3] & 255])
    data = bytearray(tiff(np.frombuffer(rows, np.uint8)[None], photometric="minisblack").getvalue())
    patch(data, 258, 8, 12)
    for kind in ("<HHIHH", "<HHII"):
        entry = struct.pack(kind, 256, 3 if kind == "<HHIHH" else 4, 1, 6, *(0,) * (kind == "<HHIHH"))
        if entry in data:
            data[data.index(entry) + 8] = 4
    assert read(io.BytesIO(data)).pixels[0, :, 0].tolist() == [0, 16, 32776, 65535]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", STORED)
@pytest.mark.parametrize("shape", [(23, 31), (1, 1), (1, 9), (9, 1)])
def test_tiff_in_planes_is_read_exactly(channels, options, shape):
    array = np.ascontiguousarray(values(channels)[: shape[0], : shape[1]])
    kind = {"photometric": "rgb", "planarconfig": "separate"}
    if channels == 4:
        kind["extrasamples"] = ["unassalpha"]
    assert same(read(tiff(array.transpose(2, 0, 1).copy(), **kind, **options)), array)


def test_planes_that_are_multiplied_or_inks():
    planes = np.full((4, 5, 6), 20000, np.uint16)
    planes[3] = 40000
    kind = {"photometric": "rgb", "planarconfig": "separate"}
    mixed = read(tiff(planes, extrasamples=["assocalpha"], **kind))
    assert (mixed.alpha == 40000).all() and (mixed.pixels == round(20000 * 65535 / 40000)).all()
    with pytest.raises(PictureError, match="in RGB only"):
        read(tiff(planes, photometric="separated", planarconfig="separate"))


def test_tiff_in_planes_is_refused_rather_than_read_as_noise(monkeypatch):
    data = tiff(values(3).transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(
        PictureError, match=rf"^x: 16-bit TIFF in separate planes .* {re.escape(adding('formats'))}"
    ):
        read(data, "x")


def test_png_of_grey_with_a_transparent_value():
    array = values(1)
    array[2, 3] = array[4, 4] = 4660
    array[0, 0] = 4661
    picture = read(png16(array, tRNS=b"\x12\x34"))
    assert (picture.pixels == array).all() and picture.alpha.dtype == np.uint16
    assert picture.alpha[2, 3] == picture.alpha[4, 4] == 0
    assert (picture.alpha == 0).sum() == (array == 4660).sum()


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


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_keeps_sixteen_bits(channels):
    array = values(channels)
    assert same(read(written(from_array(array), "tiff")), array)


def test_pillow_narrows_by_itself_and_that_is_announced():
    said, image = [], Image.open(tiff(values(3), photometric="rgb"))
    image.load()
    picture = from_pil(image, warn=said.append)
    assert picture.bit_depth == 8 and "8 were kept" in said[0]


def test_narrowing_is_announced():
    out, said = io.BytesIO(), []
    tifffile.imwrite(out, values(4), photometric="separated")  # 16-bit CMYK
    out.seek(0)
    picture = read(out, "ink.tif", warn=said.append)
    assert picture.bit_depth == 8
    assert [line.startswith("ink.tif: ") for line in said if "8 were kept" in line] == [True]
