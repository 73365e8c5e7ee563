"""Of a pipe no more is read than a file says that it has."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nic_cli import bounded
from nic_cli.container import file
from nic_cli.container.announced import needed
from nic_cli.types import Chunk, Container, Header, TileStream

HEADER = Header(2000, 900, 3, 8, 2.0, 0.5, 1024, "iris", bytes(8))
CHUNKS = (Chunk(b"exif", b"e" * 900), Chunk(b"xmpp", b""))


@pytest.fixture(scope="module")
def data():
    return file.pack(Container(HEADER, CHUNKS, (TileStream(b"x" * 400, 1), TileStream(b"y" * 99, 2))))


def test_every_beginning_leads_to_the_end_and_one_byte_more(data):
    for length in range(14, len(data)):
        known = data[:length]
        while len(known) < needed(known):
            assert needed(known) <= len(data) + 9  # the head of a chunk is looked for at once
            longer = data[: needed(known)]
            if len(longer) == len(known):
                break
            known = longer
        assert known == data
    assert needed(data) == len(data) + 1


def test_a_header_that_is_not_sound_needs_no_more(data):
    changed = bytearray(data)
    changed[14] ^= 1
    assert needed(bytes(changed)) == 0


class Endless(io.RawIOBase):
    """A pipe that never ends, and counts."""

    def __init__(self, start: bytes = b"") -> None:
        self.start, self.given = start, 0

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        piece = self.start[self.given : self.given + len(room)].ljust(len(room), b"z")
        room[:] = piece
        self.given += len(room)
        return len(room)


def test_memory_grows_with_what_comes(tmp_path):
    assert bounded.read(io.BytesIO(b"abc"), 1 << 40) == b"abc"  # which no machine has
    path = Path(tmp_path / "x")
    path.write_bytes(b"abc")
    with path.open("rb") as stream:
        assert bounded.read(stream, 1 << 40) == b"abc"
    endless = Endless()
    assert len(bounded.read(io.BufferedReader(endless), 5000)) == 5001 and endless.given < 1 << 17


def test_an_endless_pipe_is_read_to_where_the_file_ends(data, monkeypatch):
    from nic_cli.errors import DamagedFile
    from nic_cli.jobs import streams

    endless = Endless(data)
    monkeypatch.setattr(streams, "opened", lambda _: io.BufferedReader(endless))
    read = streams.read_nic(None)
    assert endless.given < 1 << 18
    with pytest.raises(DamagedFile, match="bytes after its end"):
        file.unpack(read)
