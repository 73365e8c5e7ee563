"""The container: header, chunks and payloads, with all their checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from zlib import crc32

SIGNATURE = b"\x89NIC\r\n\x1a\n"
RGB, DEEP, PROFILE, CHUNKS = 1, 2, 4, 8
KNOWN = {"iccp", "exif", "xmpp", "prev", "ALPH", "RANG", "cicp", "gmap", "reso", "text", "iptc", "geot", "orig"}


class Reader:
    """Takes numbers from bytes; raises ValueError past their end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        """The next count bytes."""
        if count > len(self.data) - self.at:
            raise ValueError("the file is cut: it ends before its last part")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        """An unsigned number of count bytes, the lowest first."""
        return int.from_bytes(self.take(count), "little")

    def varint(self) -> int:
        """A LEB128 of at most five bytes and of no byte more than it needs."""
        value = 0
        for i in range(5):
            byte = self.number(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                if i and not byte:
                    raise ValueError("a number is longer than it must be")
                return value
        raise ValueError("a number has over five bytes")


@dataclass
class Tile:
    """One entropy tile, in pixels of the extended picture, with the size and checksums of its payload."""

    top: int
    left: int
    height: int
    width: int
    length: int = 0
    payload_crc: int = 0
    symbols_crc: int = 0


@dataclass
class Header:
    """All that a file says; q and b in 1/4096, rows and columns: where tiles begin, and the end."""

    width: int = 0
    height: int = 0
    flags: int = 0
    q: int = 0
    b: int = 0
    model: str = ""
    model_id: bytes = b""
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    chunks: dict[str, bytes] = field(default_factory=dict)
    payloads: list[bytes] = field(default_factory=list)

    @property
    def rgb(self) -> bool:
        """Three planes, else one."""
        return bool(self.flags & RGB)

    @property
    def deep(self) -> bool:
        """16 bits a sample, else 8."""
        return bool(self.flags & DEEP)


def edges(side: int, tile: int) -> list[int]:
    """Where tiles begin along a side of so many pixels, and where the last one ends."""
    extended = -(-side // 64) * 64
    return [tile * i for i in range(max(1, (extended + tile // 2) // tile))] + [extended]


def check(right: bool, what: str) -> None:
    """Raise ValueError with what is wrong unless it is right."""
    if not right:
        raise ValueError(what)


def parse(data: bytes) -> Header:
    """A whole file -> what it says; raises ValueError for damage."""
    file = Reader(data)
    check(file.take(8) == SIGNATURE, "not a .nic file: another signature")
    version = file.number(1)
    check(version == 0, f"format {version >> 4}.{version & 15}: this decoder reads format 0")
    length = file.varint()
    fields = Reader(file.take(length))
    check(crc32(data[: file.at]) == file.number(4), "the header is damaged: another checksum")
    header, chunks = read_fields(fields)
    for _ in range(chunks):
        read_chunk(file, header.chunks)
    check("RANG" not in header.chunks or header.deep, "a RANG chunk in a picture of 8 bits")
    check(not header.flags & PROFILE or "iccp" in header.chunks, "a profile is to be used and there is none")
    for i, tile in enumerate(header.tiles):
        header.payloads.append(file.take(tile.length))
        check(crc32(header.payloads[-1]) == tile.payload_crc, f"tile {i}: its payload is damaged")
    check(file.at == len(data), "the file goes on after its last payload")
    return header


def read_fields(fields: Reader) -> tuple[Header, int]:
    """The header's fields, and how many chunks follow it."""
    h = Header(fields.varint(), fields.varint(), fields.number(1), fields.number(2), fields.number(2))
    check(1 <= h.width <= 2**20 and 1 <= h.height <= 2**20, f"{h.width} x {h.height} pixels: not 1..2^20")
    check(h.flags < 16, f"flags {h.flags}: this decoder knows 1, 2, 4 and 8")
    check(h.b <= 4096, f"realism {h.b}/4096 is over 1")
    tile = 64 * fields.number(1)
    check(tile > 0, "tiles of no pixels")
    name = fields.take(fields.number(1))
    check(re.fullmatch(rb"[a-z0-9][a-z0-9._-]{0,63}", name) is not None, "the model's name is not a name")
    h.model, h.model_id = name.decode(), fields.take(8)
    chunks = fields.varint() if h.flags & CHUNKS else 0
    check(not h.flags & CHUNKS or 1 <= chunks <= 64, f"{chunks} chunks: not 1..64")
    h.rows, h.columns = edges(h.height, tile), edges(h.width, tile)
    count = (len(h.rows) - 1) * (len(h.columns) - 1)
    check(9 * count <= len(fields.data) - fields.at, "the header ends before its table of tiles")
    for top, bottom in pairwise(h.rows):
        for left, right in pairwise(h.columns):
            check((bottom - top) * (right - left) <= (192 * 16) ** 2, "a tile of over 192 x 192 residuals")
            sizes = fields.varint(), fields.number(4), fields.number(4)
            h.tiles.append(Tile(top, left, bottom - top, right - left, *sizes))
    check(fields.at == len(fields.data), "the header goes on after its table of tiles")
    return h, chunks


def read_chunk(file: Reader, chunks: dict[str, bytes]) -> None:
    """One chunk, into chunks by its kind; one that may be skipped is kept all the same."""
    start = file.at
    kind = file.take(4)
    body = file.take(file.varint())
    check(crc32(kind + body) == file.number(4), f"chunk at byte {start}: another checksum")
    check(kind.isalpha(), f"chunk at byte {start}: its kind is not four letters")
    name = kind.decode("ascii")
    check(name not in chunks, f"two chunks {name}")
    check(name in KNOWN or name[0].islower(), f"chunk {name}: not known, and may not be skipped")
    check(name not in ("iccp", "exif", "xmpp") or len(body) <= 2**24, f"chunk {name}: over 16 MiB")
    t = int.from_bytes(body, "little")
    check(name != "RANG" or (len(body) == 2 and 255 <= t <= 65534), "chunk RANG: not a u16 of 255..65534")
    check(name != "cicp" or len(body) == 4, "chunk cicp: not four bytes")
    chunks[name] = body
