"""The small copy and the sizes that EXIF says of a picture, which are wrong once it was turned or cut.

What is changed is changed in place: makers hide data behind offsets that nobody else knows, so nothing may
move. The directories of a TIFF structure are read here for `side_data` as well.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from typing import BinaryIO, NamedTuple

from PIL import Image

_WIDTH, _HEIGHT = (256, 0xA002), (257, 0xA003)  # of the first directory, and of that of EXIF
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_JPEG, _JPEG_BYTES, _STRIPS, _STRIP_BYTES = 513, 514, 273, 279
_SHORT, _LONG, _POINTER = 3, 4, 13
_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_RESOLUTIONS = (282, 283)
_MOST_ENTRIES, _MOST_VALUE, _MOST_STRIPS = 1 << 16, 1 << 24, 1 << 12


class Entry(NamedTuple):
    """A value of TIFF: its kind, as 2 for text; how many; where and how large; where its entry stands."""

    kind: int
    values: int
    at: int
    size: int
    place: int


class Layout(NamedTuple):
    """order: `<` or `>` as struct names them. big: BigTIFF, of 64-bit offsets. first: its first directory."""

    order: str
    big: bool
    first: int


def layout(stream: BinaryIO) -> Layout:
    """Read the head of a TIFF structure. Raises ValueError if there is none, struct.error if it is cut."""
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise ValueError("no TIFF structure")
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version not in (42, 43):
        raise ValueError("no TIFF structure")
    (first,) = struct.unpack_from(order + ("Q" if version == 43 else "I"), head, 8 if version == 43 else 4)
    return Layout(order, version == 43, first)


def classic(stream: BinaryIO) -> Layout:
    """The head of EXIF, whose offsets have 32 bits. Raises ValueError, struct.error."""
    form = layout(stream)
    if form.big:
        raise ValueError("no TIFF structure of EXIF")
    return form


def directory(stream: BinaryIO, start: int, form: Layout) -> tuple[dict[int, Entry], int]:
    """Return the entries by tag of the directory at byte `start`, and where its link to the next stands.

    Of a tag that comes twice the first counts. Raises ValueError, struct.error where it is cut or too long.
    """
    counter, line, inner = ("Q", "HHQQ", 8) if form.big else ("H", "HHII", 4)
    if start >= 1 << 62:  # no stream can be asked for that
        raise ValueError("a directory beyond the file")
    stream.seek(start)
    width = struct.calcsize(form.order + counter)
    (count,) = struct.unpack(form.order + counter, stream.read(width))
    if count > _MOST_ENTRIES:
        raise ValueError("a directory of too many entries")
    step = struct.calcsize(form.order + line)
    lines = stream.read(step * count)
    if len(lines) < step * count:
        raise ValueError("a directory that is cut")
    found: dict[int, Entry] = {}
    for index in range(count):
        tag, kind, many, at = struct.unpack_from(form.order + line, lines, step * index)
        place, size = start + width + step * index, many * _BYTES.get(kind, 1)
        found.setdefault(tag, Entry(kind, many, place + step - inner if size <= inner else at, size, place))
    return found, start + width + step * count


def page(stream: BinaryIO, image: Image.Image) -> tuple[dict[int, Entry], Layout]:
    """The directory of the page that `image`, opened from this TIFF, stands at. Raises as `directory`."""
    form = layout(stream)
    start = getattr(getattr(image, "tag_v2", None), "offset", None)
    return directory(stream, form.first if start is None else start, form)[0], form


def holds(exif: bytes, tag: int) -> bool:
    """Whether bare EXIF, which may be broken, has this tag in its first directory."""
    stream = io.BytesIO(exif)
    try:
        form = layout(stream)
        return tag in directory(stream, form.first, form)[0]
    except (ValueError, struct.error):
        return False


def tag_value(stream: BinaryIO, entry: Entry) -> bytes:
    """The bytes of a value of TIFF, up to 16 MiB; empty where it is longer or lies beyond the file."""
    if entry.size > _MOST_VALUE or entry.at >= 1 << 62:
        return b""
    stream.seek(entry.at)
    data = stream.read(entry.size)
    return data if len(data) == entry.size else b""


def structure(values: dict[int, tuple[int, int, bytes]]) -> bytes:
    """Kinds, counts and little-endian values by tag -> a TIFF structure of one directory; empty for none."""
    start = 8 + 2 + 12 * len(values) + 4
    head, body = b"II*\0\x08\0\0\0" + struct.pack("<H", len(values)), b""
    for tag, (kind, count, data) in sorted(values.items()):
        place = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", start + len(body))
        head += struct.pack("<HHI", tag, kind, count) + place
        body += data + bytes(len(data) % 2) if len(data) > 4 else b""
    return head + bytes(4) + body if values else b""


def without_thumbnail(exif: bytes) -> bytes:
    """Return bare EXIF whose second directory, that of the small copy, is cut off; the same without one.

    Nothing else moves: what only the small copy takes becomes zeros, and is cut off at the very end. Raises
    ValueError, struct.error for what is no TIFF structure.
    """
    if not exif:
        return exif
    stream = io.BytesIO(exif)
    form = classic(stream)
    _, link = directory(stream, form.first, form)
    start = _number(exif, link, form, "I") if link + 4 <= len(exif) else 0
    if not start:
        return exif
    patched = bytearray(exif)
    patched[link : link + 4] = bytes(4)
    held = _merged([(0, 8), *_held(stream, form)])
    ends = [last for _, last in held]
    free = [part for part in _thumbnail(exif, stream, start, form) if not _meets(part, held, ends)]
    end = len(exif)
    for first, last in reversed(_merged(free)):
        patched[first:last] = bytes(last - first)
        if ends[-1] <= first and patched.count(0, last, end) == end - last:
            end = first
    return bytes(patched[:end])


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts, from and to, in order and apart: a forged file may name one of them many times."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _meets(part: tuple[int, int], held: list[tuple[int, int]], ends: list[int]) -> bool:
    index = bisect_right(ends, part[0])
    return index < len(held) and held[index][0] < part[1]


def _held(stream: BinaryIO, form: Layout) -> list[tuple[int, int]]:
    """Bytes, from and to, that the first directory and those of EXIF and GPS take with their values."""
    found = []
    entries, link = directory(stream, form.first, form)
    parts = [(form.first, entries, link)]
    for tag in (EXIF_IFD, GPS_IFD):
        if tag in entries:
            parts += inner(stream, entries[tag], form)
    for start, inside, end in parts:
        found += [(start, end + 4), *((entry.at, entry.at + entry.size) for entry in inside.values())]
    return found


def inner(stream: BinaryIO, entry: Entry, form: Layout) -> list[tuple[int, dict[int, Entry], int]]:
    """The directory that an entry points to, from, entries and to; none where it is broken."""
    if entry.kind not in (_LONG, _POINTER) or entry.values != 1:
        return []
    try:
        stream.seek(entry.at)
        (start,) = struct.unpack(form.order + "I", stream.read(4))
        return [(start, *directory(stream, start, form))]
    except (ValueError, struct.error):
        return []


def _thumbnail(exif: bytes, stream: BinaryIO, start: int, form: Layout) -> list[tuple[int, int]]:
    """Bytes, from and to, of the small copy and of the directory that tells of it; none if it is broken."""
    try:
        entries, link = directory(stream, start, form)
        found = [(start, min(link + 4, len(exif)))]
        found += [(entry.at, entry.at + entry.size) for entry in entries.values() if entry.size > 4]
        for tag, sizes in ((_JPEG, _JPEG_BYTES), (_STRIPS, _STRIP_BYTES)):
            if tag in entries and sizes in entries:
                pairs = zip(
                    _numbers(exif, entries[tag], form), _numbers(exif, entries[sizes], form), strict=False
                )
                found += [(at, at + size) for at, size in pairs]
    except (ValueError, struct.error):
        return []
    return [(first, last) for first, last in found if 8 <= first < last <= len(exif)]


def _numbers(exif: bytes, entry: Entry, form: Layout) -> list[int]:
    if entry.kind not in (_SHORT, _LONG) or entry.values > _MOST_STRIPS or entry.at + entry.size > len(exif):
        return []
    letter, step = ("H", 2) if entry.kind == _SHORT else ("I", 4)
    return [_number(exif, entry.at + step * index, form, letter) for index in range(entry.values)]


def _number(data: bytes, at: int, form: Layout, letter: str) -> int:
    return int(struct.unpack_from(form.order + letter, data, at)[0])


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """Return bare EXIF that says this size, in pixels, where it says one. Raises ValueError, struct.error."""
    if not exif:
        return exif
    stream = io.BytesIO(exif)
    form = classic(stream)
    entries, _ = directory(stream, form.first, form)
    of_exif = inner(stream, entries[EXIF_IFD], form) if EXIF_IFD in entries else []
    patched = bytearray(exif)
    for tags in (entries, *(inside for _, inside, _ in of_exif)):
        for names, value in ((_WIDTH, width), (_HEIGHT, height)):
            for entry in (tags[name] for name in names if name in tags):
                if entry.values == 1 and entry.kind in (_SHORT, _LONG):
                    # A SHORT has the room of a LONG, and the picture may be longer than it can say.
                    kind = _SHORT if entry.kind == _SHORT and value < 1 << 16 else _LONG
                    letter = "H" if kind == _SHORT else "I"
                    struct.pack_into(form.order + "H", patched, entry.place + 2, kind)
                    struct.pack_into(form.order + letter, patched, entry.at, value)
    return bytes(patched)


def with_resolution_swapped(exif: bytes) -> bytes:
    """Return bare EXIF with its resolutions across and down in each other's place. Raises as `with_size`."""
    if not exif:
        return exif
    stream = io.BytesIO(exif)
    form = classic(stream)
    entries, _ = directory(stream, form.first, form)
    across, down = (entries.get(tag) for tag in _RESOLUTIONS)
    if across is None or down is None or (across.kind, across.values) != (down.kind, down.values):
        return exif
    patched = bytearray(exif)  # kinds and counts are equal: the last four bytes of an entry say the rest
    first, second = (slice(entry.place + 8, entry.place + 12) for entry in (across, down))
    patched[first], patched[second] = patched[second], patched[first]
    return bytes(patched)
