"""What programs read and write: PNG without a word about itself, PPM, and raw YUV of 4:2:0 in 10 bits.

YUV here is BT.709 in full range. Chroma is the mean of 2x2 pixels, and lies in their middle when it is made
larger again, linearly. Nothing in such a file says so: both ways are ours.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nic_cli.image.formats.sixteen_bit import read_deep
from nic_cli.image.opening import open_image, refusing
from nic_cli.types import PixelArray

_RED, _BLUE = 0.2126, 0.0722
_MIDDLE, _TOP = 512, 1023
_Y4M = re.compile(rb"YUV4MPEG2 ([^\n]*)\nFRAME[^\n]*\n")


def png(pixels: PixelArray, *, deep: bool = False) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 as PNG of three chunks; deep: the same values in 16 bits."""
    height, width, channels = pixels.shape
    values = (pixels.astype(np.uint16) * 257).astype(">u2") if deep else pixels
    row = values.reshape(height, -1).view(np.uint8)
    rows = np.zeros((height, 1 + row.shape[1]), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = row
    kind = 2 if channels == 3 else 0
    head = struct.pack(">IIBBBBB", width, height, 16 if deep else 8, kind, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def from_picture(data: bytes, name: str) -> PixelArray:
    """PNG, PPM or PGM -> pixels [H, W, 3] of uint8, 16 bits rounded, whatever it says of its colours.

    Raises PictureError for what is none, as `name`.
    """

    def opened() -> Any:
        return open_image(io.BytesIO(data), name, formats=("PNG", "PPM"))

    image = opened()
    with refusing(name):
        values = read_deep(io.BytesIO(data), image, opened, name)
        if values is None:
            values = np.asarray(image if image.mode in ("L", "I;16", "RGB") else image.convert("RGB"))
    if values.dtype != np.uint8:
        values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return of_three(values if values.ndim == 3 else values[..., None])


def yuv(pixels: PixelArray) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 -> Y, U, V in 16 bits of which 10 are used, low byte first.

    An odd side gets its last row or column once more.
    """
    height, width, _ = pixels.shape
    even = np.pad(of_three(pixels), ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    r, g, b = np.moveaxis(even.astype(np.float32) / 255, 2, 0)
    y = _RED * r + (1 - _RED - _BLUE) * g + _BLUE * b
    planes = [y * _TOP]
    for colour, weight in ((b, _BLUE), (r, _RED)):
        chroma = (colour - y) / (2 * (1 - weight))
        quarters = chroma.reshape(chroma.shape[0] // 2, 2, chroma.shape[1] // 2, 2)
        planes.append(quarters.mean(axis=(1, 3)) * _TOP + _MIDDLE)
    return b"".join(np.clip(np.rint(plane), 0, _TOP).astype("<u2").tobytes() for plane in planes)


def from_y4m(data: bytes, name: str) -> PixelArray:
    """The first frame of YUV4MPEG2 of 4:2:0 -> pixels [H, W, 3] of uint8. Raises ValueError for all else."""
    head = _Y4M.match(data[:1024])
    said = {word[:1]: word[1:] for word in head[1].decode("latin-1").split()} if head else {}
    kind = re.fullmatch(r"420(?:jpeg|mpeg2|paldv)?(?:p(\d+))?", said.get("C", "420"))
    sides = said.get("W", ""), said.get("H", "")
    if head is None or kind is None or not all(re.fullmatch(r"[1-9]\d{0,5}", side) for side in sides):
        raise ValueError(f"{name}: no YUV4MPEG2 of 4:2:0")
    width, height = int(sides[0]), int(sides[1])
    bits = int(kind[1] or 8)
    sizes = [(height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2]
    count = sum(h * w for h, w in sizes)
    raw = data[head.end() : head.end() + count * (1 if bits == 8 else 2)]
    if len(raw) != count * (1 if bits == 8 else 2):
        raise ValueError(f"{name}: a frame that is cut short")
    values = np.frombuffer(raw, np.uint8 if bits == 8 else "<u2").astype(np.float32) / ((1 << bits) - 1)
    ends = np.cumsum([h * w for h, w in sizes])
    y, u, v = (part.reshape(size) for part, size in zip(np.split(values, ends[:-1]), sizes, strict=True))
    middle = (1 << bits - 1) / ((1 << bits) - 1)
    b, r = (
        y + 2 * (1 - weight) * (_twice(_twice(plane, 0), 1)[:height, :width] - middle)
        for plane, weight in ((u, _BLUE), (v, _RED))
    )
    g = (y - _RED * r - _BLUE * b) / (1 - _RED - _BLUE)
    found: PixelArray = np.clip(np.rint(np.stack([r, g, b], axis=2) * 255), 0, 255).astype(np.uint8)
    return found


def _twice(plane: NDArray[Any], axis: int) -> NDArray[Any]:
    """Twice as many values along an axis, each three quarters of the nearest and a quarter of the next."""
    before = np.take(plane, np.maximum(np.arange(plane.shape[axis]) - 1, 0), axis)
    after = np.take(plane, np.minimum(np.arange(plane.shape[axis]) + 1, plane.shape[axis] - 1), axis)
    pairs = np.stack([0.75 * plane + 0.25 * before, 0.75 * plane + 0.25 * after], axis + 1)
    shape = [*plane.shape]
    shape[axis] *= 2
    return pairs.reshape(shape)


def of_three(pixels: PixelArray) -> PixelArray:
    """Grey as three equal channels, others as they are."""
    return pixels if pixels.shape[2] == 3 else cast(PixelArray, np.repeat(pixels, 3, axis=2))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
