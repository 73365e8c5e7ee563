"""Files of every kind give the network the values that a viewer shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from nic_cli.errors import PictureError, UsageError
from nic_cli.image.reading import from_array, from_pil, read
from nic_cli.types import Picture

from .pictures import cmyk_profile, stream

Y, X = np.mgrid[:40, :56]
RGB = np.stack([4 * X, 6 * Y, 220 - 2 * X - 2 * Y], axis=-1).astype(np.uint8)
GREY = RGB[:, :, 0].copy()


def seen(data: io.BytesIO) -> Picture:
    return read(io.BytesIO(data.getvalue()))


def opened(data: io.BytesIO) -> Image.Image:
    return Image.open(io.BytesIO(data.getvalue()))


def same(data: io.BytesIO) -> bool:
    """Whether Pillow makes the same of it."""
    return bool((seen(data).pixels == np.asarray(opened(data).convert("RGB"))).all())


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "group4"}),
        ("TIFF", {"tiffinfo": {262: 0}}),
        ("PPM", {}),
        ("BMP", {}),
    ],
)
def test_one_bit(format, options):
    data = stream(Image.fromarray(GREY).convert("1"), format, **options)
    assert opened(data).mode == "1" and same(data)
    assert seen(data).channels == 1 and set(np.unique(seen(data).pixels)) == {0, 255}


def test_grey_of_2_and_4_bits():
    for bits in (2, 4):
        values = (X % (1 << bits)).astype(np.uint8)
        image = Image.fromarray(values).convert("P")
        image.putpalette([v * 255 // ((1 << bits) - 1) for v in range(1 << bits) for _ in range(3)])
        data = stream(image, "PNG", bits=bits)
        assert same(data)
        assert (seen(data).pixels[:, :, 0] == values * (255 // ((1 << bits) - 1))).all()


@pytest.mark.parametrize("format", ["PNG", "GIF", "TIFF", "BMP"])
def test_palette(format):
    data = stream(Image.fromarray(RGB).quantize(32), format)
    assert opened(data).mode == "P" and same(data)


def test_palette_with_an_alpha_of_its_own():
    image = Image.fromarray(RGB).quantize(16)
    alphas = bytes(range(0, 256, 16))
    data = stream(image, "PNG", transparency=alphas)
    picture = seen(data)
    assert (picture.pixels == np.asarray(image.convert("RGB"))).all()
    assert (picture.alpha == np.frombuffer(alphas, np.uint8)[np.asarray(image)]).all()


def test_palette_with_alpha_in_memory():
    image = Image.fromarray(np.dstack([RGB, GREY])).convert("PA")
    picture, want = from_pil(image), np.asarray(image.convert("RGBA"))
    assert (picture.pixels == want[:, :, :3]).all() and (picture.alpha == GREY).all()


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_in_ycbcr(subsampling):
    assert same(stream(Image.fromarray(RGB), "JPEG", subsampling=subsampling))


def test_jpeg_in_grey_and_in_rgb():
    assert same(stream(Image.fromarray(GREY), "JPEG"))
    assert same(stream(Image.fromarray(RGB), "JPEG", keep_rgb=True))


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_tiff_in_ycbcr(options):
    data = stream(Image.fromarray(RGB).convert("YCbCr"), "TIFF", **options)
    assert same(data) and np.abs(seen(data).pixels.astype(int) - RGB).mean() < 6


INK = np.stack([GREY, RGB[:, :, 1], RGB[:, :, 2], np.full_like(GREY, 30)], axis=-1)


def test_cmyk_as_photoshop_inverts_it():
    data = stream(Image.fromarray(INK, "CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data.getvalue() and same(data)
    light = (255 - INK[:, :, :3].astype(int)) * (255 - 30) / 255
    assert np.abs(seen(data).pixels - light).mean() < 4  # and not its negative


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_cmyk_in_tiff(compression):
    data = stream(Image.fromarray(INK, "CMYK"), "TIFF", compression=compression)
    light = (255 - INK[:, :, :3].astype(int)) * (255 - 30) / 255
    assert same(data) and np.abs(seen(data).pixels - light).max() <= 2


def test_cmyk_jpeg_goes_through_its_profile():
    data = stream(Image.fromarray(INK, "CMYK"), "JPEG", icc_profile=cmyk_profile())
    ink = opened(data)
    want = ImageCms.profileToProfile(
        ink,
        ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert (seen(data).pixels == np.asarray(want)).all() and not same(data)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """[.., 3] sRGB -> L, a, b of D50 by the definitions, without littleCMS."""
    value = rgb / 255.0
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    part = light @ np.array(to_xyz).T / (0.9642, 1.0, 0.8249)
    root = np.where(part > (6 / 29) ** 3, np.cbrt(part), part / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def test_tiff_in_lab():
    soft = RGB // 2 + 64
    lab = lab_of(soft)
    held = np.dstack([np.rint(lab[:, :, 0] * 2.55), np.rint(lab[:, :, 1:]).astype(np.int8).view(np.uint8)])
    out = io.BytesIO()
    tifffile.imwrite(out, held.astype(np.uint8), photometric="cielab")
    assert opened(out).mode == "LAB"
    apart = np.abs(seen(out).pixels.astype(int) - soft)
    assert apart.mean() < 0.6 and np.percentile(apart, 99) <= 6  # a and b have whole steps only


def test_16_bit_grey():
    values = GREY.astype(np.uint16) * 257 + 3 * Y.astype(np.uint16)
    for format in ("PNG", "TIFF", "PPM"):
        assert (read(stream(Image.fromarray(values), format)).pixels[:, :, 0] == values).all()


def tiff(array: np.ndarray) -> io.BytesIO:
    out = io.BytesIO()
    tifffile.imwrite(out, array, photometric="rgb" if array.ndim == 3 else "minisblack")
    out.seek(0)
    return out


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3)])
def test_floats_are_refused_with_advice(dtype, shape):
    with pytest.raises(PictureError, match=r"^x: .*(8- or 16-bit|8 or 16 bit)") as caught:
        read(tiff(np.zeros(shape, dtype)), "x")
    assert "\n" not in str(caught.value) and ("floating-point" in str(caught.value))
    with pytest.raises(UsageError, match="convert them to uint8 or uint16"):
        from_array(np.zeros(shape, dtype))


def test_floats_in_memory_are_refused_with_advice():
    with pytest.raises(PictureError, match=r"the image: floating-point .* 8 or 16 bit"):
        from_pil(Image.new("F", (3, 3)))


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.uint64])
def test_32_bit_integers_are_refused_with_advice(dtype):
    for array in (np.full((5, 6), 1 << 20, dtype), np.full((5, 6, 3), 1 << 20, dtype)):
        with pytest.raises(PictureError, match=r"^x: .*(scale them to 0..65535 first|8- or 16-bit RGB)$"):
            read(tiff(array), "x")
        with pytest.raises(UsageError, match="convert them to uint8 or uint16"):
            from_array(array)
