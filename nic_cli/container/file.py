"""A whole `.nic` file: `Container` to bytes and back.

Nothing is trusted before its checksum, and nothing is made that the bytes at hand do not pay for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, BinaryIO, cast
from zlib import crc32

from nic_cli.container import chunks, header, layout
from nic_cli.container.fields import REMEDY, Cursor, Data, Stream
from nic_cli.container.header import Opening, TileEntry
from nic_cli.errors import DamagedFile, UsageError
from nic_cli.types import Chunk, Container, Header, TileStream


def pack(container: Container) -> bytes:
    """Write a file; the same container always gives the same bytes.

    Raises UsageError if a field is out of range, if q or b is no multiple of 1/4096, if the number
    of tiles is not that of the picture, or if a chunk is unknown, repeated or too large.
    """
    return b"".join(pieces(container))


def pieces(container: Container) -> Iterator[bytes]:
    """The same, a piece after the other, so that no more is held than the largest. Raises as `pack`."""
    yield header.pack(_opening(container))
    yield from chunks.pieces(container.chunks)
    for tile in container.tiles:
        yield tile.payload


def unpack(data: bytes) -> Container:
    """Read a file, and check every checksum but those of the symbols, which need the model.

    Raises FormatError if this is no `.nic` file or needs a chunk that is unknown, UnknownVersion
    for another format version, and DamagedFile if it was cut or changed in any byte.
    """
    container = _unpack(data)
    return replace(container, tiles=tuple(container.tiles))


def check(stream: BinaryIO) -> Container:
    """Read a file and check every checksum as `unpack` does, a piece of it in memory at a time.

    Of long chunks it keeps the length, and its tiles are read when they are asked for, as by `unpack_lazily`.
    """
    data = Stream(stream)
    container = _unpack(data, skim=True)
    cast(_Tiles, container.tiles).check()
    return container


def unpack_lazily(stream: BinaryIO, *, owned: bool = False) -> Container:
    """Read what stands before the tiles; each tile is read, and checked, when it is asked for.

    stream: seekable, at the file's first byte, and open for as long as tiles are wanted; owned: it is closed
    with the last of them. Raises as `unpack`.
    """
    return _unpack(Stream(stream, owned=owned))


def read_opening(stream: BinaryIO) -> tuple[Header, tuple[Chunk, ...]]:
    """Read header and chunks, whatever is the matter with the tiles; `stream` is as in `unpack_lazily`.

    Raises as `unpack`.
    """
    data = Stream(stream)
    opening, position = header.unpack(data)
    kept, _ = chunks.unpack(data, position, opening.n_chunks)
    return opening.header, kept


def _unpack(data: Data, *, skim: bool = False) -> Container:
    opening, position = header.unpack(data)
    kept, position = chunks.unpack(data, position, opening.n_chunks, skim=skim)
    end = position + sum(tile.n_bytes for tile in opening.tiles)
    if end > len(data):
        raise DamagedFile(f"file ends at byte {len(data)} of {end}: it was cut, fetch it again")
    if end < len(data):
        raise DamagedFile(f"file has {len(data) - end} bytes after its end at byte {end}: {REMEDY}")
    return Container(opening.header, kept, _Tiles(data, position, opening.tiles))


class _Tiles(Sequence[TileStream]):
    """The tiles that `data` holds from a byte on."""

    def __init__(self, data: Data, position: int, entries: tuple[TileEntry, ...]) -> None:
        self._data, self.entries = data, entries
        self._ends = list(accumulate((entry.n_bytes for entry in entries), initial=position))

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: Any) -> Any:
        """One tile, by its number from 0 on."""
        entry, start, end = self.entries[number], self._ends[number], self._ends[number + 1]
        payload = self._data[start:end]
        self._compare(number, crc32(payload))
        return TileStream(payload, entry.symbols_crc)

    def check(self) -> None:
        """Raise DamagedFile if the bytes of a tile were changed."""
        for number, entry in enumerate(self.entries):
            start, end = self._ends[number], self._ends[number + 1]
            self._compare(number, Cursor(self._data, start, end, "file").crc32(entry.n_bytes, "tile"))

    def _compare(self, number: int, crc: int) -> None:
        if crc != self.entries[number].payload_crc:
            start, end = self._ends[number], self._ends[number + 1]
            raise DamagedFile(f"tile {number}: checksum of bytes {start} to {end} differs: {REMEDY}")


def symbols_crc(container: Container) -> int:
    """CRC-32 over the CRC-32s of all tiles' symbols, for which no tile is read: it stands for the picture."""
    tiles = container.tiles
    entries = tiles.entries if isinstance(tiles, _Tiles) else tiles
    return crc32(b"".join(entry.symbols_crc.to_bytes(layout.CRC_BYTES, "little") for entry in entries))


def payload_sizes(container: Container) -> list[int]:
    """Bytes of the payload of each tile, for which none is read."""
    tiles = container.tiles
    if isinstance(tiles, _Tiles):
        return [entry.n_bytes for entry in tiles.entries]
    return [len(tile.payload) for tile in tiles]


def overhead(container: Container) -> int:
    """Count the bytes of the file that are neither data of a chunk nor payload of a tile.

    Raises UsageError as `pack` does.
    """
    return len(header.pack(_opening(container))) + chunks.overhead(container.chunks)


def _opening(container: Container) -> Opening:
    tiles = container.tiles
    entries = tiles.entries if isinstance(tiles, _Tiles) else tuple(map(_entry, tiles))
    return Opening(container.header, len(container.chunks), entries)


def _entry(tile: TileStream) -> TileEntry:
    if not 0 <= tile.symbols_crc < 1 << 32:
        raise UsageError(f"symbol checksum {tile.symbols_crc} has over 32 bits: use a CRC-32")
    if len(tile.payload) > layout.MAX_VARINT:
        raise UsageError(f"a tile has {len(tile.payload)} bytes: use smaller tiles")
    return TileEntry(len(tile.payload), crc32(tile.payload), tile.symbols_crc)
