"""What a payload begins with where a model's tables follow from floats: the indices that were in doubt.

count     varint
for each  varint distance from the residual before it (of the first one: its place), u8 its table
"""

from __future__ import annotations

from collections.abc import Sequence

from nic_cli.container.fields import Cursor, pack_varint
from nic_cli.types import Notes

TABLES = 64  # of residuals, in every model of this kind


def pack_notes(notes: Sequence[tuple[int, int]]) -> bytes:
    """Notes in rising order of their places."""
    out, next_ = [pack_varint(len(notes))], 0
    for place, table in notes:
        out += pack_varint(place - next_), bytes((table,))
        next_ = place + 1
    return b"".join(out)


def unpack_notes(payload: bytes, size: int) -> tuple[Notes, bytes]:
    """The notes of a tile of `size` residuals, and the rest of the payload. Raises DamagedFile."""
    cursor = Cursor(payload, 0, len(payload), "a tile")
    notes, next_ = [], 0
    for _ in range(cursor.varint("number of notes", 0, size)):
        place = next_ + cursor.varint("place of a note", 0, size - 1 - next_)
        notes.append((place, cursor.unsigned(1, "table of a note", 0, TABLES - 1)))
        next_ = place + 1
    return tuple(notes), cursor.take(cursor.left, "stream")
