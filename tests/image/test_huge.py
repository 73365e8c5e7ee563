"""Pictures that are too large to be held go through by rows, and nothing about them is lost."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageCms

from nic_cli.errors import PictureError, UsageError
from nic_cli.extras import adding
from nic_cli.image import huge, rowwise
from nic_cli.image.preview import with_preview
from nic_cli.image.reading import from_array, read
from nic_cli.tiles import strips
from nic_cli.types import Picture, Region
from tests.image.pictures import P3, XMP, exif, rgb_profile, stream, written
from tests.image.test_refusals import png_of

pytest.importorskip("pyvips")


@pytest.fixture(autouse=True)
def all_are_huge(monkeypatch):
    """Have everything over 1000 pixels go by rows."""
    monkeypatch.setattr(huge, "FROM", 1000)


@pytest.fixture
def pixels(photographs):
    return photographs["chelsea"]


def whole(picture):
    return picture.pixels[: picture.height]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
def test_rows_are_those_of_the_picture(format, pixels):
    data = stream(Image.fromarray(pixels), format)
    picture = read(data)
    assert isinstance(picture.pixels, huge.VipsRows)
    assert np.array_equal(whole(picture), np.asarray(Image.open(data)))
    assert np.array_equal(picture.pixels[50:90], np.asarray(Image.open(data))[50:90])  # and again


@pytest.mark.parametrize("kind", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_mode_is_what_it_is_to_pillow(kind, pixels, monkeypatch):
    image = Image.fromarray(np.dstack([pixels, pixels[:, :, 0]])).convert(kind)
    data = stream(image, "TIFF" if kind == "CMYK" else "PNG")
    picture = read(data)
    assert isinstance(picture.pixels, huge.VipsRows)
    monkeypatch.setattr(huge, "FROM", 1 << 26)
    plain = read(io.BytesIO(data.getvalue()))
    apart = whole(picture).astype(int) - plain.pixels
    if kind == "CMYK":  # libvips has a profile for it where the file has none, Pillow a formula
        assert whole(picture).shape == plain.pixels.shape
    else:
        assert not apart.any()
    assert (picture.alpha is None) == (plain.alpha is None)
    assert picture.alpha is None or np.array_equal(picture.alpha, plain.alpha)


def test_sixteen_bits_are_kept(pixels):
    deep = pixels.astype(np.uint16) * 257 + 3
    picture = read(written(from_array(deep), "png"))
    assert isinstance(picture.pixels, huge.VipsRows) and picture.bit_depth == 16
    assert np.array_equal(whole(picture), deep)


@pytest.mark.parametrize("turned", range(1, 9))
def test_orientations_are_upright(turned, pixels, monkeypatch):
    data = stream(Image.fromarray(pixels), "JPEG", exif=b"Exif\0\0" + exif(turned))
    by_rows = whole(read(data))
    monkeypatch.setattr(huge, "FROM", 1 << 26)
    assert np.array_equal(by_rows, read(io.BytesIO(data.getvalue())).pixels)


def test_a_wide_profile_is_converted_row_by_row(pixels, monkeypatch):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, rgb_profile(P3)):
        data = stream(Image.fromarray(pixels), "PNG", icc_profile=profile)
        picture = read(data)
        monkeypatch.setattr(huge, "FROM", 1 << 26)
        plain = read(io.BytesIO(data.getvalue()))
        monkeypatch.setattr(huge, "FROM", 1000)
        assert picture.metadata == plain.metadata and picture.original_space == plain.original_space
        assert np.array_equal(whole(picture), plain.pixels)


def test_the_file_may_be_closed_and_is_read_from_its_beginning(pixels, tmp_path):
    path = tmp_path / "photo.tif"
    Image.fromarray(pixels).save(path)
    picture = read(path)
    assert np.array_equal(whole(picture), pixels)
    assert np.array_equal(whole(picture), pixels)


def test_a_picture_cut_short_is_refused_when_its_rows_are_asked_for(pixels):
    data = stream(Image.fromarray(pixels), "JPEG").getvalue()
    picture = read(io.BytesIO(data[: len(data) // 2]), "photo.jpg")
    with pytest.raises(PictureError, match=r"photo\.jpg: damaged or cut short"):
        whole(picture)


def test_float_pixels_are_refused(pixels):
    data = stream(Image.fromarray(pixels[:, :, 0].astype(np.float32)), "TIFF")
    with pytest.raises(PictureError, match="8 or 16 bit"):
        read(data)


def test_without_libvips_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(huge, "is_there", lambda: False)
    with pytest.raises(PictureError, match=re.escape(adding("huge"))):
        read(io.BytesIO(png_of(1 << 14, (1 << 14) + 1)))
    with pytest.raises(PictureError, match="over the limit of 5000 pixels"):
        read(io.BytesIO(png_of(100, 100)), most=5000)


# -- written by rows -------------------------------------------------------------------------------


def lines(values: np.ndarray) -> strips.Lines:
    blocks = (values[top : top + 50] for top in range(0, len(values), 50))
    return strips.Lines(blocks, values.shape, values.dtype)


@pytest.mark.parametrize("format", ["png", "ppm", "tiff", "jpeg", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_written_as_pixels_are(format, channels, pixels, monkeypatch):
    values = np.ascontiguousarray(pixels[:, :, :channels])
    monkeypatch.setattr(rowwise, "AREA", 10_000)
    found = np.asarray(Image.open(written(Picture(lines(values)), format)))
    exact = format in ("png", "ppm", "tiff")
    apart = np.abs(found.reshape(found.shape[0], found.shape[1], -1)[:, :, :channels].astype(int) - values)
    assert apart.max() == 0 if exact else apart.mean() < 3


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_alpha_depth_and_metadata_are_written(format, pixels):
    deep = pixels.astype(np.uint16) * 257 + 3
    alpha = deep[:, :, 0].copy()
    said = read(stream(Image.fromarray(pixels), "JPEG", exif=b"Exif\0\0" + exif(1), xmp=XMP)).metadata
    assert said.exif and said.xmp
    back = read(written(Picture(lines(deep), alpha, said), format))
    assert np.array_equal(whole(back), deep) and np.array_equal(back.alpha, alpha)
    assert back.metadata.xmp == said.xmp
    assert b"nic\0" in back.metadata.exif and b"ann\0" in back.metadata.exif


def test_a_file_over_4_gb_becomes_a_bigtiff(pixels, monkeypatch):
    monkeypatch.setattr(rowwise, "_CLASSIC", 1000)
    data = written(Picture(lines(pixels)), "tiff")
    assert data.getvalue()[:4] == b"II+\0"
    assert np.array_equal(np.asarray(Image.open(data)), pixels)


def test_what_goes_wrong_on_the_way_is_told_and_ends_the_thread(pixels):
    def blocks():
        yield pixels[:10]
        raise PictureError("the picture: cut short")

    picture = Picture(strips.Lines(blocks(), pixels.shape, pixels.dtype))
    with pytest.raises(PictureError, match="cut short"):
        written(picture, "webp")


def test_without_libvips_png_and_tiff_alone_go_by_rows(pixels, monkeypatch):
    monkeypatch.setattr(huge, "is_there", lambda: False)
    for format in ("png", "tiff"):
        assert np.array_equal(np.asarray(Image.open(written(Picture(lines(pixels)), format))), pixels)
    written(Picture(lines(pixels)), "webp")
    monkeypatch.setattr("nic_cli.image.writing.HELD", 1000)
    with pytest.raises(UsageError, match=re.escape(adding("huge"))):
        written(Picture(lines(pixels)), "webp")


def test_lines_are_taken_once_and_in_order(pixels):
    taken = lines(pixels)
    assert np.array_equal(taken[0:70], pixels[:70]) and np.array_equal(taken[70:71], pixels[70:71])
    with pytest.raises(ValueError, match="row 71 is next"):
        taken[5:9]


# -- previews --------------------------------------------------------------------------------------


def test_a_preview_is_the_picture_made_small(pixels):
    for picture in (from_array(pixels), read(stream(Image.fromarray(pixels), "PNG"))):
        small = Image.open(io.BytesIO(with_preview(picture).metadata.preview))
        wanted = Image.fromarray(pixels)
        wanted.thumbnail((256, 256))
        assert small.format == "WEBP" and small.size == wanted.size
        assert np.abs(np.asarray(small.convert("RGB")).astype(int) - np.asarray(wanted)).mean() < 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3000, 2), (700, 700, 4)])
def test_odd_pictures_have_previews_too(shape):
    values = np.random.default_rng(0).integers(0, 65535, shape, np.uint16, endpoint=True)
    small = Image.open(io.BytesIO(with_preview(from_array(values)).metadata.preview))
    assert max(small.size) == min(256, max(shape[:2])) and ("A" in small.mode) == (len(shape) == 3)


def test_a_window_of_strips_is_cut_where_it_is_wanted(pixels):
    parts = [np.float32(pixels[top : top + 16] / 255) for top in range(0, 192, 16)]
    found = strips.joined(parts, Region(7, 21, 50, 90), 3, 8)[:90]
    assert np.array_equal(found, pixels[21:111, 7:57])
