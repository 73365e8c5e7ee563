"""Side data in files that are written, as PNG chunks, JPEG segments and TIFF tags; what has no place.

`side_data` reads them, and tells of the forms that are unpacked here.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from PIL.TiffImagePlugin import IFDRational

from nic_cli.errors import DamagedFile
from nic_cli.image.ancillary import jpeg_segments, side_data
from nic_cli.image.ancillary.jpeg_segments import APP0, APP13, COMMENT, MAX_DATA, packed, segments
from nic_cli.image.ancillary.png_chunks import inflated
from nic_cli.image.ancillary.side_data import ASPECT, CENTIMETRE, INCH, METRE, PHOTOSHOP, SideData
from nic_cli.image.ancillary.thumbnails import directory, holds, layout, tag_value

TIFF_TYPES = {270: 2, 282: 5, 283: 5, 296: 3, side_data.IPTC_TAG: 7, **side_data.GEO_KINDS}
"""Types of TIFF for the tags of `tiff_tags`, some of which Pillow would guess wrong."""

_DESCRIPTION = 270
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


def pil_info(resolution: bytes) -> dict[str, tuple[float, float]]:
    """What the `info` of a Pillow image says of this chunk: dpi, of one that names a unit."""
    unit, x, y = unpack_resolution(resolution) if resolution else (ASPECT, Fraction(), Fraction())
    factor = _PER_METRE.get(unit, Fraction()) / _PER_METRE[INCH]
    return {"dpi": (float(x * factor), float(y * factor))} if factor else {}


def unpack_texts(data: bytes) -> list[tuple[str, str]]:
    """Return keywords and texts of a chunk. Raises DamagedFile."""
    found, at = list[tuple[str, str]](), 0
    try:
        if data[:1] not in (b"\0", b"\1"):
            raise ValueError("of no known form")
        body = inflated(data[1:]) if data[0] else data[1:]
        while at < len(body):
            split = at + 1 + body[at]
            (size,) = struct.unpack_from(">I", body, split)
            if split == at + 1 or split + 4 + size > len(body):
                raise ValueError("cut")
            keyword, at = body[at + 1 : split].decode("utf-8"), split + 4 + size
            found.append((keyword, body[split + 4 : at].decode("utf-8")))
    except (ValueError, struct.error, zlib.error) as error:
        raise DamagedFile("texts that are cut, or of no known form; fetch the file again") from error
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
        raise DamagedFile("GeoTIFF tags of no known form; fetch the file again") from error
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
    """The first text that describes the picture, if nothing else does."""
    wanted = (side_data.COMMENT_KEYWORD, "Description")
    found = [text for keyword, text in _texts(side) if keyword in wanted]
    return b"" if holds(exif, _DESCRIPTION) or not found else found[0].replace("\0", "").encode("utf-8")


def left_out(side: SideData, format: str, exif: bytes = b"") -> list[str]:
    """Return names of what png, jpeg, webp, tiff, ppm or pil has no place for. exif: as in `png_chunks`."""
    texts, resolution = bool(side.texts), bool(side.resolution)
    if format in _DENSITIES:
        resolution = resolution and not _density(side, exif, format)
        texts = format == "jpeg" and any(len(text) > MAX_DATA for text in _comments(side))
    elif format == "tiff":
        resolution, texts = False, len(_texts(side)) > bool(_description(side, exif))
    elif format == "pil":
        resolution = resolution and not pil_info(side.resolution)
    iptc = bool(side.iptc) and format not in ("jpeg", "tiff")
    geo = bool(side.geo) and format != "tiff"
    found = {"resolution": resolution, "texts": texts, "IPTC data": iptc, "GeoTIFF tags": geo}
    return [what for what, there in found.items() if there]
