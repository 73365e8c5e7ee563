"""Side data in files that are written, as PNG chunks, JPEG segments and TIFF tags; what has no place.

`side_data` reads them, and tells of the forms that are unpacked here.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from nic_cli.errors import DamagedFile
from nic_cli.image.ancillary import jpeg_segments, side_data
from nic_cli.image.ancillary.jpeg_segments import APP0, APP13, COMMENT, MAX_DATA, packed, segments
from nic_cli.image.ancillary.side_data import ASPECT, CENTIMETRE, INCH, METRE, PHOTOSHOP, SideData
from nic_cli.image.ancillary.thumbnails import directory, holds, layout, page, tag_value

TIFF_TYPES = {270: 2, 282: 5, 283: 5, 296: 3, side_data.IPTC_TAG: 7, **side_data.GEO_KINDS}
"""Types of TIFF for the tags of `tiff_tags`, some of which Pillow would guess wrong."""

_DESCRIPTION = 270
_PNG_KNOWN = b"""IHDR PLTE IDAT IEND tRNS iDOT CgBI fcTL fdAT pHYs tEXt zTXt iTXt eXIf
    gAMA cHRM cICP sRGB iCCP sBIT mDCV mDCv cLLI cLLi""".split()
_PNG_NAMES = {b"tIME": "time of change", b"acTL": "further frames", b"caBX": "content credentials"}
_WEBP_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF")
# Adobe and Ducky say how the pixels are coded, and how well.
_SEGMENTS_KNOWN = rb"Exif\0|http://ns.adobe.com/x|ICC_PROFILE\0|MPF\0|urn:iso:std:iso:ts:21496|Adobe|Ducky"
_SEGMENT_NAMES = {b"JFXX": "JFXX thumbnail", b"FPXR": "FlashPix data", b"JP": "JUMBF data"}
# What is kept, from here or elsewhere, or follows from it: sums, resolution, thumbnails, ICC, EXIF, XMP.
_RESOURCES_KNOWN = {side_data.IPTC_RESOURCE, 0x0425, 0x03ED, 0x0409, 0x040C, 0x040F, 0x0422, 0x0424}
_TIFF_KNOWN = {700, 32995, 32996, 32997, 32998, 33432, 34665, 34675, 34853, 50839, *TIFF_TYPES}
_TIFF_NAMES = {269: "document name", 285: "page name", 330: "pictures in SubIFDs", 34412: "LSM metadata"}
_TIFF_NAMES |= {37724: "Photoshop layers", 50844: "RPC data", 50838: "ImageJ metadata"}
_PER_METRE = {INCH: Fraction(10000, 254), CENTIMETRE: Fraction(100), METRE: Fraction(1)}
_DENSITIES = {"png": ((METRE,), 2**31 - 1), "jpeg": ((INCH, CENTIMETRE), 65535)}
"""Units that a format has, and its largest number."""


class Resolution(NamedTuple):
    """Pixels a unit, across and down."""

    unit: int
    x: Fraction
    y: Fraction


def unpack_resolution(data: bytes) -> Resolution:
    """Return what a chunk says. Raises DamagedFile."""
    numbers = struct.unpack(f">{len(data) // 4}I", data[1:]) if len(data) in (9, 17) else (0,)
    if not all(numbers) or data[0] > METRE:
        raise DamagedFile(f"resolution: {len(data)} bytes that are none; fetch the file again")
    return Resolution(data[0], Fraction(*numbers[:2]), Fraction(*numbers[-2:]))


def unpack_texts(data: bytes) -> list[tuple[str, str]]:
    """Return keywords and texts of a chunk. Raises DamagedFile."""
    found, at = list[tuple[str, str]](), 0
    try:
        if data[:1] not in (b"\0", b"\1"):
            raise ValueError("of no known form")
        body = side_data.inflated(data[1:]) if data[0] else data[1:]
        while at < len(body):
            split = at + 1 + body[at]
            (size,) = struct.unpack_from(">I", body, split)
            if split == at + 1 or split + 4 + size > len(body):
                raise ValueError("cut")
            keyword, at = body[at + 1 : split].decode("utf-8"), split + 4 + size
            found.append((keyword, body[split + 4 : at].decode("utf-8")))
    except (ValueError, struct.error, zlib.error) as error:
        raise DamagedFile(f"texts: {error}; fetch the file again") from error
    return found


def unpack_geo(data: bytes) -> dict[int, Any]:
    """Return values by tag: tuples of numbers, or bytes without the zero at the end. Raises DamagedFile."""
    stream, found = io.BytesIO(data), dict[int, Any]()
    try:
        form = layout(stream)
        for tag, entry in directory(stream, form.first, form)[0].items():
            letter = side_data.GEO_LETTERS[side_data.GEO_KINDS[tag]]
            values = struct.unpack(f"{form.order}{entry.values}{letter}", tag_value(stream, entry))
            found[tag] = values[0].removesuffix(b"\0") if letter == "s" else values
    except (ValueError, LookupError, struct.error) as error:
        raise DamagedFile(f"GeoTIFF tags: {error}; fetch the file again") from error
    return found


def check(side: SideData) -> None:
    """Raise DamagedFile for chunks that are not of their forms."""
    unpackers = {"resolution": unpack_resolution, "texts": unpack_texts, "geo": unpack_geo}
    for kind, unpack in unpackers.items():
        if getattr(side, kind):
            unpack(getattr(side, kind))
    if side_data.sets_end(side.iptc) != len(side.iptc):
        raise DamagedFile("IPTC data of no known form; fetch the file again")


def turned(side: SideData, orientation: int, name: str, warn: Callable[[str], None]) -> SideData:
    """Return `side` of a picture that lay with this EXIF orientation, 1..8, and was set upright."""
    if side.resolution and orientation >= 5:
        unit, x, y = unpack_resolution(side.resolution)
        side = replace(side, resolution=side_data.pack_resolution(unit, y, x))
    if side.geo and orientation > 1:
        warn(f"{name}: its GeoTIFF position is that of the picture before it was turned, and was left out")
        side = replace(side, geo=b"")
    return side


def png_chunks(side: SideData, exif: bytes = b"") -> list[tuple[bytes, bytes]]:
    """Return kinds and data of chunks that go before the pixels.

    exif: bare; like all writers here, this takes the resolution from it where `side` has none.
    """
    density = _density(side, exif, "png")
    found = [(b"pHYs", struct.pack(">IIB", *density[1:], density[0] != ASPECT))] if density else []
    for keyword, text in _texts(side):
        name = " ".join(keyword.split()).encode("latin-1", "replace")[:79].strip() or b"Comment"
        said = text.replace("\0", "")  # which would end it
        try:
            found.append((b"tEXt", name + b"\0" + said.encode("latin-1")))
        except UnicodeEncodeError:
            found.append((b"iTXt", name + bytes(5) + said.encode("utf-8")))
    return found


def _texts(side: SideData) -> list[tuple[str, str]]:
    return unpack_texts(side.texts) if side.texts else []


def _density(side: SideData, exif: bytes, format: str) -> tuple[int, int, int] | None:
    """Unit and whole numbers, in the unit of `png` or `jpeg` that comes nearest; None if there is none."""
    units, most = _DENSITIES[format]
    data = side.resolution or side_data.resolution_of_exif(exif)
    if not data:
        return None
    unit, x, y = unpack_resolution(data)
    if unit == ASPECT:
        if not x.denominator == y.denominator == 1:
            x, y = Fraction((x / y).numerator), Fraction((x / y).denominator)
        return (unit, int(x), int(y)) if max(x, y) <= most else None
    found = []
    for other in units:
        factor = _PER_METRE[unit] / _PER_METRE[other]
        whole = round(x * factor), round(y * factor)
        if 0 < min(whole) and max(whole) <= most:
            apart = max(abs(whole[0] / (x * factor) - 1), abs(whole[1] / (y * factor) - 1))
            found.append((apart, other, *whole))
    return min(found)[1:] if found else None


def with_jpeg(jpeg: bytes, side: SideData, exif: bytes = b"") -> bytes:
    """Return a finished JPEG that says this too. exif: bare, as in `png_chunks`."""
    density = _density(side, exif, "jpeg")
    if density:
        first = next(segments(jpeg), None)
        old = first.data if first and first.marker == APP0 and first.data.startswith(b"JFIF\0") else b""
        new = (old[:7] or b"JFIF\0\1\1") + struct.pack(">BHH", *density) + (old[12:] or b"\0\0")
        jpeg = jpeg[:2] + packed(APP0, new) + jpeg[first.at + 4 + len(old) if first and old else 2 :]
    added = [packed(COMMENT, text) for text in _comments(side) if len(text) <= MAX_DATA]
    if side.iptc:
        head = b"8BIM" + struct.pack(">HHI", side_data.IPTC_RESOURCE, 0, len(side.iptc))
        data, step = head + side.iptc + bytes(len(side.iptc) % 2), MAX_DATA - len(PHOTOSHOP)
        added += [packed(APP13, PHOTOSHOP + data[at : at + step]) for at in range(0, len(data), step)]
    return jpeg_segments.with_segments(jpeg, added)


def _comments(side: SideData) -> list[bytes]:
    """Texts as JPEG has them, which knows no keywords."""
    pairs = (
        (f"{keyword}: " if keyword != side_data.COMMENT_KEYWORD else "", text)
        for keyword, text in _texts(side)
    )
    return [(before + text).encode("utf-8") for before, text in pairs]


def tiff_tags(side: SideData, exif: bytes = b"") -> dict[int, Any]:
    """Return values by tag for a directory of Pillow's whose `tagtype` is set by TIFF_TYPES before.

    exif: bare; where it has a description, no text of `side` takes its place.
    """
    tags = dict[int, Any]()
    if side.resolution:
        unit, x, y = unpack_resolution(side.resolution)
        shrunk = 100 if unit == METRE else 1  # TIFF has centimetres only
        tags = {282: IFDRational(x / shrunk), 283: IFDRational(y / shrunk), 296: min(unit, CENTIMETRE) + 1}
    if side.iptc:
        tags[side_data.IPTC_TAG] = side.iptc
    if side.geo:
        tags |= unpack_geo(side.geo)
    return tags | ({_DESCRIPTION: text} if (text := _description(side, exif)) else {})


def _description(side: SideData, exif: bytes) -> bytes:
    """The only text, if it describes the picture and nothing else does."""
    texts = _texts(side)
    if len(texts) != 1 or texts[0][0] not in (side_data.COMMENT_KEYWORD, "Description"):
        return b""
    return b"" if holds(exif, _DESCRIPTION) else texts[0][1].replace("\0", "").encode("utf-8")


def left_out(side: SideData, format: str, exif: bytes = b"") -> list[str]:
    """Return names of what png, jpeg, webp, tiff or ppm has no place for. exif: bare, as in `png_chunks`."""
    texts, resolution = bool(side.texts), bool(side.resolution)
    if format in _DENSITIES:
        resolution = resolution and not _density(side, exif, format)
        texts = format == "jpeg" and any(len(text) > MAX_DATA for text in _comments(side))
    elif format == "tiff":
        resolution, texts = False, texts and not _description(side, exif)
    iptc = bool(side.iptc) and format not in ("jpeg", "tiff")
    geo = bool(side.geo) and format != "tiff"
    found = {"resolution": resolution, "texts": texts, "IPTC data": iptc, "GeoTIFF tags": geo}
    return [what for what, there in found.items() if there]


def not_kept(stream: BinaryIO, image: Image.Image) -> list[str]:
    """Return short names of what a file, opened as `image`, says and nothing of nic keeps."""
    readers = {b"\x89P": _lost_of_png, b"\xff\xd8": _lost_of_jpeg, b"RI": _lost_of_webp}
    readers |= {b"II": _lost_of_tiff, b"MM": _lost_of_tiff}
    at, found = stream.tell(), dict[str, None]()
    try:
        stream.seek(0)
        reader = readers.get(stream.read(2))
        for what in reader(stream, image) if reader else ():
            found[what] = None
    except Exception:  # streams raise what they like on damaged files: what was found before is told of
        found.setdefault("what lies in its damaged parts")
    finally:
        stream.seek(at)
    if "content credentials" in found:
        found.pop("JUMBF data", None)  # further segments of them
    return list(found)


def _lost_of_png(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    for kind, _ in side_data.chunks_of_png(stream):
        if kind not in _PNG_KNOWN:
            yield _PNG_NAMES.get(kind, f"PNG chunk {kind.decode('latin-1')!r}")
    if stream.read(1):
        yield "data after the picture"


def _lost_of_webp(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        if head[:4] not in _WEBP_KNOWN:
            name = f"WebP chunk {head[:4].decode('latin-1')!r}"
            yield "content credentials" if head[:4] == b"C2PA" else name
        size = int.from_bytes(head[4:], "little")
        stream.seek(size + size % 2, io.SEEK_CUR)


def _lost_of_jpeg(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    stream.seek(0)
    jpeg, photoshop, end = stream.read(side_data.HEAD), b"", 2
    for marker, at, data in segments(jpeg):
        end = at + 4 + len(data)
        if marker == APP13 and data.startswith(PHOTOSHOP):
            photoshop += data[len(PHOTOSHOP) :]
        elif marker == APP0 and data.startswith(b"JFIF\0"):
            yield from ["JFIF thumbnail"] if data[12:14].strip(b"\0") and len(data) > 14 else []
        elif marker & 0xF0 == APP0 and not re.match(_SEGMENTS_KNOWN, data):
            named = (what for start, what in _SEGMENT_NAMES.items() if data.startswith(start))
            word = data[:32].split(b"\0")[0].decode("latin-1")
            name = next(named, f"APP{marker - APP0} data" + (f" ({word})" if word.isprintable() else ""))
            yield "content credentials" if b"c2pa" in data else name
    yield from _resources(photoshop)
    end = jpeg.find(b"\xff\xd9", end)
    rest = jpeg[end + 2 :] if end >= 0 else b""
    if re.search(rb"\0\0\0.ftyp", rest, re.DOTALL):
        yield "a video after the picture"
    elif rest.strip(b"\0") and not rest.startswith(b"\xff\xd8"):  # others look after second pictures
        yield "data after the picture"


def _resources(photoshop: bytes) -> list[str]:
    return ["Photoshop resources"] if dict(side_data.resources(photoshop)).keys() - _RESOURCES_KNOWN else []


def _lost_of_tiff(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    tags, _ = page(stream, image)
    for tag, entry in tags.items():
        if tag == side_data.PHOTOSHOP_TAG:
            yield from _resources(tag_value(stream, entry))
        elif tag in _TIFF_NAMES:
            yield _TIFF_NAMES[tag]
        elif tag >= 700 and tag not in _TIFF_KNOWN:  # those below say how the pixels lie, and their colours
            yield "DNG data" if 50706 <= tag <= 52600 else f"TIFF tag {tag}"
