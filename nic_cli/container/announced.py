"""How many bytes a file has, as far as its beginning says: for pipes, of which no more is to be read."""

from __future__ import annotations

from nic_cli.container import header, layout
from nic_cli.container.fields import Cursor, Data
from nic_cli.errors import FormatError

_HEAD_OF_CHUNK = 4 + layout.MAX_VARINT_BYTES


def needed(data: Data) -> int:
    """The bytes that the next thing not yet there ends at; one more than the file's when all of it is known.

    0 for what is not the beginning of a sound file, and needs no more to be refused.
    """
    try:
        cursor = Cursor(data, len(layout.SIGNATURE) + 1, len(data), "file")
        end = cursor.varint("length of the header") + cursor.position + layout.CRC_BYTES
        if end > len(data):
            return end
        opening, end = header.unpack(data)
        for _ in range(opening.n_chunks):
            if end + _HEAD_OF_CHUNK > len(data):
                return end + _HEAD_OF_CHUNK
            cursor = Cursor(data, end, len(data), "file")
            limit = layout.CHUNK_LIMITS.get(cursor.take(4, "kind"), layout.MAX_CHUNK)
            end = cursor.varint("length", 1, limit) + cursor.position + layout.CRC_BYTES
            if end > len(data):
                return end
        return end + sum(tile.n_bytes for tile in opening.tiles) + 1
    except FormatError:
        return 0
