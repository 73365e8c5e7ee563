"""The chunks between header and tiles: metadata, preview, alpha, and what later versions put beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from nic_cli.container import layout
from nic_cli.container.fields import PIECE, REMEDY, Cursor, Data, pack_varint
from nic_cli.errors import DamagedFile, FormatError, UsageError
from nic_cli.types import Chunk


def pieces(chunks: Sequence[Chunk]) -> Iterator[bytes]:
    """Write `chunks` in their order. Raises UsageError for one that would be refused when it is read."""
    seen: set[bytes] = set()
    for chunk in chunks:
        if not is_kind(chunk.kind) or not (is_known(chunk) or layout.is_ancillary(chunk.kind)):
            raise UsageError(f"chunk {chunk.kind!r} is unknown: use one of {sorted(layout.CHUNK_LIMITS)}")
        if chunk.kind in seen:
            raise UsageError(f"chunk {chunk.kind!r} comes twice: give it once")
        if len(chunk.data) > _most(chunk.kind):
            raise UsageError(f"chunk {chunk.kind!r} has {len(chunk.data)} bytes: strip it from the picture")
        if len(chunk.data) < _least(chunk.kind):
            raise UsageError(f"chunk {chunk.kind!r} has {len(chunk.data)} bytes: leave it out")
        seen.add(chunk.kind)
    for chunk in chunks:
        yield from _pieces(chunk)


def is_kind(kind: bytes) -> bool:
    """Whether these can be the letters of a chunk."""
    return len(kind) == 4 and kind.isalpha() and kind.isascii()


def is_known(chunk: Chunk) -> bool:
    """Whether this version knows what such a chunk is for."""
    return chunk.kind in layout.CHUNK_LIMITS


def unpack(data: Data, start: int, n_chunks: int, *, skim: bool = False) -> tuple[tuple[Chunk, ...], int]:
    """Read `n_chunks` chunks from byte `start`; also give the byte at which they end.

    Unknown ancillary chunks are among them, so that whoever writes the file anew keeps them; of long ones the
    data is checked, and read again when it is asked for. skim: so with all that are long. Raises DamagedFile,
    or FormatError for an unknown critical chunk.
    """
    cursor = Cursor(data, start, len(data), "file")
    seen: set[bytes] = set()
    found = []
    for _ in range(n_chunks):
        at = cursor.position
        chunk = unpack_chunk(cursor, skim=skim)
        if chunk.kind in seen:
            raise DamagedFile(f"chunk {chunk.kind!r} comes a second time at byte {at}: {REMEDY}")
        seen.add(chunk.kind)
        if not is_known(chunk) and not layout.is_ancillary(chunk.kind):
            raise FormatError(f"chunk {chunk.kind!r} at byte {at} is needed and unknown: get a newer nic")
        found.append(chunk)
    return tuple(found), cursor.position


def pack_chunk(chunk: Chunk) -> bytes:
    """Write one chunk with its checksum."""
    return b"".join(_pieces(chunk))


def _pieces(chunk: Chunk) -> Iterator[bytes]:
    data, crc = chunk.data, crc32(chunk.kind)
    yield chunk.kind + pack_varint(len(data))
    for part in [data] if isinstance(data, bytes) else data.parts():
        crc = crc32(part, crc)
        yield part
    yield crc.to_bytes(layout.CRC_BYTES, "little")


class Skimmed:
    """Data that was checked and is not held: read again when it is asked for, where that still can be."""

    def __init__(self, data: Data, start: int, end: int) -> None:
        self._data, self._start, self._end = data, start, end

    def __len__(self) -> int:
        return self._end - self._start

    def __bytes__(self) -> bytes:
        return b"".join(self.parts())

    def parts(self) -> Iterator[bytes]:
        """All of it, a piece after the other."""
        for at in range(self._start, self._end, PIECE):
            yield self._data[at : min(at + PIECE, self._end)]


def unpack_chunk(cursor: Cursor, *, skim: bool = False) -> Chunk:
    """Read one chunk at `cursor`. Raises DamagedFile if it is cut, too large or changed."""
    start = cursor.position
    kind = cursor.take(4, "kind of a chunk")
    if not is_kind(kind):
        raise cursor.fault("kind of a chunk", start, "is not four letters")
    size = cursor.varint(f"length of chunk {kind!r}", _least(kind), _most(kind))
    data: Any
    if size > PIECE and (skim or kind not in layout.CHUNK_LIMITS):
        data = Skimmed(cursor.data, cursor.position, cursor.position + size)
        crc = cursor.crc32(size, f"chunk {kind!r}", crc32(kind))
    else:
        data = cursor.take(size, f"chunk {kind!r}")
        crc = crc32(data, crc32(kind))
    if cursor.unsigned(layout.CRC_BYTES, f"checksum of chunk {kind!r}") != crc:
        raise DamagedFile(f"chunk {kind!r}: checksum of bytes {start} to {cursor.position} differs: {REMEDY}")
    return Chunk(kind, data)


def _least(kind: bytes) -> int:
    return layout.CHUNK_LEAST.get(kind, 1)


def _most(kind: bytes) -> int:
    return layout.CHUNK_LIMITS.get(kind, layout.MAX_CHUNK)


def overhead(chunks: Sequence[Chunk]) -> int:
    """Count the bytes that frame `chunks`: everything but their data."""
    return sum(len(pack_chunk(Chunk(c.kind, b""))) - 1 + len(pack_varint(len(c.data))) for c in chunks)
