"""Tags taken out of EXIF, with their values, and nothing else moved: makers hide data behind offsets."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection

from nic_cli.image.ancillary.thumbnails import EXIF_IFD, GPS_IFD, Layout, classic, directory, inner

RESOLUTION = (282, 283, 296)
TEXTS = (269, 270, 285, 0x9286, 40091, 40092, 40094, 40095)
"""Names and descriptions, comments of users, and those of Windows."""
GPS = (GPS_IFD,)


def without_tags(exif: bytes, tags: Collection[int]) -> bytes:
    """Return bare EXIF without these tags of its first directory and of that of EXIF, zeros for their values.

    Raises ValueError, struct.error for what is no TIFF structure.
    """
    if not exif:
        return exif
    stream, patched = io.BytesIO(exif), bytearray(exif)
    form = classic(stream)
    entries, _ = directory(stream, form.first, form)
    if EXIF_IFD in entries:
        for start, _, _ in inner(stream, entries[EXIF_IFD], form):
            _cut(patched, stream, start, form, tags)
    _cut(patched, stream, form.first, form, tags)
    return bytes(patched)


def _cut(patched: bytearray, stream: io.BytesIO, start: int, form: Layout, tags: Collection[int]) -> None:
    """Shorten the directory at byte `start`; what follows it stays where it is, after zeros."""
    entries, link = directory(stream, start, form)
    for tag in set(tags) & set(entries):
        entry = entries[tag]
        if tag == GPS_IFD:
            for first, inside, end in inner(stream, entry, form):
                for place in inside.values():
                    _clear(patched, place.at, place.size)
                _clear(patched, first, end - first)
        _clear(patched, entry.at, entry.size)
    (count,) = struct.unpack_from(form.order + "H", patched, start)
    lines = [bytes(patched[at : at + 12]) for at in range(start + 2, start + 2 + 12 * count, 12)]
    kept = [line for line in lines if struct.unpack_from(form.order + "H", line)[0] not in tags]
    body = b"".join(kept) + bytes(patched[link : link + 4])
    patched[start : link + 4] = struct.pack(form.order + "H", len(kept)) + body.ljust(link + 2 - start, b"\0")


def _clear(patched: bytearray, at: int, size: int) -> None:
    end = min(at + size, len(patched))
    patched[at:end] = bytes(max(0, end - at))
