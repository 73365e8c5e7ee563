"""What a file says beside pixels, ICC, EXIF and XMP: its resolution, texts, IPTC, place on the globe.

Read from the file itself, since Pillow makes up a resolution and mixes texts with all else. The chunks are in
the forms that nic(5) tells of; each is at most 1 MiB, the texts also when unpacked. Comments of JPEG and GIF
have the keyword Comment.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from PIL import Image

from nic_cli.image.ancillary import png_chunks
from nic_cli.image.ancillary.jpeg_segments import APP0, APP1, APP13, COMMENT, segments
from nic_cli.image.ancillary.png_chunks import MOST
from nic_cli.image.ancillary.thumbnails import Entry, Layout, directory, layout, page, structure, tag_value

ASPECT, INCH, CENTIMETRE, METRE = range(4)
GEO_KINDS = {33550: 12, 33922: 12, 34264: 12, 34735: 3, 34736: 12, 34737: 2, 42112: 2, 42113: 2}
"""Tags of GeoTIFF, and of GDAL, with their types of TIFF."""
GEO_LETTERS = {2: "s", 3: "H", 12: "d"}
"""Of those types, as struct names them."""
PHOTOSHOP, IPTC_RESOURCE = b"Photoshop 3.0\0", 0x0404
IPTC_TAG, PHOTOSHOP_TAG = 33723, 34377
COMMENT_KEYWORD = "Comment"
HEAD = 1 << 26
"""Bytes of a JPEG in which its first scan begins."""


@dataclass(frozen=True, slots=True)
class SideData:
    """Four chunks in the forms told of above; empty bytes where a file says nothing."""

    resolution: bytes = b""
    texts: bytes = b""
    iptc: bytes = b""
    geo: bytes = b""


def gather(stream: BinaryIO, image: Image.Image, name: str, warn: Callable[[str], None]) -> SideData:
    """Return what the file in `stream`, opened as `image`, says; a notice names what is broken or long."""
    readers = {b"\x89PNG": _of_png, b"\xff\xd8": _of_jpeg, b"GIF8": _of_gif, b"BM": _of_bmp}
    readers |= {b"II": _of_tiff, b"MM": _of_tiff}
    at, said, lost = stream.tell(), SideData(), set[str]()
    try:
        stream.seek(0)
        head = stream.read(4)
        for start, reader in readers.items():
            if head.startswith(start):
                said = reader(stream, image, lost)
    except Exception:  # streams and Pillow raise what they like on damaged files, whose pixels may be sound
        lost.add("resolution, texts and IPTC data that cannot be read")
    finally:
        stream.seek(at)
    for field in ("iptc", "geo"):
        if len(getattr(said, field)) > MOST:
            lost.add(f"{len(getattr(said, field))} bytes of {field.upper()} data, over the limit,")
            said = replace(said, **{field: b""})
    if lost:
        warn(f"{name}: {' and '.join(sorted(lost))} were left out")
    return said


def _of_png(stream: BinaryIO, image: Image.Image, lost: set[str]) -> SideData:
    resolution, texts, raw, room = b"", list[tuple[str, str]](), False, MOST
    for kind, data in png_chunks.chunks(stream):
        if kind == b"pHYs" and len(data) == 9:
            x, y, unit = struct.unpack(">IIB", data)
            resolution = pack_resolution(METRE if unit else ASPECT, x, y)
        elif kind in png_chunks.TEXT_CHUNKS and png_chunks.RAW.match(data):
            raw = True
        elif kind in png_chunks.TEXT_CHUNKS and room >= 0 and not data.startswith(png_chunks.XMP_KEYWORD):
            try:
                texts.append(png_chunks.text_of(kind, data))
                room -= len(texts[-1][1])  # a few bytes can unpack to a mebibyte, over and over
            except (ValueError, IndexError, zlib.error):
                lost.add("broken texts")
    iptc = _iptc(png_chunks.raw_profiles(stream).get("iptc", b""), lost) if raw else b""
    return SideData(resolution, _texts(texts, lost), iptc)


def _of_jpeg(stream: BinaryIO, image: Image.Image, lost: set[str]) -> SideData:
    resolution, texts, photoshop, exif = b"", list[tuple[str, str]](), b"", b""
    stream.seek(0)
    for marker, _, data in segments(stream.read(HEAD)):
        if marker == APP0 and data.startswith(b"JFIF\0") and len(data) >= 12:
            unit, x, y = struct.unpack_from(">BHH", data, 7)
            resolution = pack_resolution(unit, x, y) if unit <= CENTIMETRE else b""
        elif marker == APP1 and data.startswith(b"Exif\0\0"):
            exif = exif or data[6:]
        elif marker == APP13 and data.startswith(PHOTOSHOP):
            photoshop += data[len(PHOTOSHOP) :]  # one follows the other where they are too many for a segment
        elif marker == COMMENT:
            texts.append((COMMENT_KEYWORD, png_chunks.decoded(data.rstrip(b"\0"))))
    if resolution == resolution_of_exif(exif):
        resolution = b""
    return SideData(resolution, _texts(texts, lost), _iptc(photoshop, lost))


def _of_gif(stream: BinaryIO, image: Image.Image, lost: set[str]) -> SideData:
    comment = image.info.get("comment", b"")
    return SideData(texts=_texts([(COMMENT_KEYWORD, png_chunks.decoded(comment))] if comment else [], lost))


def _of_bmp(stream: BinaryIO, image: Image.Image, lost: set[str]) -> SideData:
    stream.seek(14)
    head = stream.read(32)
    x, y = struct.unpack_from("<ii", head, 24) if int.from_bytes(head[:4], "little") >= 40 else (0, 0)
    return SideData(pack_resolution(METRE, x, y))


def _of_tiff(stream: BinaryIO, image: Image.Image, lost: set[str]) -> SideData:
    tags, form = page(stream, image)
    geo = dict[int, tuple[int, int, bytes]]()
    for tag in GEO_KINDS.keys() & tags.keys():
        kind, count, data = tags[tag].kind, tags[tag].values, tag_value(stream, tags[tag])
        if kind != GEO_KINDS[tag] or not data:
            lost.add("broken GeoTIFF tags")
            continue
        values = f"{count}{GEO_LETTERS[kind]}"
        geo[tag] = kind, count, struct.pack("<" + values, *struct.unpack(form.order + values, data))
    iptc = tag_value(stream, tags[IPTC_TAG]) if IPTC_TAG in tags else b""
    if iptc[3:4] == b"\x1c" != iptc[:1]:  # written as numbers of 32 bits in the other order
        iptc = b"".join(iptc[at : at + 4][::-1] for at in range(0, len(iptc), 4))
    if not iptc and PHOTOSHOP_TAG in tags:
        iptc = dict(resources(tag_value(stream, tags[PHOTOSHOP_TAG]))).get(IPTC_RESOURCE, b"")
    return SideData(_of_directory(stream, tags, form), b"", _iptc(iptc, lost), structure(geo))


def resolution_of_exif(exif: bytes) -> bytes:
    """Return what bare EXIF says of the resolution, as a chunk; empty where it says nothing or is broken."""
    stream = io.BytesIO(exif)
    try:
        form = layout(stream)
        return _of_directory(stream, directory(stream, form.first, form)[0], form)
    except (ValueError, struct.error):
        return b""


def _of_directory(stream: BinaryIO, tags: dict[int, Entry], form: Layout) -> bytes:
    parts = [tag_value(stream, tags[tag]) if tag in tags else b"" for tag in (282, 283)]
    if any(len(part) != 8 for part in parts):
        return b""
    (a, b), (c, d) = (struct.unpack(form.order + "II", part) for part in parts)
    (unit,) = struct.unpack(form.order + "H", tag_value(stream, tags[296])[:2]) if 296 in tags else (2,)
    if unit not in (1, 2, 3) or not (b and d):
        return b""
    return pack_resolution(unit - 1, Fraction(a, b), Fraction(c, d))


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and data of each resource of Photoshop, up to what is cut."""
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) >= at + 12:
        number, name = struct.unpack_from(">HB", data, at + 4)
        start = at + 6 + (name + 2) // 2 * 2 + 4
        size = int.from_bytes(data[start - 4 : start], "big")
        if start + size > len(data):
            return
        yield number, data[start : start + size]
        at = start + size + size % 2


def _iptc(data: bytes, lost: set[str]) -> bytes:
    """The data sets in what may be wrapped as a resource of Photoshop, up to the first that is broken."""
    data = data.removeprefix(PHOTOSHOP)
    if data.startswith(b"8BIM"):
        data = dict(resources(data)).get(IPTC_RESOURCE, b"")
    at = sets_end(data)
    if data[at:].strip(b"\0"):
        lost.add("broken IPTC data")
    return data[:at]


def sets_end(data: bytes) -> int:
    """Where the data sets that begin at byte 0 end, or the first that is broken begins."""
    at = 0
    while data[at : at + 1] == b"\x1c" and len(data) >= at + 5:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        after = at + 5
        if size & 0x8000:  # the length of the length
            after += size & 0x7FFF
            size = int.from_bytes(data[at + 5 : after][:8], "big") if size < 0x8009 else len(data)
        if after + size > len(data):
            break
        at = after + size
    return at


def pack_resolution(unit: int, x: Fraction | int, y: Fraction | int) -> bytes:
    """Pixels a unit as a chunk; empty where they say nothing: zero, or square pixels of no size."""
    if x <= 0 or y <= 0 or (unit == ASPECT and x == y == 1):
        return b""
    values = [Fraction(value) for value in ((x,) if x == y else (x, y))]
    return bytes([unit]) + b"".join(struct.pack(">II", v.numerator, v.denominator) for v in values)


def pack_texts(texts: Sequence[tuple[str, str]]) -> bytes:
    """Keywords and texts as a chunk. Raises ValueError over MOST bytes."""
    body = bytearray()
    for keyword, text in texts:
        name = (keyword[:79] or COMMENT_KEYWORD).encode("utf-8", "replace")
        said = text.encode("utf-8", "replace")
        body += bytes([len(name)]) + name + struct.pack(">I", len(said)) + said
    if len(body) > MOST:
        raise ValueError(f"{len(body)} bytes of texts, over the limit,")
    packed = zlib.compress(body, 9)
    return min(b"\0" + body, b"\1" + packed, key=len) if body else b""


def _texts(texts: Sequence[tuple[str, str]], lost: set[str]) -> bytes:
    try:
        return pack_texts(texts)
    except ValueError as error:
        lost.add(str(error))
        return b""
