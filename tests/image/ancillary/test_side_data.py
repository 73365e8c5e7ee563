"""Resolution, texts, IPTC and GeoTIFF go from file to file; what has no place is named; thumbnails go."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import IFDRational

from nic_cli.errors import DamagedFile
from nic_cli.image.ancillary.left_behind import not_kept
from nic_cli.image.ancillary.png_chunks import exif_and_xmp, raw_profiles
from nic_cli.image.ancillary.side_data import (
    CENTIMETRE,
    INCH,
    METRE,
    MOST,
    SideData,
    gather,
    pack_resolution,
    pack_texts,
)
from nic_cli.image.ancillary.side_output import (
    TIFF_TYPES,
    check,
    left_out,
    png_chunks,
    tiff_tags,
    turned,
    unpack_geo,
    unpack_resolution,
    unpack_texts,
    with_jpeg,
)
from nic_cli.image.ancillary.thumbnails import with_size, without_thumbnail
from nic_cli.image.metadata import PREFIX
from tests.image.pictures import XMP, exif

RGB = np.random.default_rng(5).integers(0, 256, (16, 24, 3), dtype=np.uint8)
IPTC = b"\x1c\x02\x19\0\5alpha\x1c\x02\x78\0\5words"
GEO = [
    (33550, 12, 3, (0.5, 0.25, 0.0), True),
    (33922, 12, 6, (0, 0, 0, 5e5, 4e6, 0), True),
    (34735, 3, 8, (1, 1, 0, 1, 3072, 0, 1, 32633), True),
    (34737, 2, 8, "WGS 84|", True),
    (42113, 2, 4, "-99", True),
]
ALL = SideData(pack_resolution(INCH, 300, 300), pack_texts([("Comment", "a note")]), IPTC)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(format: str, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, format, **options)
    return out.getvalue()


def png(*chunks: tuple[bytes, bytes], last: bool = False) -> bytes:
    data, added = saved("PNG"), b"".join(chunk(*one) for one in chunks)
    return data[:-12] + added + data[-12:] if last else data[:33] + added + data[33:]


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg(*segments: bytes, **options) -> bytes:
    data = saved("JPEG", **options)
    return data[:20] + b"".join(segments) + data[20:]


def tiff(**options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, RGB, photometric="rgb", metadata=None, **options)
    return out.getvalue()


def tiff_with(side: SideData, exif: bytes = b"") -> bytes:
    """One line of three values, whose directory is Pillow's."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    plain = {256: (4, 1), 257: (4, 1), 258: (3, (8, 8, 8)), 259: (3, 1), 262: (3, 2), 277: (3, 3)}
    for tag, (kind, value) in {**plain, 278: (4, 1), 273: (4, (0,)), 279: (4, (3,))}.items():
        directory.tagtype[tag], directory[tag] = kind, value
    for tag, value in tiff_tags(side, exif).items():
        directory.tagtype[tag] = TIFF_TYPES[tag]
        directory[tag] = value
    out = io.BytesIO()
    directory.save(out)
    return out.getvalue() + b"nic"


def said(data: bytes, warnings: list[str] | None = None) -> SideData:
    stream = io.BytesIO(data)
    image = Image.open(stream)
    at, heard = stream.tell(), [] if warnings is None else warnings
    found = gather(stream, image, "x", heard.append)
    assert stream.tell() == at and (warnings is not None or heard == [])
    check(found)
    return found


def lost(data: bytes) -> list[str]:
    return not_kept(io.BytesIO(data), Image.fromarray(RGB))


@pytest.mark.parametrize(
    ("data", "unit", "x", "y"),
    [
        (png((b"pHYs", struct.pack(">IIB", 11811, 5906, 1))), METRE, 11811, 5906),
        (png((b"pHYs", struct.pack(">IIB", 4, 3, 0))), 0, 4, 3),
        (saved("JPEG", dpi=(300, 300)), INCH, 300, 300),
        (jpeg().replace(b"\1\1\0\0\1\0\1", b"\1\1\2\0\x76\0\x76"), CENTIMETRE, 118, 118),
        (tiff(resolution=((30003, 100), (300, 1)), resolutionunit=2), INCH, Fraction(30003, 100), 300),
        (tiff(resolution=(118, 118), resolutionunit=3, byteorder=">"), CENTIMETRE, 118, 118),
        (tiff(resolution=(118, 118), resolutionunit=3, bigtiff=True), CENTIMETRE, 118, 118),
        (saved("BMP", dpi=(300, 300)), METRE, 11811, 11811),
    ],
)
def test_the_resolution_is_read_exactly(data, unit, x, y):
    assert unpack_resolution(said(data).resolution) == (unit, x, y)


def test_what_says_nothing_of_a_resolution_is_nothing():
    assert said(png()) == said(saved("JPEG")) == said(saved("WEBP")) == said(tiff()) == SideData()
    assert said(png((b"pHYs", struct.pack(">IIB", 0, 0, 1)))) == SideData()


def test_a_resolution_that_exif_says_too_is_kept_once():
    tags = Image.Exif()
    tags[282] = tags[283] = IFDRational(300, 1)
    tags[296] = 2
    own = tags.tobytes().removeprefix(PREFIX)
    assert said(saved("JPEG", dpi=(300, 300), exif=PREFIX + own)).resolution == b""
    assert unpack_resolution(said(saved("JPEG", dpi=(72, 72), exif=PREFIX + own)).resolution).x == 72
    assert Image.open(io.BytesIO(with_jpeg(saved("JPEG"), SideData(), own))).info["dpi"] == (300, 300)
    assert png_chunks(SideData(), own) == [(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))]


def test_resolutions_come_back_as_they_were_and_near_in_other_formats():
    for unit, value in ((METRE, 11811), (METRE, 2835), (INCH, 300), (CENTIMETRE, Fraction(11811, 100))):
        side = SideData(pack_resolution(unit, value, value))
        again = unpack_resolution(said(tiff_with(side)).resolution)
        metre, tens = {METRE: 1, CENTIMETRE: 100, INCH: Fraction(10000, 254)}, again.x
        assert tens * metre[again.unit] == value * metre[unit]
    side = SideData(pack_resolution(METRE, 11811, 11811))
    assert png_chunks(side) == [(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))]
    assert Image.open(io.BytesIO(with_jpeg(saved("JPEG"), side))).info["dpi"] == (300, 300)
    exact = SideData(pack_resolution(CENTIMETRE, 118, 118))
    assert said(with_jpeg(saved("JPEG"), exact)) == exact


def test_a_jpeg_without_jfif_is_given_it():
    plain = saved("JPEG")
    again = with_jpeg(plain[:2] + plain[20:], ALL)
    assert said(again) == ALL and (np.asarray(Image.open(io.BytesIO(again))).shape) == RGB.shape


@pytest.mark.parametrize("last", [False, True])
def test_texts_of_png_are_read_before_and_after_the_pixels(last):
    chunks = [
        (b"tEXt", b"parameters\0steps 20, caf\xe9"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 500)),
        (b"iTXt", b"Title\0\0\0de\0Titel\0" + "grüß 中".encode()),
        (b"iTXt", b"Author\0\1\0\0\0" + zlib.compress(b"ann")),
    ]
    found = said(png(*chunks, last=last))
    assert unpack_texts(found.texts) == [
        ("parameters", "steps 20, café"),
        ("Comment", "x" * 500),
        ("Title", "grüß 中"),
        ("Author", "ann"),
    ]
    again = png(*png_chunks(found))
    assert said(again) == found and Image.open(io.BytesIO(again)).info["Title"] == "grüß 中"


def test_xmp_and_what_imagemagick_repeats_are_no_texts():
    raw = {
        "exif": b"Exif\0\0" + exif(1),
        "iptc": b"8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC,
        "xmp": XMP,
    }
    chunks = [
        (
            b"zTXt",
            f"Raw profile type {kind}\0\0".encode()
            + zlib.compress(f"\n{kind}\n {len(b)}\n{b.hex()}\n".encode()),
        )
        for kind, b in raw.items()
    ]
    data = png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), *chunks)
    assert said(data) == SideData(iptc=IPTC)
    assert raw_profiles(io.BytesIO(data)).keys() == {"exif", "iptc", "xmp"}
    assert exif_and_xmp(io.BytesIO(data)) == (exif(1), XMP)


def test_comments_of_jpeg_and_gif_become_texts_and_come_back():
    found = said(jpeg(segment(0xFE, "grüß".encode()), segment(0xFE, b"caf\xe9\0")))
    assert unpack_texts(found.texts) == [("Comment", "grüß"), ("Comment", "café")]
    assert unpack_texts(said(with_jpeg(saved("JPEG"), found)).texts) == unpack_texts(found.texts)
    assert unpack_texts(said(saved("GIF", comment=b"a note")).texts) == [("Comment", "a note")]
    keyed = SideData(texts=pack_texts([("parameters", "steps")]))
    assert unpack_texts(said(with_jpeg(saved("JPEG"), keyed)).texts) == [("Comment", "parameters: steps")]


def test_a_comment_describes_a_tiff_that_has_no_other_description():
    described = Image.Exif()
    described[270] = "a hill"
    bare = described.tobytes().removeprefix(PREFIX)
    assert tiff_tags(ALL)[270] == b"a note" and 270 not in tiff_tags(ALL, bare)
    assert left_out(ALL, "tiff") == [] and left_out(ALL, "tiff", bare) == ["texts"]
    assert Image.open(io.BytesIO(tiff_with(ALL))).tag_v2[270] == "a note"


@pytest.mark.parametrize("size", [0, 5, 32767, 40000, 200_000])
def test_iptc_of_a_jpeg_comes_back_whatever_its_length(size):
    long = b"\x1c\x02\x05" + (struct.pack(">H", size) if size < 32768 else struct.pack(">HI", 0x8004, size))
    side = SideData(iptc=IPTC + long + bytes(range(1, 11)) * (size // 10) + b"e" * (size % 10))
    again = with_jpeg(saved("JPEG"), side)
    assert said(again) == side and lost(again) == []
    assert Image.open(io.BytesIO(tiff_with(side))).tag_v2[33723] == side.iptc


def test_iptc_of_a_tiff_is_read_in_any_of_its_types():
    swapped = struct.unpack(">5I", IPTC)
    assert said(tiff(extratags=[(33723, 4, 5, swapped, True)])).iptc == IPTC
    assert said(tiff(extratags=[(33723, 7, len(IPTC), IPTC, True)])).iptc == IPTC
    block = b"8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    assert said(tiff(extratags=[(34377, 1, len(block), block, True)])).iptc == IPTC


@pytest.mark.parametrize("order", ["<", ">"])
def test_geotiff_comes_back_number_by_number(order):
    found = said(tiff(extratags=GEO, byteorder=order))
    again = tiff_with(found)
    assert said(again) == found and found.geo[:4] == b"II*\0"
    wanted = {33550: (0.5, 0.25, 0), 33922: (0, 0, 0, 5e5, 4e6, 0), 34737: b"WGS 84|", 42113: b"-99"}
    assert unpack_geo(found.geo) == {**wanted, 34735: (1, 1, 0, 1, 3072, 0, 1, 32633)}
    with tifffile.TiffFile(io.BytesIO(again)) as file:
        assert file.pages[0].geotiff_tags["ProjectedCSTypeGeoKey"] == 32633


def test_the_page_that_is_opened_counts():
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as out:
        for dots in (100, 200):
            out.write(RGB, photometric="rgb", metadata=None, resolution=(dots, dots), resolutionunit=2)
    image = Image.open(pages)
    image.seek(1)
    assert unpack_resolution(gather(pages, image, "x", pytest.fail).resolution).x == 200


def test_turning_swaps_the_resolution_and_ends_the_position():
    side, heard = SideData(pack_resolution(INCH, 300, 200), geo=said(tiff(extratags=GEO)).geo), []
    assert turned(side, 1, "x", heard.append) == side and heard == []
    upright = turned(side, 6, "x", heard.append)
    assert (
        unpack_resolution(upright.resolution) == (INCH, 200, 300) and upright.geo == b"" and len(heard) == 1
    )


def test_what_a_format_has_no_place_for_is_named():
    side = SideData(ALL.resolution, ALL.texts, IPTC, said(tiff(extratags=GEO)).geo)
    names = ["resolution", "texts", "IPTC data", "GeoTIFF tags"]
    wanted = {"png": names[2:], "jpeg": names[3:], "tiff": [], "webp": names, "ppm": names}
    assert {format: left_out(side, format) for format in wanted} == wanted
    assert left_out(SideData(texts=pack_texts([("Comment", "x" * 65534)])), "jpeg") == ["texts"]
    assert left_out(SideData(pack_resolution(INCH, 200_000, 200_000)), "jpeg") == ["resolution"]
    assert [left_out(SideData(), format) for format in wanted] == [[]] * 5


def test_what_is_kept_nowhere_is_named():
    data = png((b"tIME", bytes(7)), (b"caBX", b"c2pa"), (b"gAMA", b"\0\0\xb1\x8f"), (b"tEXt", b"a\0b"))
    assert lost(data + b"more") == ["time of change", "content credentials", "data after the picture"]
    app = [
        segment(0xEB, b"JP\0\1\0\0\0\1jumbc2pa"),
        segment(0xEB, b"JP\0\1\0\0\0\2more"),
        segment(0xE2, b"FPXR\0"),
    ]
    app += [segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), segment(0xE2, b"MPF\0"), segment(0xE5, b"Nic\0x")]
    paths = segment(0xED, b"Photoshop 3.0\08BIM\x07\xd0\0\0\0\0\0\2ab")
    names = ["content credentials", "FlashPix data", "APP5 data (Nic)", "Photoshop resources"]
    assert lost(jpeg(*app, paths) + b"\0\0\0\x18ftypmp42") == [*names, "a video after the picture"]
    tags = [(50838, 4, 2, (1, 2), True), (50839, 1, 2, b"ab", True), (65001, 3, 1, 5, True)]
    assert lost(tiff(extratags=[*GEO, *tags])) == ["ImageJ metadata", "TIFF tag 65001"]
    assert lost(saved("WEBP") + b"C2PA\2\0\0\0ab") == ["content credentials"]
    for format in ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"):
        assert lost(saved(format)) == []


def test_texts_over_a_mebibyte_are_left_out_with_a_notice():
    heard = []
    bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (MOST - 100)))
    assert (
        said(png(bomb, bomb, bomb), heard).texts == b"" and len(heard) == 1 and "over the limit" in heard[0]
    )
    heard = []
    many = png((b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2 * MOST)), (b"tEXt", b"a\0b"))
    found = gather(io.BytesIO(many), Image.fromarray(RGB), "x", heard.append)  # Pillow's limit is lower here
    assert unpack_texts(found.texts) == [("a", "b")] and "broken texts" in heard[0]


def test_texts_that_are_no_unicode_do_not_stop_anything():
    side = SideData(texts=pack_texts([("", "a\ud800b\0c"), ("k中" * 50, "中")]))
    found = Image.open(io.BytesIO(png(*png_chunks(side)))).info
    assert found["Comment"] == "a?bc" and "中" in found.values()


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "gif", "bmp"])
def test_damaged_files_raise_nothing(format):
    block = b"Photoshop 3.0\08BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    data = {
        "png": png((b"pHYs", struct.pack(">IIB", 9, 9, 1)), (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"b"))),
        "jpeg": jpeg(segment(0xED, block), segment(0xFE, b"note")),
        "tiff": tiff(extratags=[*GEO, (33723, 7, len(IPTC), IPTC, True)]),
        "gif": saved("GIF", comment=b"note"),
        "bmp": saved("BMP"),
    }[format]
    random, image, data = np.random.default_rng(1), Image.open(io.BytesIO(data)), data[:700]
    for _ in range(300):
        broken = bytearray(data[: random.integers(1, len(data) + 1)])
        for place in random.integers(0, len(broken), 4):
            broken[place] = random.integers(256)
        stream, heard = io.BytesIO(bytes(broken)), []
        check(gather(stream, image, "x", heard.append))
        not_kept(stream, image)
        assert all(line.startswith("x: ") and line.endswith("left out") for line in heard) and len(heard) < 2


@pytest.mark.parametrize(
    "side",
    [
        SideData(resolution=b"\1\0\0"),
        SideData(resolution=b"\4" + bytes([0, 0, 0, 1]) * 2),
        SideData(resolution=b"\1" + bytes(8)),
        SideData(texts=b"\2"),
        SideData(texts=b"\0\1a\0\0\0\2b"),
        SideData(texts=b"\0\0\0\0\0\1b"),
        SideData(texts=b"\0\1\xff\0\0\0\1b"),
        SideData(texts=b"\1" + zlib.compress(bytes(2 * MOST))),
        SideData(texts=b"\1" + zlib.compress(b"\1a\0\0\0\1b")[:-3]),
        SideData(iptc=IPTC[:-1]),
        SideData(geo=b"II*\0"),
        SideData(geo=b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 256, 3, 1, 1) + bytes(4)),
        SideData(geo=b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 33550, 12, 3, 99) + bytes(4)),
    ],
)
def test_forged_chunks_are_refused(side):
    with pytest.raises(DamagedFile, match="fetch the file again"):
        check(side)


def with_thumbnail(order: str, after: bytes = b"") -> bytes:
    """IFD0 with a size, that of EXIF with another and a maker's note, IFD1 with a small JPEG, `after`."""
    small = b"\xff\xd8 a small picture \xff\xd9"
    first = [(256, 3, 1, 24), (257, 4, 1, 16), (0x8769, 4, 1, 62)]
    inner = [(0x927C, 7, 8, 104), (0xA002, 3, 1, 24), (0xA003, 4, 1, 16)]
    second = [(513, 4, 1, 142), (514, 4, 1, len(small))]

    def directory(entries, following):
        lines = [
            struct.pack(order + "HHI", *entry[:3])
            + (
                struct.pack(order + "HH", entry[3], 0)
                if entry[1] == 3
                else struct.pack(order + "I", entry[3])
            )
            for entry in entries
        ]
        return struct.pack(order + "H", len(lines)) + b"".join(lines) + struct.pack(order + "I", following)

    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    data = (head + directory(first, 112)).ljust(62, b".") + directory(inner, 0) + b"makers!!"
    return data.ljust(112, b".") + directory(second, 0) + small + after


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_thumbnail_is_cut_out_and_nothing_moves(order):
    whole = with_thumbnail(order)
    cut = without_thumbnail(whole)
    assert len(cut) == 112 and b"small" not in cut
    assert [at for at, (a, b) in enumerate(zip(whole, cut, strict=False)) if a != b] == [
        46 if order == "<" else 49
    ]
    hidden = with_thumbnail(order, b"a maker's secret")
    kept = without_thumbnail(hidden)
    assert len(kept) == len(hidden) and kept.endswith(b"a maker's secret") and b"small" not in kept
    assert (
        without_thumbnail(cut) == cut
        and without_thumbnail(exif(1)) == exif(1)
        and without_thumbnail(b"") == b""
    )


def test_a_thumbnail_that_lies_in_other_data_takes_none_of_them():
    forged = with_thumbnail("<").replace(struct.pack("<I", 142), struct.pack("<I", 62))
    assert b"makers!!" in without_thumbnail(forged)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sizes_are_patched_where_they_stand(order):
    for size in ((16, 24), (70000, 3)):
        found = Image.Exif()
        patched = with_size(with_thumbnail(order), *size)
        found.load(patched)
        inner = found.get_ifd(0x8769)
        assert (found[256], found[257]) == (inner[0xA002], inner[0xA003]) == size
        assert inner[0x927C] == b"makers!!" and len(patched) == len(with_thumbnail(order))
    assert with_size(exif(1), 5, 6) == exif(1)


@pytest.mark.parametrize("change", [without_thumbnail, lambda data: with_size(data, 5, 6)])
def test_broken_exif_raises_what_its_callers_catch(change):
    random, whole = np.random.default_rng(2), with_thumbnail("<")
    for _ in range(2000):
        broken = bytearray(whole[: random.integers(1, len(whole) + 1)])
        broken[random.integers(len(broken))] = random.integers(256)
        try:
            assert len(change(bytes(broken))) <= len(broken)
        except (ValueError, struct.error):
            pass
