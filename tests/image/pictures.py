"""Files with known values, made by hand so that what is tested does not test itself."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from nic_cli.image.writing import write
from nic_cli.types import Picture

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Make="nic"/></rdf:RDF></x:xmpmeta>'
)


def stream(image: Image.Image, format: str, **options) -> io.BytesIO:
    out = io.BytesIO()
    image.save(out, format, **options)
    out.seek(0)
    return out


def written(picture: Picture, format: str, **options) -> io.BytesIO:
    out = io.BytesIO()
    write(picture, out, format, **options)
    out.seek(0)
    return out


def png16(values: np.ndarray, **chunks: bytes) -> io.BytesIO:
    """A 16-bit PNG of [H, W, 1..4] with filter None."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    lines = values.astype(">u2").reshape(height, -1).view(np.uint8)
    data = zlib.compress(np.pad(lines, ((0, 0), (1, 0))).tobytes())
    extra = b"".join(chunk(kind.encode(), body) for kind, body in chunks.items())
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def exif(orientation: int, order: str = "<") -> bytes:
    """A bare TIFF structure: a maker, the orientation, and the artist."""
    entries = [
        struct.pack(order + "HHI4s", 271, 2, 4, b"nic\0"),
        struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0),
        struct.pack(order + "HHI4s", 315, 2, 4, b"ann\0"),
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)


def rgb_profile(primaries=P3, gamma: float = 2.2, ballast: bytes = b"") -> bytes:
    """A matrix profile of these primaries, white D65 adapted to D50 (Bradford), and one gamma."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([0.95047, 1.0, 1.08883])
    to_xyz = xyz * np.linalg.solve(xyz, white)
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapted = np.linalg.inv(cone) @ np.diag((cone @ d50) / (cone @ white)) @ cone @ to_xyz
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
    tags = {b"wtpt": _xyz(d50), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name: _xyz(adapted[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    if ballast:
        tags[b"nicB"] = b"data" + struct.pack(">II", 0, 1) + ballast
    return _profile(b"mntr", b"RGB ", tags)


def grey_profile(gamma: float = 1.8) -> bytes:
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
    return _profile(b"mntr", b"GRAY", {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"kTRC": curve})


def cmyk_profile(back: bool = False, space: bytes = b"CMYK") -> bytes:
    """A table profile (mft1) of two points a channel: black where K is full, else 1 - ink in a crude Lab."""
    n = {b"CMYK": 4, b"RGB ": 3}[space]
    grid = np.stack(np.meshgrid(*[[0, 255]] * n, indexing="ij"), axis=-1).reshape(-1, n) / 255.0
    light = (1 - grid).mean(axis=1) if space == b"CMYK" else grid.mean(axis=1)
    lab = np.stack([light * 255, np.full(len(grid), 160), np.full(len(grid), 128)], axis=1).astype(np.uint8)
    ramp = np.arange(256, dtype=np.uint8).tobytes()
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + struct.pack(">IBBBB", 0, n, 3, 2, 0) + matrix + ramp * n + lab.tobytes() + ramp * 3
    return _profile(b"scnr" if space == b"RGB " else b"prtr", space, {b"A2B0": table}, pcs=b"Lab ")


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _profile(kind: bytes, space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    text = b"nic test\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78), **tags}
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, kind, space, pcs)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(24)
    head += bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
