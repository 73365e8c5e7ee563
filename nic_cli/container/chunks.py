"""The chunks between header and tiles: metadata, preview, alpha."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from nic_cli.container import layout
from nic_cli.container.fields import PIECE, REMEDY, Cursor, Data, pack_varint
from nic_cli.errors import DamagedFile, FormatError, UsageError
from nic_cli.types import Chunk


def pack(chunks: Sequence[Chunk]) -> bytes:
    """Write `chunks` in their order. Raises UsageError for an unknown, repeated or too large one."""
    seen: set[bytes] = set()
    for chunk in chunks:
        if chunk.kind not in layout.CHUNK_LIMITS:
            raise UsageError(f"chunk {chunk.kind!r} is unknown: use one of {sorted(layout.CHUNK_LIMITS)}")
        if chunk.kind in seen:
            raise UsageError(f"chunk {chunk.kind!r} comes twice: give it once")
        if len(chunk.data) > layout.CHUNK_LIMITS[chunk.kind]:
            raise UsageError(f"chunk {chunk.kind!r} has {len(chunk.data)} bytes: strip it from the picture")
        seen.add(chunk.kind)
    return b"".join(map(pack_chunk, chunks))


def unpack(data: Data, start: int, n_chunks: int, *, skim: bool = False) -> tuple[tuple[Chunk, ...], int]:
    """Read `n_chunks` chunks from byte `start`; also give the byte at which they end.

    Unknown ancillary chunks are checked and left out. skim: of long data only the length is kept.
    Raises DamagedFile, or FormatError for an unknown critical chunk.
    """
    cursor = Cursor(data, start, len(data), "file")
    seen: set[bytes] = set()
    known = []
    for _ in range(n_chunks):
        at = cursor.position
        chunk = unpack_chunk(cursor, skim=skim)
        if chunk.kind in seen:
            raise DamagedFile(f"chunk {chunk.kind!r} comes a second time at byte {at}: {REMEDY}")
        seen.add(chunk.kind)
        if chunk.kind in layout.CHUNK_LIMITS:
            known.append(chunk)
        elif not layout.is_ancillary(chunk.kind):
            raise FormatError(f"chunk {chunk.kind!r} at byte {at} is needed and unknown: get a newer nic")
    return tuple(known), cursor.position


def pack_chunk(chunk: Chunk) -> bytes:
    """Write one chunk with its checksum."""
    crc = crc32(chunk.data, crc32(chunk.kind))
    return chunk.kind + pack_varint(len(chunk.data)) + chunk.data + crc.to_bytes(layout.CRC_BYTES, "little")


class Skimmed:
    """Data that was checked and not kept: its length is all that is left of it."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def unpack_chunk(cursor: Cursor, *, skim: bool = False) -> Chunk:
    """Read one chunk at `cursor`. Raises DamagedFile if it is cut, too large or changed."""
    start = cursor.position
    kind = cursor.take(4, "kind of a chunk")
    if not (kind.isalpha() and kind.isascii()):
        raise cursor.fault("kind of a chunk", start, "is not four letters")
    most = layout.CHUNK_LIMITS.get(kind, layout.MAX_METADATA)
    size = cursor.varint(f"length of chunk {kind!r}", 0, most)
    data: Any
    if skim and size > PIECE:
        data, crc = Skimmed(size), cursor.crc32(size, f"chunk {kind!r}", crc32(kind))
    else:
        data = cursor.take(size, f"chunk {kind!r}")
        crc = crc32(data, crc32(kind))
    if cursor.unsigned(layout.CRC_BYTES, f"checksum of chunk {kind!r}") != crc:
        raise DamagedFile(f"chunk {kind!r}: checksum of bytes {start} to {cursor.position} differs: {REMEDY}")
    return Chunk(kind, data)


def overhead(chunks: Sequence[Chunk]) -> int:
    """Count the bytes that frame `chunks`: everything but their data."""
    return sum(len(pack_chunk(Chunk(c.kind, b""))) - 1 + len(pack_varint(len(c.data))) for c in chunks)
