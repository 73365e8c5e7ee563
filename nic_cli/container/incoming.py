"""A `.nic` file from a stream: a file, or a pipe, of which no more is read than it says that there is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from nic_cli import bounded
from nic_cli.container.announced import needed
from nic_cli.container.fields import Stream
from nic_cli.container.layout import SIGNATURE
from nic_cli.errors import DamagedFile
from nic_cli.limits import MAX_FILE

FIRST = 1 << 16  # bytes read before anything of them is believed
SPOOLED = 1 << 24  # bytes of a pipe held in memory; of more the disk holds all


def read(stream: BinaryIO) -> bytes:
    """A whole file; of anything else only the first bytes, for the parser to refuse.

    Raises OSError, and DamagedFile for what is too large.
    """
    with spooled(stream) as held:
        data = bounded.read(held, FIRST)
        if data.startswith(SIGNATURE):
            data += bounded.read(held, MAX_FILE)
    if len(data) > MAX_FILE:
        raise _too_large()
    return data


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The same bytes, to be read from anywhere in them; a large pipe waits on the disk. Raises as `read`."""
    if stream.seekable() and not bounded.is_device(stream):
        yield stream
        return
    with tempfile.SpooledTemporaryFile(SPOOLED) as held:
        kept = cast(BinaryIO, held)
        wanted = FIRST
        while True:
            if (have := kept.seek(0, 2)) >= wanted:
                kept.seek(0)
                wanted = needed(Stream(kept))
                if not have < wanted <= MAX_FILE:
                    break
            if not (piece := stream.read(min(bounded.PIECE, wanted - kept.seek(0, 2)))):
                break
            kept.write(piece)
        if max(wanted, kept.seek(0, 2)) > MAX_FILE:
            raise _too_large()
        kept.seek(0)
        yield kept


def _too_large() -> DamagedFile:
    return DamagedFile(f"over {MAX_FILE} bytes, the most that is read of a pipe: save it as a file first")
