"""HEIC, JPEG XL and AVIF: what their plugins leave out is put right or told, and nobody else asks them."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys

import brotli
import numpy as np
import pillow_heif
import pillow_jxl
import pytest
from PIL import Image, ImageOps

from nic_cli.errors import PictureError
from nic_cli.extras import adding
from nic_cli.image.formats import jxl
from nic_cli.image.metadata import PREFIX, orientation
from nic_cli.image.reading import from_pil, read

from .pictures import P3, XMP, exif, rgb_profile, stream

pillow_heif.register_heif_opener()  # to write with; a test below says that nic imports them by itself
Y, X = np.mgrid[:48, :64]
SMOOTH = np.stack([4 * X, 5 * Y, 255 - 4 * X], axis=-1).astype(np.uint8)
NOISE = np.random.default_rng(8).integers(0, 256, (16, 24, 4), dtype=np.uint8)
NAMES = {"HEIF": "HEIC", "JXL": "JPEG XL", "AVIF": "AVIF"}

# Made by cjxl 0.7 and avifenc 0.11, since Pillow's plugins write neither.
GREY_16_ALPHA = (
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000002f6a786c63ff0a08"
    "10fc288a0b010808100060004b188b154212d8b80032e819f4c1c2a482f67d2cfadb6f36"
)
RGB_16 = (
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000002d6a786c63ff0a08"
    "10fc001417020802010058004b188b154282060fc10770a609a6bef22d430c027100"
)
FLOAT = (
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a0000004e6a786c63ff0a08"
    "107200c58508020100e0004b188b15427ad8380000c03d6e942ebaf0d145773b3a63da9fdb7ea44b175de4e34557de73371c6071"
    "4d6274d1f90000707b51fe1affa501"
)
ANIMATED = (
    "ff0a41040158505c120808a002000060004b12c582055260c3c5183c5d0c1eef00a0482d02c0b7e1030808a042000058004b12c5"
    "82055260c3c518ccbd3b0045548b00309e900f"
)
AVIF_10_BIT_PQ = (
    "00000020667479706176696600000000617669666d6966316d6961664d413141000000f26d657461000000000000002868646c72"
    "0000000000000000706963740000000000000000000000006c696261766966000000000e7069746d0000000000010000001e696c"
    "6f6300000000440000010001000000010000011a000000230000002869696e660000000000010000001a696e6665020000000001"
    "000061763031436f6c6f72000000006a697072700000004b6970636f000000146973706500000000000000020000000200000010"
    "7069786900000000030a0a0a0000000c617631438120400000000013636f6c726e636c78000900100009800000001769706d6100"
    "00000000000001000104010283040000002b6d64617412000a0738003e709100993216164000004040e9d90f870589066f3bb119"
    "94b85c5480"
)


def told(data: bytes, **options):
    said: list[str] = []
    return read(io.BytesIO(data), "x", warn=said.append, **options), said


def refused(data: bytes, says: str) -> None:
    with pytest.raises(PictureError, match=says) as caught:
        read(io.BytesIO(data), "x")
    assert str(caught.value).startswith("x: ") and "\n" not in str(caught.value)


def oriented(turned: int, kind: str) -> bytes:
    """The smooth picture, stored so that `turned` brings it upright."""
    image, said = Image.fromarray(SMOOTH), exif(turned)
    if kind in ("HEIF", "AVIF"):  # both write the rotation of the format itself
        return stream(image, kind, exif=said, quality=95).getvalue()
    return packed_jpeg(stream(image, "JPEG", exif=PREFIX + said, quality=95, xmp=XMP).getvalue())


def packed_jpeg(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    coder = pillow_jxl.Encoder(
        mode="RGB", lossless=True, quality=100, decoding_speed=0, effort=3, use_container=True
    )
    return bytes(coder(data, image.width, image.height, jpeg_encode=True))


def without(data: bytes, kind: bytes) -> bytes:
    """The same JPEG XL without its boxes of one kind."""
    source, kept = io.BytesIO(data), b""
    for name, size in jxl._boxes(source):
        if name != kind:
            kept += struct.pack(">I4s", size + 8, name) + source.read(size)
    return kept


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_jpeg_xl_is_read_exactly(mode):
    channels = {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 3]}[mode]
    values = NOISE[:, :, channels]
    image = Image.fromarray(values[:, :, 0] if mode == "L" else values, mode)
    picture, said = told(stream(image, "JXL", lossless=True).getvalue())
    colours = values[:, :, : picture.channels]
    assert (picture.pixels == colours).all() and said == [] and not picture.original_space
    assert picture.alpha is None if len(mode) % 2 else (picture.alpha == NOISE[:, :, 3]).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_heic_is_read(mode):
    picture, said = told(stream(Image.fromarray(SMOOTH).convert(mode), "HEIF", quality=90).getvalue())
    assert picture.pixels.shape == (48, 64, 1 if mode == "L" else 3) and said == []
    shown = np.asarray(Image.fromarray(SMOOTH).convert(mode)).reshape(48, 64, -1)[:, :, : picture.channels]
    assert np.abs(picture.pixels.astype(int) - shown).mean() < 4


def test_heic_keeps_an_exact_alpha():
    image = Image.fromarray(np.dstack([SMOOTH, 4 * X.astype(np.uint8)]))
    picture, _ = told(stream(image, "HEIF", quality=-1, chroma=444).getvalue())
    assert (picture.alpha == 4 * X).all()


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG in JXL", "JXL"])
def test_every_orientation_is_turned_once(kind, turned):
    data = oriented(turned, kind)
    if kind == "JXL":  # a plain one, of which libjxl knows how to turn it
        data = without(data, b"jbrd")
    image = Image.fromarray(SMOOTH)
    image.getexif()[274] = turned
    upright = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    picture, said = told(data)
    assert picture.pixels.shape == upright.shape and np.abs(picture.pixels - upright).mean() < 4
    assert orientation(picture.metadata.exif) == 1 and said == []
    assert kind == "AVIF" or b"nic\0" in picture.metadata.exif


def test_what_exif_says_of_an_upright_jpeg_xl_is_not_believed():
    data = stream(Image.fromarray(SMOOTH), "JXL", lossless=True, exif=exif(6)).getvalue()
    assert (read(io.BytesIO(data)).pixels == SMOOTH).all()
    assert (from_pil(Image.open(io.BytesIO(data))).pixels == SMOOTH).all()


def test_metadata_of_heic():
    said = {"icc_profile": rgb_profile(P3), "exif": exif(1), "xmp": XMP}
    picture, _ = told(stream(Image.fromarray(SMOOTH), "HEIF", **said).getvalue())
    assert picture.metadata.icc == rgb_profile(P3) and not picture.original_space
    assert picture.metadata.exif == exif(1) and picture.metadata.xmp == XMP


@pytest.mark.parametrize("kind", NAMES)
def test_broken_exif_is_left_out_with_a_notice(kind):
    data = bytearray(stream(Image.fromarray(SMOOTH), kind, exif=exif(6)).getvalue())
    at = data.index(b"II*\0\x08")
    data[at : at + 4] = b"JUNK"
    picture, said = told(bytes(data))
    turned = kind != "JXL"  # by the format itself
    assert (
        picture.pixels.shape[:2] == ((64, 48) if turned else (48, 64))
        and b"JUNK" not in picture.metadata.exif
    )
    assert said == ["x: the EXIF data are broken and were left out"]


@pytest.mark.parametrize("packed", [False, True])
def test_metadata_of_jpeg_xl(packed):
    options = {"exif": exif(1), "xmp": XMP, "compress_metadata": packed, "use_container": True}
    data = stream(Image.fromarray(SMOOTH), "JXL", **options).getvalue()
    assert (XMP in data) != packed
    picture, said = told(data)
    assert picture.metadata.exif == exif(1) and picture.metadata.xmp == XMP and said == []


def test_packed_metadata_are_missed_aloud(monkeypatch):
    monkeypatch.setitem(sys.modules, "brotli", None)
    data = stream(Image.fromarray(SMOOTH), "JXL", xmp=XMP, compress_metadata=True).getvalue()
    picture, said = told(data)
    assert picture.metadata.xmp == b"" and len(said) == 1 and adding("formats") in said[0]


def test_metadata_that_unpack_without_end_are_left_out():
    body = b"xml " + brotli.compress(bytes(1 << 26), quality=1)
    data = stream(Image.fromarray(SMOOTH), "JXL", xmp=XMP, lossless=True).getvalue()
    picture, said = told(without(data, b"xml ") + struct.pack(">I4s", len(body) + 8, b"brob") + body)
    assert picture.metadata.xmp == b"" and "XMP are over the limit" in said[0]
    assert (picture.pixels == SMOOTH).all()


def test_10_bit_heic_keeps_them():
    values = np.random.default_rng(9).integers(0, 1024, (16, 24, 1), dtype=np.uint16).repeat(3, axis=2)
    values[0, 0], values[0, 1] = 0, 1023
    file = pillow_heif.from_bytes("RGB;16", (24, 16), (values << 6).astype(np.uint16).tobytes())
    out = io.BytesIO()
    file.save(out, quality=-1, chroma=444)
    picture, said = told(out.getvalue())
    assert picture.bit_depth == 16 and said == []
    assert np.abs(picture.pixels - values * 65535.0 / 1023).max() <= 65535 / 1023  # off by one in YCbCr


def test_jpeg_xl_of_16_bit_keeps_them_or_says_so():
    grey = np.random.default_rng(10).integers(0, 65536, (9, 7), dtype=np.uint16)
    picture, said = told(stream(Image.fromarray(grey), "JXL", lossless=True).getvalue())
    assert (picture.pixels[:, :, 0] == grey).all() and picture.bit_depth == 16 and said == []
    picture, said = told(bytes.fromhex(GREY_16_ALPHA))
    assert picture.pixels[:, :, 0].tolist() == [[1000, 40000], [65535, 7]] and said == []
    assert picture.alpha.tolist() == [[65535, 0], [257, 0]]  # cjxl keeps 8 bits of alpha
    picture, said = told(bytes.fromhex(RGB_16))
    assert np.abs(picture.pixels.ravel() - (np.arange(12) * 5000 + 77) / 257).max() <= 1
    assert len(said) == 1 and "8 were kept" in said[0]


def test_hdr_and_10_bit_avif_say_what_is_lost():
    picture, said = told(bytes.fromhex(AVIF_10_BIT_PQ))
    assert picture.bit_depth == 8
    assert len(said) == 2 and "8 were kept" in said[0] and "HDR by PQ" in said[1]
    kept = read(io.BytesIO(bytes.fromhex(AVIF_10_BIT_PQ)), hdr=True)
    assert kept.bit_depth == 16 and kept.metadata.cicp[:2] == bytes((9, 16))
    assert (kept.pixels == picture.pixels.astype(np.uint16) * 257).all()


def test_floating_point_and_animated_jpeg_xl_are_refused():
    refused(bytes.fromhex(FLOAT), "floating-point pixels are not supported")
    refused(bytes.fromhex(ANIMATED), "animated JPEG XL")


def test_heic_of_several_pictures():
    views = [Image.fromarray(np.full((64, 64, 3), v, np.uint8)) for v in (50, 120, 200)]
    data = stream(views[0], "HEIF", save_all=True, append_images=views[1:]).getvalue()
    refused(data, "holds 3 frames or pages.*--frame")
    for frame, value in enumerate((50, 120, 200), 1):
        picture, _ = told(data, frame=frame)
        assert np.abs(picture.pixels.astype(int) - value).max() < 4


@pytest.mark.parametrize("kind", NAMES)
def test_a_missing_plugin_is_named(kind, monkeypatch):
    data = stream(Image.fromarray(SMOOTH), kind).getvalue()
    for module in ("pillow_heif", "pillow_jxl", "pillow_avif"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    refused(data, rf"^x: {NAMES[kind]} takes a plugin that is not installed: {re.escape(adding('formats'))}$")


def run(code: str) -> str:
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def test_plugins_are_imported_for_their_own_files_only(tmp_path):
    paths = []
    for kind in ("PNG", "AVIF", "JXL", "HEIF"):
        paths.append(str(tmp_path / kind))
        (tmp_path / kind).write_bytes(stream(Image.fromarray(SMOOTH), kind).getvalue())
    code = f"""
import sys
from nic_cli.image.reading import read
for path in {paths}:
    assert read(open(path, "rb")).width == 64
    print(sorted({{"pillow_heif", "pillow_jxl", "pillow_avif", "tifffile", "brotli"}} & set(sys.modules)))
"""
    assert run(code).splitlines() == ["[]", "[]", "['pillow_jxl']", "['pillow_heif', 'pillow_jxl']"]


def test_avif_goes_through_its_plugin_where_pillow_lacks_it(tmp_path):
    path = tmp_path / "x.avif"
    path.write_bytes(stream(Image.fromarray(SMOOTH), "AVIF", exif=exif(6)).getvalue())
    code = f"""
import sys
from PIL import features
features.check = lambda _: False
from nic_cli.image.reading import read
print(read(open({str(path)!r}, "rb")).width, "pillow_avif" in sys.modules)
"""
    assert run(code) == "48 True"


def bits(*fields: tuple[int, int]) -> bytes:
    """(count, value) as JPEG XL packs them."""
    whole = at = 0
    for count, value in fields:
        whole, at = whole | value << at, at + count
    return whole.to_bytes(-(-at // 8), "little")


def test_bombs_are_refused_before_they_are_decoded():
    side = (2, 3), (30, (1 << 30) - 1)
    refused(jxl.BARE + bits((1, 0), *side, (3, 0), *side, (1, 1)) + bytes(40), "over the limit")
    square = jxl.BARE + bits((1, 0), (2, 2), (18, (1 << 15) - 1), (3, 1), (1, 1)) + bytes(40)
    assert jxl.look(io.BytesIO(square)) == jxl.Said(1 << 15, 1 << 15, False, 8)
    refused(square, "over the limit")
    heic = bytearray(stream(Image.fromarray(SMOOTH), "HEIF").getvalue())
    at = heic.index(b"ispe") + 8
    heic[at : at + 8] = struct.pack(">II", 30000, 30000)
    refused(bytes(heic), "x: ")


def test_the_size_in_a_header_of_jpeg_xl_is_understood():
    for width, height in ((1, 1), (8, 256), (513, 7), (64, 48), (400, 100), (1000, 1000), (1500, 1000)):
        data = stream(Image.new("L", (width, height)), "JXL", effort=1)
        assert jxl.look(data) == jxl.Said(width, height, False, 8)


@pytest.mark.parametrize("kind", NAMES)
def test_damage_is_refused_or_harmless(kind):
    whole = stream(Image.fromarray(SMOOTH), kind, exif=exif(6)).getvalue()
    random = np.random.default_rng(11)
    for part in (0.02, 0.3, 0.7, 0.95):
        refused(whole[: int(len(whole) * part)], "x: ")
    for _ in range(60):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        try:
            read(io.BytesIO(data), "x")
        except PictureError as error:
            assert "\n" not in str(error)


def test_a_thumbnail_of_a_cut_avif_is_not_cut_again(tmp_path, monkeypatch):
    monkeypatch.setattr("nic_cli.image.ancillary.isobmff.clean_aperture", lambda _: (8, 8, 16, 16))
    Image.fromarray(SMOOTH).save(tmp_path / "a.avif")
    with Image.open(tmp_path / "a.avif") as image:
        image.load()
        assert from_pil(image).pixels.shape[:2] == (16, 16)
        image.thumbnail((24, 24))
        assert from_pil(image).pixels.shape[:2] == (image.height, image.width)
