"""What a JPEG XL file says before it is decoded, and its EXIF and XMP, which Pillow's plugin reads in part.

A file is a bare codestream, or boxes as in MP4 with the codestream in one of them or in several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BARE = b"\xff\x0a"
BOXED = b"\0\0\0\x0cJXL \r\n\x87\n"

_HEAD = 64
"""Bytes of a codestream that hold all that is read here."""
_METADATA = {b"Exif": "exif", b"xml ": "xmp"}
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Said:
    """width, height: before it is turned upright. bits: of a sample, 0 for floating point."""

    width: int
    height: int
    animated: bool
    bits: int


class _Bits:
    """Reads bits of `data`, the lowest of each byte first. Raises ValueError at their end."""

    def __init__(self, data: bytes) -> None:
        self.rest, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("no whole JPEG XL header")
        value = self.rest & ((1 << count) - 1)
        self.rest, self.left = self.rest >> count, self.left - count
        return value

    def pick(self, *choices: tuple[int, int]) -> int:
        """Read two bits that choose between four (bits that follow, what is added to them)."""
        count, base = choices[self.take(2)]
        return base + self.take(count)


def look(stream: BinaryIO) -> Said:
    """Read the header of the JPEG XL file in `stream`. Raises ValueError where there is none."""
    bits = _Bits(_codestream(stream)[len(BARE) :])
    width, height = _size(bits)
    animated, n_bits = False, 8
    if not bits.take(1):  # else all is as usual
        if bits.take(1):
            bits.take(3)  # orientation: the decoder turns the picture
            if bits.take(1):
                _size(bits)  # to be shown at
            if bits.take(1):
                _skip_preview(bits)
            animated = bool(bits.take(1))
        if not animated:
            floating = bits.take(1)
            n_bits = 0 if floating else bits.pick((0, 8), (0, 10), (0, 12), (6, 1))
    return Said(width, height, animated, n_bits)


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.pick((9, 1), (13, 1), (18, 1), (30, 1))

    height, ratio = side(), bits.take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _skip_preview(bits: _Bits) -> None:
    sides = ((0, 16), (0, 32), (5, 1), (9, 33)) if bits.take(1) else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.pick(*sides)
    if not bits.take(3):
        bits.pick(*sides)


def _codestream(stream: BinaryIO) -> bytes:
    """Return the first bytes of the codestream."""
    stream.seek(0)
    head = stream.read(_HEAD)
    if head.startswith(BARE):
        return head
    found = b""
    for kind, size in _boxes(stream):
        if kind in (b"jxlc", b"jxlp"):
            part = stream.read(min(size, _HEAD))
            found += part if kind == b"jxlc" else part[4:]  # after its number
            if kind == b"jxlc" or len(found) >= _HEAD:
                break
    return found


def metadata(stream: BinaryIO, limit: int) -> tuple[dict[str, bytes], bool]:
    """Return the `exif` and `xmp` of the file, and whether some were left out since brotli is not installed.

    limit: bytes of an item from which on the rest of it is not read.
    """
    found: dict[str, bytes] = {}
    missing = False
    stream.seek(0)
    if stream.read(len(BARE)) == BARE:
        return found, missing
    for kind, size in _boxes(stream):
        if kind not in (b"brob", *_METADATA):
            continue
        data = stream.read(min(size, limit + 64))
        if kind == b"brob":
            kind = data[:4]
            if kind not in _METADATA:
                continue
            try:
                data = _unpacked(data[4:], limit + 64)
            except ImportError:
                missing = True
                continue
        if kind == b"Exif" and data[:4] not in (b"II*\0", b"MM\0*"):  # some writers forget the offset
            data = data[4 + int.from_bytes(data[:4], "big") :] or data
        found.setdefault(_METADATA[kind], data)
    return found, missing


def _unpacked(data: bytes, limit: int) -> bytes:
    import brotli

    try:
        return bytes(brotli.Decompressor().process(data, output_buffer_limit=limit))
    except brotli.error:
        return b""


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each box, `stream` standing at its content."""
    end = stream.seek(0, 2)
    at = 0
    while at + 8 <= end:
        stream.seek(at)
        size, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
        head = 8
        if size == 1:
            size, head = int.from_bytes(stream.read(8), "big"), 16
        size = end - at if size == 0 else size
        if size < head:
            return
        yield kind, size - head
        at += size
