"""Colours by a code, and what PNG says of its own beside ICC profiles.

Codes are those of ITU-T H.273 (12/2016, CICP): tables 2 and 3. Streams are left where reading ended.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Primaries = tuple[Point, Point, Point, Point]
Warn = Callable[[str], None]
Transfer = float | Literal["srgb", "linear", "pq", "hlg"]

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
SRGB: Primaries = (_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
P3: Primaries = (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020: Primaries = (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_NTSC: Primaries = (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_UNSPECIFIED = 2
_PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    _UNSPECIFIED: SRGB,
    4: (_C, (0.670, 0.330), (0.210, 0.710), (0.140, 0.080)),
    5: (_D65, SRGB[1], (0.290, 0.600), SRGB[3]),
    6: _NTSC,
    7: _NTSC,
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: BT2020,
    11: ((0.314, 0.351), *P3[1:]),
    12: P3,
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
# Curves of video are taken as that of sRGB, as viewers do: they describe cameras, not screens. Of ST 428 (17)
# the factor 52.37 / 48 is left out.
_TRANSFERS: dict[int, Transfer] = {code: "srgb" for code in (1, _UNSPECIFIED, 6, 7, 11, 12, 13, 14, 15)}
_TRANSFERS |= {4: 2.2, 5: 2.8, 8: "linear", 16: "pq", 17: 2.6, 18: "hlg"}

_NEAR = 0.01001
"""By which xy may differ from sRGB's and still be meant as those, as libpng has it: a hundredth."""
_GAMMAS = (0.1, 10.0)
_MAX_CHUNKS = 1 << 12


@dataclass(frozen=True, slots=True)
class ColourCode:
    """primaries: xy of white, red, green and blue. transfer: exponent of the decoding curve, or its name.

    cicp: the four bytes that a cICP chunk of PNG takes, where such a code said so, else empty.
    """

    primaries: Primaries
    transfer: Transfer
    cicp: bytes = b""


def near_srgb(primaries: Primaries) -> bool:
    """Whether they are meant as those of sRGB."""
    return bool(np.abs(np.subtract(primaries, SRGB)).max() <= _NEAR)


def to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ, where white has Y = 1. Raises ValueError where there is none."""
    columns = np.array([(x, y, 1 - x - y) for x, y in primaries]).T
    white, rgb = columns[:, 0], columns[:, 1:]
    if white.min() <= 0 or abs(np.linalg.det(rgb)) < 1e-4:
        raise ValueError("primaries that span no colours")
    scale = np.linalg.solve(rgb, white / white[1])
    if scale.min() <= 0:
        raise ValueError("a white outside its primaries")
    return np.asarray(rgb * scale, np.float64)


def of_code(primaries: int, transfer: int) -> ColourCode:
    """The code of H.273 for full-range RGB. Raises ValueError for numbers without a meaning here."""
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        raise ValueError(f"a colour code that is not known: {primaries}, {transfer}")
    return ColourCode(_PRIMARIES[primaries], _TRANSFERS[transfer], bytes((primaries, transfer, 0, 1)))


def unless_srgb(code: ColourCode) -> ColourCode | None:
    """`code`, or None where viewers show its values as sRGB: libpng takes a gamma 5 % from 2.2 for that."""
    transfer = code.transfer
    plain = transfer == "srgb" if isinstance(transfer, str) else abs(transfer / 2.2 - 1) <= 0.05
    return None if plain and near_srgb(code.primaries) else code


def png(
    stream: BinaryIO, name: str, warn: Warn, max_item: int, *, icc: bool = True
) -> ColourCode | bytes | None:
    """What decides on the colours of a PNG by its third edition, 4.3: cICP, iCCP, sRGB, gAMA with cHRM.

    bytes: an ICC profile, at most `max_item` of them. None: its values are sRGB, whatever else stands there.
    icc: whether to heed a profile. What makes no sense is told to `warn` and passed over. A grey picture has
    a code's curve alone.
    """
    chunks = _chunks(stream, max_item)
    try:
        if b"cICP" in chunks:
            return unless_srgb(_cicp(chunks[b"cICP"]))
    except ValueError as error:
        warn(f"{name}: its cICP chunk was left out: {error}")
    try:
        if icc and b"iCCP" in chunks:
            return _icc(chunks[b"iCCP"], max_item)
    except (ValueError, zlib.error) as error:
        warn(f"{name}: its iCCP chunk was left out: {error}")
    return None if b"sRGB" in chunks else unless_srgb(_gamma(chunks, name, warn))


def hdr_of(icc: bytes) -> ColourCode | None:
    """The code in a profile (ICC.1:2022, 9.2.17, cicpTag) that says HDR; None where there is none."""
    count = int.from_bytes(icc[128:132], "big") if len(icc) >= 132 else 0
    for at in range(132, 132 + 12 * min(count, 100), 12):
        if icc[at : at + 4] == b"cicp":
            start = int.from_bytes(icc[at + 4 : at + 8], "big")
            said = icc[start + 8 : start + 12]
            try:
                code = of_code(said[0], said[1])
            except (ValueError, IndexError):
                return None
            return code if code.transfer in ("pq", "hlg") else None
    return None


def _chunks(stream: BinaryIO, max_item: int) -> dict[bytes, bytes]:
    """The first chunk of each kind that tells of colour, before the pixels."""
    found: dict[bytes, bytes] = {}
    at = 8
    for _ in range(_MAX_CHUNKS):
        stream.seek(at)
        head = stream.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind in (b"IDAT", b"IEND"):
            break
        if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM") and size <= max_item:
            found.setdefault(kind, stream.read(size))
        at += 12 + size
    return found


def _cicp(chunk: bytes) -> ColourCode:
    if len(chunk) != 4 or chunk[2]:
        raise ValueError("not four bytes for RGB")
    if chunk[3] != 1:
        raise ValueError("values of a narrow range, which we do not read")
    return of_code(chunk[0], chunk[1])


def _icc(chunk: bytes, max_item: int) -> bytes:
    _, _, packed = chunk.partition(b"\0")
    unpacking = zlib.decompressobj()
    icc = unpacking.decompress(packed[1:], max_item + 1)
    if not icc or len(icc) > max_item or not unpacking.eof:
        raise ValueError("no whole profile, or one over the limit")
    return icc


def _gamma(chunks: dict[bytes, bytes], name: str, warn: Warn) -> ColourCode:
    """The code of gAMA and cHRM; where one is missing or nonsense, that of sRGB stands for it."""
    primaries: Primaries = SRGB
    transfer: Transfer = "srgb"
    gamma, points = chunks.get(b"gAMA"), chunks.get(b"cHRM")
    if gamma is not None:
        exponent = 1e5 / max(int.from_bytes(gamma, "big"), 1)
        if len(gamma) == 4 and _GAMMAS[0] <= exponent <= _GAMMAS[1]:
            transfer = exponent
        else:
            warn(f"{name}: its gAMA chunk was left out: no gamma that a picture can have")
    if points is not None:
        xy = [int.from_bytes(points[at : at + 4], "big") / 1e5 for at in range(0, 32, 4)]
        said: Primaries = ((xy[0], xy[1]), (xy[2], xy[3]), (xy[4], xy[5]), (xy[6], xy[7]))
        try:
            to_xyz(said)
            primaries = said
        except ValueError as error:
            warn(f"{name}: its cHRM chunk was left out: {error}")
    return ColourCode(primaries, transfer)
