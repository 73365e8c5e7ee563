"""Profiles lead to sRGB and back, and are left alone where they change nothing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from nic_cli.image import colour, colour_space
from nic_cli.image.ancillary import profiles
from nic_cli.image.ancillary.colour_codes import BT2020, ColourCode
from nic_cli.image.preview import with_preview
from nic_cli.image.reading import read
from nic_cli.types import Metadata, Picture

from .pictures import P3, SRGB, cmyk_profile, grey_profile, png16, rgb_profile, stream, written

PHOTO = np.ascontiguousarray(data.astronaut()[:96, :128])


def png(image: np.ndarray, icc: bytes, mode: str | None = None):
    return stream(Image.fromarray(image, mode) if mode else Image.fromarray(image), "PNG", icc_profile=icc)


def linear_p3_to_srgb(pixels: np.ndarray) -> np.ndarray:
    """P3 primaries and gamma 2.2 -> sRGB by the definitions, without littleCMS."""

    def matrix(primaries):
        xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
        return xyz * np.linalg.solve(xyz, np.array([0.95047, 1.0, 1.08883]))

    light = (pixels / 255.0) ** 2.2 @ (np.linalg.inv(matrix(SRGB)) @ matrix(P3)).T
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_wide_colours_stay_under_their_profile_and_become_srgb_where_there_is_no_place_for_one():
    picture = read(png(PHOTO, rgb_profile(P3)))
    assert not picture.original_space and picture.metadata.icc == rgb_profile(P3)
    assert (picture.pixels == PHOTO).all()
    assert (np.asarray(Image.open(written(picture, "png"))) == PHOTO).all()
    plain = np.asarray(Image.open(written(picture, "ppm")))
    assert np.abs(plain - linear_p3_to_srgb(PHOTO)).max() < 2.5
    assert np.abs(plain.astype(int) - PHOTO).max() > 8  # the control: it is not the same picture


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_lose_their_profile_by_conversion(channels):
    icc = grey_profile(1.8) if channels == 1 else rgb_profile(P3)
    deep = PHOTO[:, :, :channels].astype(np.uint16) * 257
    plain = colour_space.without_profile(Picture(deep, None, Metadata(icc)), warn=pytest.fail)
    assert plain.metadata.icc == b"" and plain.bit_depth == 16
    if channels == 3:
        assert np.abs(plain.pixels / 257 - linear_p3_to_srgb(PHOTO)).max() < 1
    else:
        light = (PHOTO[:, :, :1] / 255.0) ** 1.8
        right = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(plain.pixels / 65535 - right).max() < 0.002


def test_a_curve_alone_goes_to_srgb_and_back():
    own = rgb_profile(SRGB, gamma=1.8)
    first = read(png(PHOTO, own))
    assert first.original_space and np.abs(first.pixels.astype(int) - PHOTO).max() > 8
    out = written(first, "png")
    back = np.asarray(Image.open(out)).astype(int)
    assert np.abs(back - PHOTO).max() <= 4
    assert Image.open(out).info["icc_profile"] == own


def test_a_preview_is_in_srgb():
    preview = with_preview(read(png(PHOTO, rgb_profile(P3)))).metadata.preview
    seen = np.asarray(Image.open(io.BytesIO(preview)).convert("RGB")).astype(int)
    right, own = linear_p3_to_srgb(PHOTO), PHOTO.astype(int)
    assert np.abs(seen - right).mean() < 0.8 * np.abs(seen - own).mean()


def test_a_grey_preview_is_in_srgb_too():
    linear = np.arange(256, dtype=np.uint8)[None].repeat(64, 0)
    for pixels in (linear, np.dstack([linear, linear | 1])):
        preview = with_preview(read(png(pixels, grey_profile(1.0)))).metadata.preview
        seen = np.asarray(Image.open(io.BytesIO(preview)).convert("L")).astype(int)
        assert seen[32, 64] == pytest.approx(137, abs=6)  # a quarter of the light


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def coloured(pixels, *chunks):
    """A PNG with chunks of colour."""
    data = stream(Image.fromarray(pixels), "PNG").getvalue()
    return io.BytesIO(data[:33] + b"".join(chunk(*each) for each in chunks) + data[33:])


def test_a_gamma_alone_is_brought_to_srgb():
    light = np.linspace(0, 255, 256).astype(np.uint8)[None].repeat(4, 0)
    picture = read(coloured(light, (b"gAMA", struct.pack(">I", 100000))))
    x = light[0] / 255
    right = 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    assert np.abs(picture.pixels[0, :, 0] - right).max() <= 1 and not picture.metadata.icc


def test_a_code_of_wide_colours_becomes_a_profile():
    data = coloured(PHOTO, (b"cICP", bytes([12, 13, 0, 1])))
    picture = read(data)
    assert (picture.pixels == PHOTO).all() and b"Display P3".hex() in picture.metadata.icc.replace(
        b"\0", b""
    ).hex()
    plain = np.asarray(Image.open(written(picture, "ppm"))).astype(int)
    assert np.abs(plain - PHOTO).max() > 2


def test_hdr_is_named_or_kept_under_its_code():
    said, data = [], coloured(PHOTO, (b"cICP", bytes([9, 16, 0, 1])))
    assert read(data, "x.png", warn=said.append).metadata.cicp == b""
    assert said == ["x.png: HDR by PQ, taken for sRGB, which looks flat; --hdr keep keeps it as it is"]
    data.seek(0)
    kept = read(data, warn=pytest.fail, hdr=True)
    assert kept.bit_depth == 16 and kept.metadata.cicp == bytes([9, 16, 0, 1])
    out = written(kept, "png")
    assert b"cICP\x09\x10\x00\x01" in out.getvalue() and (read(out, hdr=True).pixels == kept.pixels).all()
    said.clear()
    written(kept, "webp", warn=said.append)
    assert [line for line in said if "WEBP cannot say" in line]


def test_srgb_by_any_name_is_left_alone():
    for icc in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        .tobytes()
        .replace(b"s\0R\0G\0B", b"o\0w\0n\0!"),
    ):
        picture = read(png(PHOTO, icc))
        assert (picture.pixels == PHOTO).all() and picture.metadata.icc == icc
        assert not picture.original_space
    assert not colour.is_srgb(rgb_profile(SRGB, gamma=1.8))


def test_alpha_is_untouched_by_conversion():
    mask = PHOTO[:, :, :1]
    picture = read(png(np.concatenate([PHOTO, mask], axis=2), rgb_profile(SRGB, gamma=1.8)))
    assert picture.original_space and (picture.alpha == mask[:, :, 0]).all()


def test_grey_keeps_values_and_profile():
    grey = PHOTO[:, :, 1].copy()
    picture = read(png(grey, grey_profile()))
    assert (picture.pixels[:, :, 0] == grey).all()
    assert picture.metadata.icc == grey_profile() and not picture.original_space
    assert read(written(picture, "png")).metadata.icc == grey_profile()


def test_cmyk_goes_through_its_profile():
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[:2] = 255
    image = Image.fromarray(ink, "CMYK")
    picture = read(stream(image, "TIFF", icc_profile=cmyk_profile()))
    assert picture.metadata.icc == b"" and not picture.original_space
    assert picture.pixels[0].max() < 60
    red, green, _ = (int(v) for v in picture.pixels[0, 0])
    assert red > green + 20  # the black of this profile is reddish, and of no other way to read inks
    assert (picture.pixels[3] > 240).all()
    assert (read(stream(image, "TIFF")).pixels[0] == 0).all()


@pytest.mark.parametrize("icc", [b"junk", b"x" * 500, rgb_profile()[:300], grey_profile(), cmyk_profile()])
def test_a_profile_of_no_use_is_dropped_with_a_notice(icc):
    said = []
    picture = read(png(PHOTO, icc), "x.png", warn=said.append)
    assert (picture.pixels == PHOTO).all() and picture.metadata.icc == b"" and not picture.original_space
    assert len(said) == 1 and said[0].startswith("x.png: the ICC profile") and "\n" not in said[0]


def test_a_cmyk_picture_with_a_broken_profile_is_still_read():
    said = []
    image = Image.new("CMYK", (4, 4))
    for icc in (b"junk", cmyk_profile()[:400], rgb_profile()):
        picture = read(stream(image, "TIFF", icc_profile=icc), warn=said.append)
        assert (picture.pixels == 255).all()
    assert len([line for line in said if "does not fit" in line]) == 3


def test_a_one_way_profile_leaves_the_picture_in_srgb():
    said = []
    picture = read(png(PHOTO, cmyk_profile(space=b"RGB ")), warn=said.append)
    assert not picture.original_space and picture.metadata.icc == b""
    assert (picture.pixels != PHOTO).any()
    assert len(said) == 1 and "not back" in said[0]


@pytest.mark.parametrize("icc", [b"", b"junk", grey_profile(), rgb_profile()[:300]])
def test_a_container_with_a_bad_profile_is_written_as_srgb(icc):
    said = []
    out = written(Picture(PHOTO, None, Metadata(icc), original_space=True), "png", warn=said.append)
    assert (np.asarray(Image.open(out)) == PHOTO).all() and "icc_profile" not in Image.open(out).info
    assert len(said) == 1


def test_linear_light_of_wide_colours_is_coded_by_the_curve_of_srgb():
    points = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    light = np.where(PHOTO / 255 <= 0.04045, PHOTO / 255 / 12.92, ((PHOTO / 255 + 0.055) / 1.055) ** 2.4)
    deep = (light * 65535).round().astype(np.uint16)
    picture = read(png16(deep, gAMA=struct.pack(">I", 100000), cHRM=points))
    assert np.abs(picture.pixels / 257 - PHOTO).max() < 0.6 and not picture.original_space
    assert b"Display P3" in picture.metadata.icc.replace(b"\0", b"")


def test_hdr_said_in_a_profile_is_hdr():
    icc = profiles.profile_of(ColourCode(BT2020, "srgb"))
    count = int.from_bytes(icc[128:132], "big")
    entries = [bytearray(icc[at : at + 12]) for at in range(132, 132 + 12 * count, 12)]
    for entry in entries:
        entry[4:8] = (int.from_bytes(entry[4:8], "big") + 12).to_bytes(4, "big")
    tag = b"cicp" + (len(icc) + 12).to_bytes(4, "big") + (12).to_bytes(4, "big")
    whole = icc[:128] + (count + 1).to_bytes(4, "big") + b"".join(entries) + tag + icc[132 + 12 * count :]
    whole = (len(whole) + 12).to_bytes(4, "big") + whole[4:] + b"cicp" + bytes(4) + bytes((9, 16, 0, 1))
    said = []
    read(png(PHOTO, whole), "x", warn=said.append)
    assert said == ["x: HDR by PQ, taken for sRGB, which looks flat; --hdr keep keeps it as it is"]
    assert read(png(PHOTO, whole), hdr=True).metadata.cicp == bytes((9, 16, 0, 1))
