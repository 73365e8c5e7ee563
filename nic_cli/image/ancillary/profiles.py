"""ICC profiles made of colour codes, and those of matrix and curves applied in any depth, without littleCMS.

ICC.1:2022 (version 4.4): 7.2 header, 9.2 tags, 10.6 curv, 10.18 para, annex E for the adaptation to D50.
Version 2 has the same, but for para.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.image.ancillary.colour_codes import (
    BT2020,
    P3,
    SRGB,
    ColourCode,
    Primaries,
    Transfer,
    near_srgb,
    to_xyz,
)
from nic_cli.types import PixelArray

Matrix = NDArray[np.float64]

D50 = np.array((63190, 65536, 54061)) / 65536
"""XYZ of the white of profiles, as they write it."""
_BRADFORD = np.array([(0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)])
_ADOBE: Primaries = (SRGB[0], SRGB[1], (0.21, 0.71), SRGB[3])
_KNOWN: tuple[tuple[str, Primaries, Transfer], ...] = (
    ("Display P3", P3, "srgb"),
    ("BT.2020", BT2020, "srgb"),
    ("Adobe RGB", _ADOBE, 563 / 256),  # Adobe RGB (1998), 4.3.4.2
)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""g, a, b, c and d of a para of type 3 (IEC 61966-2-1)."""
_PARA_LENGTHS = (1, 3, 4, 5, 7)
_MAX_TAGS = 256
_BLOCK = 1 << 18
"""Pixels converted at once."""


def is_hdr(code: ColourCode) -> bool:
    """Whether its values reach beyond the white of a page, for which sRGB has no place."""
    return code.transfer in ("pq", "hlg")


def wide(code: ColourCode) -> bool:
    """Whether its primaries are others than those of sRGB, so that conversion may lose colours."""
    return not near_srgb(code.primaries)


@lru_cache
def profile_of(code: ColourCode) -> bytes:
    """An RGB profile, version 4, for a code without HDR: under 700 bytes, and always the same ones.

    Raises ValueError for HDR and for primaries that span no colours.
    """
    matrix, adaptation = _to_d50(code.primaries)
    number, values = (3, _SRGB_CURVE) if code.transfer == "srgb" else (0, (_exponent(code.transfer),))
    fixed = np.round(matrix * 65536).astype(int)
    fixed[:, 2] = np.round(D50 * 65536).astype(int) - fixed[:, 0] - fixed[:, 1]  # white is white to the bit
    curve = b"para" + struct.pack(f">IHH{len(values)}i", 0, number, 0, *(round(v * 65536) for v in values))
    tags = {b"desc": _text(_name(code)), b"cprt": _text("CC0"), b"wtpt": _numbers(b"XYZ ", 65536 * D50)}
    tags[b"chad"] = _numbers(b"sf32", 65536 * adaptation)
    tags |= {kind: _numbers(b"XYZ ", fixed[:, i]) for i, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= {kind: curve for kind in (b"rTRC", b"gTRC", b"bTRC")}
    places: dict[bytes, int] = {}  # tags of one content share it
    table, body = struct.pack(">I", len(tags)), b""
    for kind, data in tags.items():
        if data not in places:
            places[data] = 132 + 12 * len(tags) + len(body)
            body += data + bytes(-len(data) % 4)
        table += kind + struct.pack(">II", places[data], len(data))
    head = struct.pack(">IIIII4s4s", 132 + len(table) - 4 + len(body), 0, 0x04300000, 0, 0, b"", b"")
    head = head[:12] + b"mntrRGB XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(65536 * v) for v in D50))
    return head.ljust(128, b"\0") + table + body


def _name(code: ColourCode) -> str:
    for name, primaries, usual in _KNOWN:
        if np.abs(np.subtract(code.primaries, primaries)).max() < 0.001:
            same = code.transfer == usual
            if not isinstance(usual, str) and not isinstance(code.transfer, str):
                same = abs(code.transfer - usual) < 0.01
            return name if same else f"{name} primaries"
    return "RGB by the picture"


def _numbers(kind: bytes, values: NDArray[Any]) -> bytes:
    """A tag of s15Fixed16 numbers, given as whole multiples of 1/65536."""
    return kind + bytes(4) + np.round(values).astype(">i4").tobytes()


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(coded), 28) + coded


def _to_d50(primaries: Primaries) -> tuple[Matrix, Matrix]:
    """From linear RGB to XYZ of D50, and the adaptation in it."""
    matrix = to_xyz(primaries)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ D50 / (_BRADFORD @ matrix.sum(1))) @ _BRADFORD
    return adaptation @ matrix, adaptation


def _exponent(transfer: Transfer) -> float:
    exponent = 1.0 if transfer == "linear" else transfer
    if isinstance(exponent, str):
        raise ValueError("no exponent is the curve of HDR")
    return exponent


def to_srgb_values(pixels: PixelArray, code: ColourCode) -> PixelArray:
    """Convert pixels [h, W, 1 or 3] to sRGB values of the same type; colours beyond sRGB are clipped.

    Of one channel the curve alone is used. Raises ValueError for HDR and impossible primaries.
    """
    steps = _steps(pixels)
    linear = (
        _from_para(3, _SRGB_CURVE, steps) if code.transfer == "srgb" else steps ** _exponent(code.transfer)
    )
    matrix = _to_d50(code.primaries)[0] if pixels.shape[2] == 3 and wide(code) else None
    return _converted(pixels, [linear] * pixels.shape[2], matrix)


def from_profile_values(pixels: PixelArray, icc: bytes) -> PixelArray:
    """Convert RGB pixels [h, W, 3], described by `icc`, to sRGB values of the same type.

    Raises ValueError for a profile that is broken, or not one of a matrix and curves alone.
    """
    tags = _tags(icc, b"RGB ")
    columns = [
        np.frombuffer(_tag(tags, kind, b"XYZ ", 20), ">i4", 3, 8) for kind in (b"rXYZ", b"gXYZ", b"bXYZ")
    ]
    curves = [_curve(tags, kind, _steps(pixels)) for kind in (b"rTRC", b"gTRC", b"bTRC")]
    return _converted(pixels, curves, np.stack(columns, axis=1) / 65536)


def grey_to_srgb(pixels: PixelArray, icc: bytes) -> PixelArray:
    """Convert grey pixels [h, W, 1], described by `icc`, to sRGB values of the same type.

    Raises ValueError for a profile that is broken, or not one of a curve alone.
    """
    return _converted(pixels, [_curve(_tags(icc, b"GRAY"), b"kTRC", _steps(pixels))], None)


def _steps(pixels: PixelArray) -> Matrix:
    """Every value that a pixel can have, as 0..1."""
    return np.linspace(0, 1, 1 << (8 * pixels.dtype.itemsize))


def _converted(pixels: PixelArray, linear: list[Matrix], matrix: Matrix | None) -> PixelArray:
    """linear: light of each value, by channel. matrix: to XYZ of D50, None where it is that of sRGB."""
    white = np.iinfo(pixels.dtype).max
    if matrix is None:
        tables = [np.round(_to_values(light) * white).astype(pixels.dtype) for light in linear]
        return np.stack([table[pixels[:, :, i]] for i, table in enumerate(tables)], axis=-1)
    to_srgb = (np.linalg.inv(_to_d50(SRGB)[0]) @ matrix).astype(np.float32)
    tables = [light.astype(np.float32) for light in linear]
    out = np.empty_like(pixels)
    rows = max(1, _BLOCK // max(1, pixels.shape[1]))
    for at in range(0, pixels.shape[0], rows):
        part = pixels[at : at + rows]
        light = np.stack([table[part[:, :, i]] for i, table in enumerate(tables)], axis=-1) @ to_srgb.T
        out[at : at + rows] = np.round(_to_values(light) * white)
    return out


def _to_values(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Encode linear light by the curve of sRGB (IEC 61966-2-1), clipped to 0..1."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _tags(icc: bytes, space: bytes) -> dict[bytes, bytes]:
    """The tags of a profile from `space` to XYZ. Raises ValueError for others and those that hold tables."""
    if len(icc) < 132 or icc[36:40] != b"acsp" or icc[16:20] != space or icc[20:24] != b"XYZ ":
        raise ValueError(f"no ICC profile from {space.decode().strip()} to XYZ")
    tags = {}
    for i in range(min(int.from_bytes(icc[128:132], "big"), _MAX_TAGS)):
        kind, at, size = struct.unpack(">4sII", icc[132 + 12 * i : 144 + 12 * i].rjust(12, b"\0"))
        tags[kind] = icc[at : at + size]
    if any(kind[:3] in (b"A2B", b"D2B") for kind in tags):
        raise ValueError("an ICC profile of tables")
    return tags


def _tag(tags: dict[bytes, bytes], kind: bytes, form: bytes, least: int) -> bytes:
    data = tags.get(kind, b"")
    if data[:4] != form or len(data) < least:
        raise ValueError(f"an ICC profile without a whole {kind.decode()}")
    return data


def _curve(tags: dict[bytes, bytes], kind: bytes, steps: Matrix) -> Matrix:
    """The light, 0..1, of values `steps`. Raises ValueError for a curve that is cut or of another form."""
    data = tags.get(kind, b"")
    if data[:4] == b"para":
        number = int.from_bytes(_tag(tags, kind, b"para", 12)[8:10], "big")
        if number >= len(_PARA_LENGTHS):
            raise ValueError("a curve of a form that is not known")
        count = _PARA_LENGTHS[number]
        values = np.frombuffer(_tag(tags, kind, b"para", 12 + 4 * count), ">i4", count, 12) / 65536
        return _from_para(number, tuple(values), steps)
    count = int.from_bytes(_tag(tags, kind, b"curv", 12)[8:12], "big")
    points = np.frombuffer(_tag(tags, kind, b"curv", 12 + 2 * count), ">u2", count, 12)
    if count == 0:
        return steps
    if count == 1:
        return np.asarray(steps ** (points[0] / 256), np.float64)
    return np.interp(steps, np.linspace(0, 1, count), points / 65535)


def _from_para(number: int, values: tuple[float, ...], steps: Matrix) -> Matrix:
    """The curve of a para, types 0 to 4 (10.18, table 68). Raises ValueError for one without values."""
    g, a, b, c, d, e, f = (*values, *(0.0,) * (7 - len(values))) if number else (values[0], 1.0, *(0.0,) * 5)
    if number in (1, 2):
        if not a:
            raise ValueError("a curve that divides by zero")
        c, d, e, f = 0.0, -b / a, c, c
    with np.errstate(all="ignore"):
        curved = np.where(steps >= d, np.maximum(a * steps + b, 0) ** g + e, c * steps + f)
    if not np.isfinite(curved).all():
        raise ValueError("a curve without values")
    return np.asarray(curved.clip(0, 1), np.float64)
