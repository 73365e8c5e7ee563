"""Of a pipe no more is read than a file says that it has."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from nic_cli import bounded
from nic_cli.container import file
from nic_cli.container.announced import needed
from nic_cli.errors import DamagedFile
from nic_cli.types import Chunk, Container, Header, TileStream

HEADER = Header(2000, 900, 3, 8, 2.0, 0.5, 1024, "iris", bytes(8))
CHUNKS = (Chunk(b"exif", b"e" * 900), Chunk(b"xmpp", b"x"), Chunk(b"newC", b"n" * 90))


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
    from nic_cli.jobs.files import streams

    endless = Endless(data)
    monkeypatch.setattr(streams, "opened", lambda _: io.BufferedReader(endless))
    read = streams.read_nic(None)
    assert endless.given < 1 << 18
    with pytest.raises(DamagedFile, match="bytes after its end"):
        file.unpack(read)


def large(payload: int) -> bytes:
    """A file with a long chunk and a long tile."""
    chunks = (Chunk(b"exif", b"e" * 900), Chunk(b"ALPH", b"a" * 40_000_000))
    return file.pack(Container(HEADER, chunks, (TileStream(b"x" * payload, 1), TileStream(b"y" * 99, 2))))


@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_what_is_only_checked_is_not_held(tmp_path, piped):
    data = large(30_000_000)
    (tmp_path / "large.nic").write_bytes(data)
    line = (
        "import sys, tracemalloc\nfrom pathlib import Path\nfrom nic_cli.jobs import inspection\n"
        "from nic_cli.jobs.files.plan import Job\nfrom nic_cli.jobs.run_options import RunOptions\n"
        "tracemalloc.start()\nsource = Path(sys.argv[1]) if len(sys.argv) > 1 else None\n"
        "container, size = inspection._checked(source)\n"
        "print(size, len(container.chunks[1].data), tracemalloc.get_traced_memory()[1])"
    )
    given = [sys.executable, "-c", line, *([] if piped else [str(tmp_path / "large.nic")])]
    with (tmp_path / "large.nic").open("rb") as stream:
        given = ["sh", "-c", 'cat | "$@"', "sh", *given] if piped else given
        done = subprocess.run(given, stdin=stream, capture_output=True, text=True, check=True)
    size, chunk, peak = map(int, done.stdout.split())
    assert (size, chunk) == (len(data), 40_000_000) and peak < 25_000_000


@pytest.mark.parametrize("at", [-20, -2_000_000, -50_000_000])
def test_a_change_in_what_is_not_held_is_noticed(at):
    changed = bytearray(large(3_000_000) if at > -50_000_000 else large(20_000_000))
    assert len(file.check(io.BytesIO(changed)).tiles) == 2
    changed[at] ^= 1
    with pytest.raises(DamagedFile, match="checksum"):
        file.check(io.BytesIO(changed))
