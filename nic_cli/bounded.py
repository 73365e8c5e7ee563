"""Bytes from outside, up to a limit, in memory that grows with what comes."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, BinaryIO, cast

PIECE = 1 << 20
IN_MEMORY = 1 << 26


def read(stream: IO[bytes], limit: int) -> bytes:
    """All that is left of `stream`, or `limit` + 1 bytes of what is longer: whoever asks knows it by that.

    Python's own read(limit + 1) takes that much memory before the first byte is there.
    """
    size = _size(stream)
    if size is not None:  # of a file: in one go, and once more for what was added meanwhile
        data = stream.read(min(size, limit) + 1)
        if len(data) <= min(size, limit):
            return data
    else:
        data = b""
    held = io.BytesIO()
    held.write(data)
    _filled(held, stream, limit)
    return held.getvalue()  # which is not copied


def spooled(stream: IO[bytes], limit: int, head: bytes = b"") -> BinaryIO:
    """`head` and what `read` gives, to be read from anywhere in it; of over 64 MiB the disk holds all."""
    held: BinaryIO = io.BytesIO()
    held.write(head)
    _filled(held, stream, min(limit, IN_MEMORY))
    if held.tell() > IN_MEMORY:
        file = cast(BinaryIO, tempfile.TemporaryFile())
        file.write(held.getvalue())  # type: ignore[attr-defined]
        held = file
        _filled(held, stream, limit)
    held.seek(0)
    return held


def _filled(held: BinaryIO, stream: IO[bytes], limit: int) -> None:
    """Add to `held` until it has `limit` + 1 bytes."""
    while (left := limit + 1 - held.tell()) > 0 and (piece := stream.read(min(PIECE, left))):
        held.write(piece)


def text(path: Path, limit: int = 1 << 20) -> str:
    """A file of UTF-8 whole. Raises OSError, and ValueError for what is longer or no UTF-8."""
    with path.open("rb") as stream:
        data = read(stream, limit)
    if len(data) > limit:
        raise ValueError(f"over {limit:,} bytes")
    return data.decode("utf-8")


def is_device(stream: IO[bytes]) -> bool:
    """Whether it is a device such as /dev/zero, which lets itself be sought and has no end."""
    try:
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False


def _size(stream: IO[bytes]) -> int | None:
    """Bytes from where a regular file stands to its end; None for pipes and the like."""
    try:
        if stream.seekable():
            at = stream.tell()
            return max(0, os.fstat(stream.fileno()).st_size - at)
    except (AttributeError, OSError, ValueError):  # in memory, or no file of the system
        pass
    return None
