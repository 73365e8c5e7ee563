"""What AVIF and HEIC say of the picture that they show: its colours, and how it is cut and turned.

Streams are left where reading ended.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import BinaryIO

import numpy as np

from nic_cli.image.ancillary.colour_codes import ColourCode, of_code, unless_srgb

_MAX_BOXES, _MAX_META = 1 << 8, 1 << 22


def colour(stream: BinaryIO) -> ColourCode | None:
    """The colours of the picture shown of an AVIF or HEIC (ISO/IEC 23008-12, 6.5.5: colr).

    None for sRGB, for codes unknown, for damaged files, and where an ICC profile stands, which comes first.
    """
    codes = [body for kind, body in _properties(stream) if kind == b"colr"]
    if any(body[:4] in (b"prof", b"rICC") for body in codes):
        return None
    code = next((body for body in codes if body[:4] == b"nclx"), b"")
    try:
        return unless_srgb(of_code(_number(code, 4, 2), _number(code, 6, 2)))
    except ValueError:
        return None


def transforms(stream: BinaryIO) -> list[tuple[str, int]]:
    """What is done to it: `clap` (0), `irot` (quarter turns to the left), `imir` (0: rows, 1: columns).

    MIAF (ISO/IEC 23000-22, 7.3.6.7) wants that order and one of each; HEIF has them done in the order found.
    """
    bits, found = {b"clap": 0, b"irot": 3, b"imir": 1}, _properties(stream)
    return [(kind.decode(), body[0] & bits[kind]) for kind, body in found if body and kind in bits]


def orientation(stream: BinaryIO) -> int:
    """The EXIF orientation, 1..8, that turns as `transforms` do."""
    square = np.arange(4).reshape(2, 2)
    for kind, value in transforms(stream):
        if kind == "irot":
            square = np.rot90(square, value)
        elif kind == "imir":
            square = square[:, ::-1] if value else square[::-1]
    turned = ("0123", "1032", "3210", "2301", "0213", "2031", "3120", "1302")
    return 1 + turned.index("".join(str(value) for value in square.ravel()))


def clean_aperture(stream: BinaryIO) -> tuple[int, int, int, int] | None:
    """x, y, width and height that are to be shown, before `irot` and `imir` (ISO/IEC 14496-12, 12.1.4).

    Fractions of pixels are rounded as libheif does, and what lies outside is cut off. None where all is
    shown, where nothing is, and for damaged files.
    """
    properties = dict(reversed(_properties(stream)))
    clap, size = properties.get(b"clap", b""), properties.get(b"ispe", b"")
    if len(clap) < 32 or len(size) < 12:
        return None
    parts = [_number(clap, at, 4, signed=at in (16, 24)) for at in range(0, 32, 4)]
    if not all(parts[1::2]):
        return None
    across, down, right, below = (Fraction(n, d) for n, d in zip(parts[::2], parts[1::2], strict=True))
    full = _number(size, 4, 4), _number(size, 8, 4)
    half = Fraction(1, 2)
    x, y = floor(right + (full[0] - across) / 2), floor(below + (full[1] - down) / 2 + half)
    left, top = max(x, 0), max(y, 0)
    width = min(x + floor(across + half), full[0]) - left
    height = min(y + floor(down + half), full[1]) - top
    if width < 1 or height < 1 or (width, height) == full:
        return None
    return left, top, width, height


def _properties(stream: BinaryIO) -> list[tuple[bytes, bytes]]:
    """Kind and content of the properties of the primary item, in the order of their association."""
    try:
        parts = dict(reversed(_boxes(_meta(stream)[4:])))
        item = parts.get(b"pitm", b"")
        primary = _number(item, 4, 4 if item[:1] > b"\0" else 2)
        inner = _boxes(parts.get(b"iprp", b""))
        known = _boxes(next((body for kind, body in inner if kind == b"ipco"), b""))
        numbers = [n for kind, body in inner if kind == b"ipma" for n in _associated(body, primary)]
        return [known[n - 1] for n in numbers if 0 < n <= len(known)]
    except ValueError:
        return []


def _meta(stream: BinaryIO) -> bytes:
    """The content of the meta box of the file, b"" where there is none. Raises ValueError where it is cut."""
    end, at = stream.seek(0, 2), 0
    for _ in range(_MAX_BOXES):
        stream.seek(at)
        head = stream.read(16)
        size, start = _number(head, 0, 4), 8
        if size == 1:
            size, start = _number(head, 8, 8), 16
        size = size or end - at
        if size < start or at + size > end:
            break
        if head[4:8] == b"meta":
            stream.seek(at + start)
            return stream.read(min(size - start, _MAX_META))
        at += size
    return b""


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each whole box, up to the number that an association can name."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at + 8 <= len(data) and len(found) < 1 << 15:
        size, start = _number(data, at, 4), 8
        if size == 1 and at + 16 <= len(data):
            size, start = _number(data, at + 8, 8), 16
        size = size or len(data) - at
        if size < start or at + size > len(data):
            break
        found.append((data[at + 4 : at + 8], data[at + start : at + size]))
        at += size
    return found


def _associated(ipma: bytes, item: int) -> list[int]:
    """The numbers, from 1, of the properties of an item (ISO/IEC 23008-12, 9.3.1). Raises ValueError."""
    of_item, of_number = 4 if ipma[:1] > b"\0" else 2, 2 if _number(ipma, 3, 1) & 1 else 1
    at = 8
    for _ in range(_number(ipma, 4, 4)):
        found, count = _number(ipma, at, of_item), _number(ipma, at + of_item, 1)
        at += of_item + 1
        if found == item:  # the highest bit says that a reader must know the property
            essential = 1 << (8 * of_number - 1)
            return [_number(ipma, at + i * of_number, of_number) % essential for i in range(count)]
        at += count * of_number
    return []


def _number(data: bytes, at: int, size: int, *, signed: bool = False) -> int:
    """A whole number, highest byte first. Raises ValueError where `data` end before."""
    if at + size > len(data):
        raise ValueError("cut")
    return int.from_bytes(data[at : at + size], "big", signed=signed)
