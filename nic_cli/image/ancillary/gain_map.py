"""An HDR gain map: what it says, and its chunk in a `.nic` file.

A gain map is a small picture that tells, for each place, by how much an HDR display may brighten the picture
it comes with. nic(5) has the form of its chunk. All integers and floats are big-endian.
"""

from __future__ import annotations

import enum
import io
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nic_cli.errors import DamagedFile, PictureError
from nic_cli.image.metadata import turn
from nic_cli.image.opening import refusing

MOST_PIXELS = 1 << 24
"""Pixels that are coded at most; of a larger map every second one, or fewer."""
SHARE = 0.15 * 0.5 / 8
"""Bytes of a chunk for each pixel of its picture: 15 % of what the picture itself takes at half a bit."""
LEAST_BUDGET = 1024

_VERSION = 1
_HEAD = struct.Struct(">BBBHH")
_ITEM = 1 << 16
_WEBP_SIDE = 16383
_QUALITIES = range(10, 81, 5)
_POOREST = 0.08
"""Bits a pixel below which half the size looks better than a still lower quality."""
_RANGE = 64.0


class _Flag(enum.IntFlag):
    COLOUR = 1
    NUMBERS = 2
    THREE_CHANNELS = 4
    BASE_IS_HDR = 8
    BASE_SPACE = 16


@dataclass(frozen=True, slots=True)
class Gains:
    """How the values of a map are to be understood; headrooms, min and max are powers of two.

    base, alternate: headroom of the picture and of its other rendition. minimum, maximum, gamma, offset_sdr,
    offset_hdr: of one channel that stands for all, or of three. base_space: the gains are in the primaries of
    the picture, else in those of the map's own profile.
    """

    base: float
    alternate: float
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    gamma: tuple[float, ...] = (1.0,)
    offset_sdr: tuple[float, ...] = (1 / 64,)
    offset_hdr: tuple[float, ...] = (1 / 64,)
    base_is_hdr: bool = False
    base_space: bool = True

    def channels(self) -> list[tuple[float, ...]]:
        """Min, max, gamma, offset_sdr, offset_hdr of the one channel or the three.

        Raises ValueError where a number is out of what a display could mean.
        """
        columns = (self.minimum, self.maximum, self.gamma, self.offset_sdr, self.offset_hdr)
        if any(len(column) not in (1, 3) for column in columns):
            raise ValueError("a gain map has one channel or three")
        if any(not abs(v) <= _RANGE for v in (self.base, self.alternate, *sum(columns, ()))):
            raise ValueError("a number of the gain map is out of range")
        if any(gamma <= 0 for gamma in self.gamma) or min(self.base, self.alternate) < 0:
            raise ValueError("a gamma or a headroom of the gain map is out of range")
        wide = (column * 3 if len(column) == 1 else column for column in columns)
        found = list(zip(*wide, strict=True))
        if any(channel[0] > channel[1] for channel in found):
            raise ValueError("a minimum of the gain map is over its maximum")
        return found[:1] if found[0] == found[1] == found[2] else found


@dataclass(frozen=True, slots=True, eq=False)
class GainMap:
    """pixels: uint8 [H, W] or [H, W, 3], upright. gains: None where only Apple's XMP says how it is meant.

    apple: that XMP, b"" for none. icc: the profile of the map, b"" where it needs none.
    """

    pixels: NDArray[np.uint8]
    gains: Gains | None
    apple: bytes = b""
    icc: bytes = b""


def pack(
    image: Image.Image, gains: Gains | None, apple: bytes = b"", icc: bytes = b"", budget: int | None = None
) -> bytes:
    """Return the chunk of a map, a picture of mode L or RGB, stored the way its picture is.

    budget: bytes that the chunk should stay below, for which quality falls first and then the size; None for
    the best quality. Raises ValueError where the gains make no sense.
    """
    flags = _Flag.COLOUR if image.mode == "RGB" else _Flag(0)
    numbers = b""
    if gains:
        channels = gains.channels()
        flags |= _Flag.NUMBERS | (_Flag.THREE_CHANNELS if len(channels) > 1 else _Flag(0))
        flags |= _Flag.BASE_IS_HDR if gains.base_is_hdr else _Flag(0)
        flags |= _Flag.BASE_SPACE if gains.base_space else _Flag(0)
        values = (gains.base, gains.alternate, *sum(channels, ()))
        numbers = struct.pack(f">{len(values)}f", *values)
    body = numbers + _deflated(apple) + _deflated(icc)
    room = None if budget is None else max(budget - _HEAD.size - len(body), 0)
    coded, (width, height) = _coded(image, room)
    return _HEAD.pack(_VERSION, flags, 1, width, height) + body + coded


def _deflated(data: bytes) -> bytes:
    packed = zlib.compress(data, 9) if 0 < len(data) < _ITEM else b""
    packed = packed if len(packed) < _ITEM else b""  # what cannot be packed and is as large is no metadata
    return len(packed).to_bytes(2, "big") + packed


def _coded(image: Image.Image, room: int | None) -> tuple[bytes, tuple[int, int]]:
    """A WebP of at most `room` bytes, if that can be done at all, and its size."""
    width, height = coded_size(image.size, room)
    factor = (math.ceil(image.width / width), math.ceil(image.height / height))
    image = image.reduce(factor) if factor != (1, 1) else image
    while True:
        coded, fits, above = _webp(image, _QUALITIES[-1]), -1, len(_QUALITIES) - 1
        if room is None or len(coded) <= room:
            return coded, image.size
        while above - fits > 1:
            middle = (fits + above) // 2
            tried = _webp(image, _QUALITIES[middle])
            if len(tried) <= room:
                coded, fits = tried, middle
            else:
                above = middle
        if fits >= 0 or max(image.size) <= 16:
            return coded, image.size
        image = image.reduce(2)


def coded_size(size: tuple[int, int], room: int | None) -> tuple[int, int]:
    """Width and height that a map of `size` is coded with in `room` bytes, if its quality allows."""
    most = MOST_PIXELS if room is None else min(MOST_PIXELS, max(room, 64) * 8 / _POOREST)
    factor = 1
    while max(size) > _WEBP_SIDE * factor or size[0] * size[1] > most * factor * factor:
        factor *= 2
    return math.ceil(size[0] / factor), math.ceil(size[1] / factor)


def _webp(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def turned(chunk: bytes, orientation: int) -> bytes:
    """Return the chunk for a picture that is set upright from this EXIF orientation (1..8).

    No pixel is coded anew. Raises DamagedFile where it is none.
    """
    before = _head(chunk)[2]
    corners = np.arange(6, dtype=np.uint8).reshape(2, 3)
    wanted = turn(turn(corners, before), orientation)
    (after,) = (each for each in range(1, 9) if np.array_equal(turn(corners, each), wanted))
    return chunk[:2] + bytes((after,)) + chunk[3:]


def _head(chunk: bytes) -> tuple[int, _Flag, int, int, int]:
    if len(chunk) < _HEAD.size:
        raise DamagedFile("the gain map is cut short")
    version, flags, orientation, width, height = _HEAD.unpack_from(chunk)
    if version != _VERSION:
        raise DamagedFile(f"the gain map is of version {version}, which this program does not read")
    sound = 1 <= orientation <= 8 and 0 < width * height <= MOST_PIXELS and flags < 2 * _Flag.BASE_SPACE
    if not sound or max(width, height) > _WEBP_SIDE:
        raise DamagedFile("the head of the gain map is damaged")
    return version, _Flag(flags), orientation, width, height


def unpack(chunk: bytes) -> GainMap:
    """Return what `pack` was given, pixels upright. Raises DamagedFile, before it decodes where it can."""
    _, flags, orientation, width, height = _head(chunk)
    try:
        gains, at = _numbers(chunk, flags)
        apple, at = _inflated(chunk, at)
        icc, at = _inflated(chunk, at)
    except (ValueError, struct.error, zlib.error) as error:
        raise DamagedFile(f"the gain map is damaged ({error})") from error
    webp = chunk[at:]
    said = tuple(int.from_bytes(webp[i : i + 2], "little") & 0x3FFF for i in (26, 28))
    if webp[:4] + webp[8:16] != b"RIFFWEBPVP8 " or said != (width, height):
        raise DamagedFile("the gain map holds no picture of the size it declares")
    try:
        with refusing("gain map"):
            image = Image.open(io.BytesIO(webp), formats=["WEBP"])
            pixels = np.asarray(image.convert("RGB" if flags & _Flag.COLOUR else "L"))
    except PictureError as error:
        raise DamagedFile(f"the pixels of the gain map are damaged ({error})") from error
    if pixels.shape[:2] != (height, width):
        raise DamagedFile("the gain map is not of the size it declares")
    return GainMap(turn(pixels, orientation).astype(np.uint8, copy=False), gains, apple, icc)


def _numbers(chunk: bytes, flags: _Flag) -> tuple[Gains | None, int]:
    """The gains and where what follows them starts. Raises ValueError, struct.error."""
    if not flags & _Flag.NUMBERS:
        return None, _HEAD.size
    n_channels = 3 if flags & _Flag.THREE_CHANNELS else 1
    values = struct.unpack_from(f">{2 + 5 * n_channels}f", chunk, _HEAD.size)
    minimum, maximum, gamma, sdr, hdr = (values[2 + i :: 5] for i in range(5))
    is_hdr, space = bool(flags & _Flag.BASE_IS_HDR), bool(flags & _Flag.BASE_SPACE)
    gains = Gains(values[0], values[1], minimum, maximum, gamma, sdr, hdr, is_hdr, space)
    gains.channels()
    return gains, _HEAD.size + 4 * len(values)


def _inflated(chunk: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(chunk[at : at + 2], "big")
    if end > len(chunk) or at + 2 > len(chunk):
        raise ValueError("cut short")
    if end == at + 2:
        return b"", end
    inflater = zlib.decompressobj()
    data = inflater.decompress(chunk[at + 2 : end], _ITEM)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("metadata that end too early or too late")
    return data, end
