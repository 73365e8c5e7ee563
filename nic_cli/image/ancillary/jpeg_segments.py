"""The segments of a JPEG before its pixels: what they hold, and a JPEG with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

APP0, APP1, APP2, APP13, COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
MAX_DATA = 65533
"""Bytes of one segment, its length of two bytes not counted."""
_START, _SCAN, _FILL = b"\xff\xd8", 0xDA, 0xFF


class Segment(NamedTuple):
    """marker: its second byte. at: where its FF stands. data: without marker and length."""

    marker: int
    at: int
    data: bytes


def segments(jpeg: bytes | memoryview, start: int = 0) -> Iterator[Segment]:
    """Segments from byte `start`, where FF D8 stands, up to the first scan or what is no segment any more."""
    view = memoryview(jpeg)
    if bytes(view[start : start + 2]) != _START:
        return
    at = start + 2
    while at + 4 <= len(view) and view[at] == _FILL:
        marker = view[at + 1]
        if marker == _FILL:  # bytes of filling may stand before a marker
            at += 1
            continue
        length = int.from_bytes(view[at + 2 : at + 4], "big")
        if marker == _SCAN or length < 2 or at + 2 + length > len(view):
            return
        yield Segment(marker, at, bytes(view[at + 4 : at + 2 + length]))
        at += 2 + length


def packed(marker: int, data: bytes) -> bytes:
    """A segment of at most MAX_DATA bytes of data."""
    return bytes((_FILL, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def with_segments(jpeg: bytes, added: Iterable[bytes]) -> bytes:
    """The same JPEG with packed segments after those of APP0 and APP1, where readers look for them."""
    at = 2
    for segment in segments(jpeg):
        if segment.marker not in (APP0, APP1):
            break
        at = segment.at + 4 + len(segment.data)
    return jpeg[:at] + b"".join(added) + jpeg[at:]
