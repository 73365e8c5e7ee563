"""The numbers of the format: varints both ways, and a cursor that reads each field within bounds."""

from __future__ import annotations

import threading
import weakref
from typing import BinaryIO
from zlib import crc32

from nic_cli.container.layout import MAX_VARINT, MAX_VARINT_BYTES
from nic_cli.errors import DamagedFile

PIECE = 1 << 20  # bytes held at a time of what is only checked
REMEDY = "the file was cut or changed, fetch it again"


def pack_varint(value: int) -> bytes:
    """Write `value`, 0..2^35-1, as LEB128 in its shortest form. Raises ValueError beyond."""
    if not 0 <= value <= MAX_VARINT:
        raise ValueError(f"{value} does not fit into a varint")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Stream:
    """The bytes of a seekable stream from where it stands on, each slice read when it is asked for.

    Threads may ask at once. owned: the stream is closed when nobody has these bytes any more.
    """

    def __init__(self, stream: BinaryIO, *, owned: bool = False) -> None:
        if owned:
            weakref.finalize(self, stream.close)
        self._stream, self._start, self._one_at_a_time = stream, stream.tell(), threading.Lock()
        self._size = stream.seek(0, 2) - self._start

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """The bytes of a slice without a step."""
        start, end, _ = part.indices(self._size)
        with self._one_at_a_time:
            self._stream.seek(self._start + start)
            return self._stream.read(max(0, end - start))


Data = bytes | Stream


class Cursor:
    """Reads fields one after the other from `data[start:end]`; `part` names them in errors.

    Every method raises DamagedFile, naming the field and its byte, if the field goes past `end`
    or is out of its range.
    """

    def __init__(self, data: Data, start: int, end: int, part: str) -> None:
        self.data = data
        self.position = start
        self.end = end
        self.part = part

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.position

    def take(self, n_bytes: int, what: str) -> bytes:
        """Read `n_bytes` as they are."""
        if n_bytes > self.left:
            raise DamagedFile(f"{self.part} ends at byte {self.end}, within its {what}: {REMEDY}")
        self.position += n_bytes
        return self.data[self.position - n_bytes : self.position]

    def crc32(self, n_bytes: int, what: str, crc: int = 0) -> int:
        """The CRC-32 of the next `n_bytes`, of which a piece at a time is held."""
        end = self.position + n_bytes
        while self.position < end:
            crc = crc32(self.take(min(PIECE, end - self.position), what), crc)
        return crc

    def unsigned(self, n_bytes: int, what: str, low: int = 0, high: int = MAX_VARINT) -> int:
        """Read a little-endian number of `n_bytes` bytes, at most 4, in low..high."""
        start = self.position
        value = int.from_bytes(self.take(n_bytes, what), "little")
        return self._ranged(value, what, start, low, high)

    def varint(self, what: str, low: int = 0, high: int = MAX_VARINT) -> int:
        """Read a varint in low..high; longer than needed is refused, so that no value has two forms."""
        start = self.position
        value = 0
        for shift in range(0, 7 * MAX_VARINT_BYTES, 7):
            byte = self.take(1, what)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise DamagedFile(f"{self.part}: {what} at byte {start} is padded with zeros: {REMEDY}")
                return self._ranged(value, what, start, low, high)
        raise DamagedFile(f"{self.part}: {what} at byte {start} is too long: {REMEDY}")

    def fault(self, what: str, start: int, trouble: str) -> DamagedFile:
        """Make the error for a field that starts at byte `start`."""
        return DamagedFile(f"{self.part}: {what} at byte {start} {trouble}: {REMEDY}")

    def _ranged(self, value: int, what: str, start: int, low: int, high: int) -> int:
        if not low <= value <= high:
            raise self.fault(what, start, f"is {value}, not in {low}..{high}")
        return value
