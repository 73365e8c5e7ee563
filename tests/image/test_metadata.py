"""Metadata survive reading and writing, the picture stands upright, and broken metadata harm nothing."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, TiffImagePlugin
from PIL.TiffImagePlugin import IFDRational

from nic_cli.errors import UsageError
from nic_cli.image import colour
from nic_cli.image.metadata import PREFIX, orientation, strip
from nic_cli.image.reading import from_pil, read
from nic_cli.image.writing import to_pil
from nic_cli.types import Metadata, Picture

from .pictures import P3, XMP, exif, png16, rgb_profile, stream, written

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (6, 10, 3), dtype=np.uint8)


def upright(turned: int) -> np.ndarray:
    """What Pillow makes of it, as an independent opinion."""
    image = Image.fromarray(RGB)
    image.getexif()[274] = turned
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_every_orientation_is_turned_upright(turned, order):
    said = exif(turned, order)
    picture = read(stream(Image.fromarray(RGB), "PNG", exif=said))
    assert (picture.pixels == upright(turned)).all()
    assert orientation(picture.metadata.exif) == 1
    changed = [a != b for a, b in zip(said, picture.metadata.exif, strict=True)]
    assert sum(changed) == (turned != 1)


@pytest.mark.parametrize("turned", range(1, 9))
def test_alpha_and_16_bit_turn_too(turned):
    deep = np.concatenate([RGB, RGB[:, :, :1]], axis=2).astype(np.uint16) * 256 + 7
    picture = read(png16(deep, eXIf=exif(turned)))
    assert (picture.pixels >> 8 == upright(turned)).all() and (picture.pixels & 255 == 7).all()
    assert (picture.alpha == picture.pixels[:, :, 0]).all()


@pytest.mark.parametrize("turned", [1, 3, 6, 8])
@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_orientation_in_other_formats(format, turned):
    gradient = np.linspace(0, 255, 32 * 16).astype(np.uint8).reshape(32, 16)
    image = Image.fromarray(gradient).convert("RGB")
    tags = Image.Exif()
    tags[274] = turned
    picture = read(stream(image, format, exif=tags.tobytes(), quality=95))
    image.getexif()[274] = turned
    expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    assert np.abs(picture.pixels - expected).mean() < 4
    assert orientation(picture.metadata.exif) == 1


def test_orientation_said_by_xmp_alone():
    xmp = XMP.replace(b'tiff:Make="nic"', b'tiff:Orientation="6"')
    picture = read(stream(Image.fromarray(RGB), "WEBP", lossless=True, xmp=xmp))
    assert (picture.pixels == upright(6)).all()
    assert picture.metadata.xmp == xmp.replace(b'"6"', b'"1"')


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_all_kinds_survive_writing_and_reading(format):
    said = Metadata(rgb_profile(), exif(1), XMP)
    again = read(written(Picture(RGB, None, said, original_space=True), format))
    assert again.metadata == said and not again.original_space  # wide values stay as they are


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "tiff"])
def test_a_profile_of_3_megabytes_survives(format):
    icc = rgb_profile(P3, ballast=RNG.bytes(3 << 20))
    said = []
    out = written(Picture(RGB, None, Metadata(icc), original_space=True), format, warn=said.append)
    again = read(out, warn=said.append)
    assert again.metadata.icc == icc and not again.original_space and said == []
    assert read(png16(RGB.astype(np.uint16) * 257, iCCP=b"n\0\0" + zlib.compress(icc))).metadata.icc == icc


def test_xmp_in_several_parts_is_cut_aloud():
    data = stream(Image.fromarray(RGB), "JPEG", xmp=XMP).getvalue()
    rest = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + bytes([0, 0, 0, 3, 0, 0, 0, 0]) + b"<a>"
    said = []
    parts = data[:2] + b"\xff\xe1" + (len(rest) + 2).to_bytes(2, "big") + rest + data[2:]
    assert read(io.BytesIO(parts), "x", warn=said.append).metadata.xmp == XMP
    assert len(said) == 1 and "64 kB" in said[0]


def test_what_is_over_16_megabytes_is_left_out_with_a_notice():
    said = []
    data = stream(Image.fromarray(RGB), "WEBP", lossless=True, exif=exif(6) + bytes(1 << 24))
    picture = read(data, "x", warn=said.append)
    assert (picture.pixels == upright(6)).all() and picture.metadata.exif == b""
    assert len(said) == 1 and "EXIF are over the limit" in said[0]


def test_tiff_keeps_what_describes_the_picture():
    said = Metadata(rgb_profile(), exif(1), XMP)
    again = read(written(Picture(RGB, None, said), "tiff"))
    assert again.metadata.icc == said.icc and again.metadata.xmp == XMP
    tags = Image.Exif()
    tags.load(again.metadata.exif)
    assert dict(tags) == {271: "nic", 315: "ann"}


def test_exif_and_gps_folders_survive_tiff():
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0x829A] = IFDRational(1, 50)
    tags.get_ifd(0x8825)[1] = "N"
    first = read(stream(Image.fromarray(RGB), "JPEG", exif=tags.tobytes()))
    again = read(written(first, "tiff"))
    found = Image.Exif()
    found.load(again.metadata.exif)
    assert float(found.get_ifd(0x8769)[0x829A]) == 0.02 and found.get_ifd(0x8825)[1] == "N"


def test_pillow_images_carry_metadata_both_ways():
    said = Metadata(rgb_profile(), exif(1), XMP)
    picture = Picture(RGB, None, said, original_space=False)
    again = from_pil(to_pil(picture))
    assert again.metadata == said


@pytest.mark.parametrize("broken", [b"junk", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff"])
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_broken_exif_is_left_out_with_a_notice(format, broken):
    said = []
    picture = read(stream(Image.fromarray(RGB), format, exif=broken, lossless=True), "x", warn=said.append)
    assert (picture.pixels == RGB).all() and picture.metadata.exif == b""
    assert said == ["x: the EXIF data are broken and were left out"]


def test_broken_exif_of_a_jpeg_is_left_out_with_a_notice():
    said = []
    picture = read(stream(Image.fromarray(RGB), "JPEG", exif=b"Exif\0\0junk"), "x", warn=said.append)
    assert picture.pixels.shape == RGB.shape and picture.metadata.exif == b""
    assert said[-1] == "x: the EXIF data are broken and were left out"


def test_complaints_of_the_tiff_reader_become_notices():
    said = []
    data = bytearray(stream(Image.fromarray(RGB), "TIFF", exif=exif(1)).getvalue())
    at = data.index(b"\x0f\x01\x02\0") + 4  # the maker: 4 letters become 4 million
    data[at : at + 4] = (4_000_000).to_bytes(4, "little")
    assert (read(io.BytesIO(data), "x", warn=said.append).pixels == RGB).all()
    assert set(said) == {"x: Tag data larger than file. Skipping tag 271"}


def test_broken_exif_of_a_container_does_not_stop_writing():
    said = []
    picture = Picture(RGB, None, Metadata(exif=b"II*\0\x08\0\0\0\x01\0broken", xmp=XMP))
    for format in ("png", "jpeg", "webp", "tiff"):
        read(written(picture, format, warn=said.append))
    assert len(said) <= 1


def test_metadata_too_long_for_jpeg_are_left_out_with_a_notice():
    said = []
    long = Metadata(exif=exif(1) + bytes(70000), xmp=XMP + b" " * 70000)
    again = read(written(Picture(RGB, None, long), "jpeg", warn=said.append))
    assert again.metadata == Metadata() and len(said) == 2


@pytest.mark.parametrize(
    ("what", "left"), [({"exif"}, "ix"), ({"xmp", "icc"}, "e"), ({"all"}, ""), (set(), "iex")]
)
def test_strip_takes_what_is_named(what, left):
    picture = Picture(RGB, None, Metadata(b"i", b"e", b"x"), original_space=True)
    kept = strip(picture, what)
    assert (kept.metadata.icc + kept.metadata.exif + kept.metadata.xmp).decode() == left
    assert kept.original_space == ("i" in left)
    with pytest.raises(UsageError, match="cannot strip colour"):
        strip(picture, {"colour", "icc"})


def test_a_picture_stripped_of_its_profile_is_srgb():
    first = read(stream(Image.fromarray(RGB), "PNG", icc_profile=rgb_profile(P3)))
    plain = read(written(strip(first, {"icc"}), "png"))
    assert plain.metadata.icc == b""
    assert (plain.pixels == np.asarray(colour.to_srgb(Image.fromarray(first.pixels), rgb_profile(P3)))).all()


def test_later_chunks_of_a_png_are_read():
    data = stream(Image.fromarray(RGB), "PNG", exif=exif(6)).getvalue()
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    moved = data[:at] + data[at + length : -12] + data[at : at + length] + data[-12:]
    assert (read(io.BytesIO(moved)).pixels == upright(6)).all()


def test_texts_of_a_tiff_keep_their_letters_both_ways():
    said = {270: "Forêt 日本", 315: "Zoé Müller", 33432: "© 2023"}
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, text in said.items():
        tags[tag] = text.encode()
        tags.tagtype[tag] = 2
    source = io.BytesIO()
    Image.fromarray(RGB).save(source, "TIFF", tiffinfo=tags)
    source.seek(0)
    picture = read(source)
    for text in said.values():
        assert text.encode() in picture.metadata.exif
    for format in ("tiff", "jpeg", "png", "webp"):
        assert all(text.encode() in written(picture, format).getvalue() for text in said.values()), format


def test_what_windows_writes_survives_in_a_tiff():
    exif = Image.Exif()
    exif[40091], exif[18246], exif[269] = "title".encode("utf-16-le"), 4, "doc"
    picture = read(stream(Image.fromarray(RGB), "JPEG", exif=exif.tobytes()))
    back = Image.open(written(picture, "tiff")).getexif()
    assert bytes(back[40091]) == "title".encode("utf-16-le") and (back[18246], back[269]) == (4, "doc")


@pytest.mark.parametrize(
    ("kind", "gone", "stays"), [("text", 270, 271), ("resolution", 282, 270), ("gps", 34853, 271)]
)
def test_what_is_stripped_is_gone_from_exif_too(kind, gone, stays):
    exif = Image.Exif()
    exif[270], exif[271], exif[282], exif[283], exif[296] = "a secret place", "maker", 72.5, 72.5, 2
    exif.get_ifd(34853)[1], exif.get_ifd(34853)[2] = "N", (48.0, 51.0, 29.0)
    data = exif.tobytes().removeprefix(PREFIX)
    picture = strip(Picture(RGB, None, Metadata(exif=data)), {kind})
    left = Image.Exif()
    left.load(picture.metadata.exif)
    assert gone not in left and left[stays] == exif[stays]
    assert kind != "text" or b"secret" not in picture.metadata.exif
    if kind == "gps":
        place = (48).to_bytes(4, "big") + (1).to_bytes(4, "big")
        assert not left.get_ifd(34853) and place in data and place not in picture.metadata.exif


def test_a_turned_tiff_takes_its_resolution_along_and_leaves_its_place_on_the_globe():
    out, said = io.BytesIO(), []
    tags = [(274, 3, 1, 6, True), (33550, 12, 3, (0.5, 0.5, 0.0), True)]
    tifffile.imwrite(
        out, RGB, photometric="rgb", metadata=None, resolution=(300, 150), resolutionunit=2, extratags=tags
    )
    out.seek(0)
    picture = read(out, "map.tif", warn=said.append)
    assert picture.metadata.geo == b"" and any("GeoTIFF" in line for line in said)
    back = Image.open(written(picture, "tiff"))
    assert (back.tag_v2[282], back.tag_v2[283]) == (150, 300)


def test_face_regions_of_a_turned_picture_are_left_out():
    regions = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Make="nic" xmlns:mwg-rs='
        b'"http://www.metadataworkinggroup.com/schemas/regions/"><mwg-rs:Regions rdf:parseType="Resource">'
        b"<mwg-rs:RegionList><rdf:Bag><rdf:li/></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description>"
        b"</rdf:RDF></x:xmpmeta>"
    )
    for turned in (1, 6):
        said = []
        data = stream(Image.fromarray(RGB), "JPEG", xmp=regions, exif=PREFIX + exif(turned))
        picture = read(data, warn=said.append)
        assert b'tiff:Make="nic"' in picture.metadata.xmp
        assert (b"mwg-rs" in picture.metadata.xmp) == (turned == 1) == (not said)


@pytest.mark.parametrize("order", "<>")
def test_resolution_in_exif_turns_with_the_picture(order):
    tags = Image.Exif()
    tags.endian = order
    tags[274], tags[282], tags[283], tags[296] = 6, 300.0, 150.0, 2
    picture = read(stream(Image.fromarray(RGB), "JPEG", exif=tags.tobytes()))
    for format in ("jpeg", "tiff", "webp"):
        back = Image.open(written(picture, format)).getexif()
        assert (back[282], back[283]) == (150, 300), format


def test_further_views_and_what_cannot_be_read_are_told_as_not_kept():
    image = Image.fromarray(RGB)
    data = stream(image, "MPO", save_all=True, append_images=[image])
    assert read(data).metadata.lost == ("further views",)
