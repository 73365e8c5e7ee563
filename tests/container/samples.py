"""Small containers for the tests, and tools that take a file apart and close it up again."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

from nic_cli.container.fields import Cursor, pack_varint
from nic_cli.container.layout import SIGNATURE, VERSION
from nic_cli.types import Chunk, Container, Header, TileStream

HEADER = Header(
    width=100,
    height=70,
    channels=3,
    bit_depth=8,
    q=2.0,
    b=0.75,
    tile=64,
    model="iris",
    model_id=bytes(range(8)),
)
ONE_TILE = Container(replace(HEADER, width=60, height=50), (), (TileStream(b"payload", 0x12345678),))
# 300 x 200 in tiles of 192 pixels: 320 along the width makes two, 256 along the height one.
TWO_TILES = Container(
    replace(HEADER, width=300, height=200, tile=192, bit_depth=16, original_space=True),
    (Chunk(b"iccp", b"profile"), Chunk(b"ALPH", b"\x00\x01\x02")),
    (TileStream(b"first", 1), TileStream(b"second!", 0xFFFFFFFF)),
)


def split(data: bytes) -> tuple[bytes, bytes]:
    """The body of the header, and all that follows its checksum."""
    cursor = Cursor(data, 9, len(data), "file")
    n_bytes = cursor.varint("length")
    end = cursor.position + n_bytes
    return data[cursor.position : end], data[end + 4 :]


def join(body: bytes, rest: bytes = b"") -> bytes:
    """A file with this body and a right checksum."""
    framed = SIGNATURE + bytes([VERSION[0] << 4 | VERSION[1]]) + pack_varint(len(body)) + body
    return framed + crc32(framed).to_bytes(4, "little") + rest


def body(
    width: int = 60,
    height: int = 50,
    flags: int = 1,
    q: int = 8192,
    b: int = 3072,
    tile: int = 1,
    name: bytes = b"iris",
    entries: tuple[tuple[int, int, int], ...] = ((0, 0, 0),),
    n_chunks: int | None = None,
) -> bytes:
    """A body of the header with any values, right or wrong."""
    out = pack_varint(width) + pack_varint(height) + bytes([flags])
    out += q.to_bytes(2, "little") + b.to_bytes(2, "little") + bytes([tile, len(name)]) + name + bytes(8)
    out += b"" if n_chunks is None else pack_varint(n_chunks)
    for length, payload, symbols in entries:
        out += pack_varint(length) + payload.to_bytes(4, "little") + symbols.to_bytes(4, "little")
    return out
