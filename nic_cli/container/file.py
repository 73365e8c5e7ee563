"""A whole `.nic` file: `Container` to bytes and back.

Nothing is trusted before its checksum, and nothing is made that the bytes at hand do not pay for.
"""

from __future__ import annotations

from zlib import crc32

from nic_cli.container import chunks, header, layout
from nic_cli.container.fields import REMEDY
from nic_cli.container.header import Opening, TileEntry
from nic_cli.errors import DamagedFile, UsageError
from nic_cli.types import Container, TileStream


def pack(container: Container) -> bytes:
    """Write a file; the same container always gives the same bytes.

    Raises UsageError if a field is out of range, if q or b is no multiple of 1/4096, if the number
    of tiles is not that of the picture, or if a chunk is unknown, repeated or too large.
    """
    parts = [header.pack(_opening(container)), chunks.pack(container.chunks)]
    parts += [tile.payload for tile in container.tiles]
    return b"".join(parts)


def unpack(data: bytes) -> Container:
    """Read a file, and check every checksum but those of the symbols, which need the model.

    Raises FormatError if this is no `.nic` file or needs a chunk that is unknown, UnknownVersion
    for another format version, and DamagedFile if it was cut or changed in any byte.
    """
    opening, position = header.unpack(data)
    kept, position = chunks.unpack(data, position, opening.n_chunks)
    end = position + sum(tile.n_bytes for tile in opening.tiles)
    if end > len(data):
        raise DamagedFile(f"file ends at byte {len(data)} of {end}: it was cut, fetch it again")
    if end < len(data):
        raise DamagedFile(f"file has {len(data) - end} bytes after its end at byte {end}: {REMEDY}")
    tiles = []
    for number, entry in enumerate(opening.tiles):
        tiles.append(_unpack_tile(data, position, number, entry))
        position += entry.n_bytes
    return Container(opening.header, kept, tuple(tiles))


def overhead(container: Container) -> int:
    """Count the bytes of the file that are neither data of a chunk nor payload of a tile.

    Raises UsageError as `pack` does.
    """
    return len(header.pack(_opening(container))) + chunks.overhead(container.chunks)


def _opening(container: Container) -> Opening:
    return Opening(container.header, len(container.chunks), tuple(map(_entry, container.tiles)))


def _entry(tile: TileStream) -> TileEntry:
    if not 0 <= tile.symbols_crc < 1 << 32:
        raise UsageError(f"symbol checksum {tile.symbols_crc} has over 32 bits: use a CRC-32")
    if len(tile.payload) > layout.MAX_VARINT:
        raise UsageError(f"a tile has {len(tile.payload)} bytes: use smaller tiles")
    return TileEntry(len(tile.payload), crc32(tile.payload), tile.symbols_crc)


def _unpack_tile(data: bytes, start: int, number: int, entry: TileEntry) -> TileStream:
    payload = data[start : start + entry.n_bytes]
    if crc32(payload) != entry.payload_crc:
        raise DamagedFile(
            f"tile {number}: checksum of bytes {start} to {start + entry.n_bytes} differs: {REMEDY}"
        )
    return TileStream(payload, entry.symbols_crc)
