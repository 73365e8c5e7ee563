"""The container: header, chunks and payloads, with all their checks."""

import re
from collections import namedtuple
from itertools import pairwise
from zlib import crc32

SIGNATURE = b"\x89NIC\r\n\x1a\n"
NEEDED = {"ALPH", "RANG"}  # the kinds that may not be skipped, and are known
LEAST, MOST = {"RANG": 2, "cicp": 4}, {"RANG": 2, "cicp": 4, "reso": 17, "orig": 4096}  # bytes of a chunk
MOST |= {kind: 2**24 for kind in ("iccp", "exif", "xmpp", "prev")} | {"gmap": 2**24 + 4096}
MOST |= {kind: 2**20 for kind in ("text", "iptc", "geot")}
# an entropy tile, in pixels of the extended picture; the bytes of its payload, and both checksums
Tile = namedtuple("Tile", "top left height width length payload_crc symbols_crc")


def check(right: bool, what: str) -> None:
    """Raise ValueError unless it is right."""
    if not right:
        raise ValueError(what)


class Reader:
    """Takes numbers from bytes; raises ValueError past their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next count bytes."""
        check(count <= len(self.data) - self.at, "the file is cut: it ends before its last part")
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
                check(not i or byte > 0, "a number is longer than it must be")
                return value
        raise ValueError("a number has over five bytes")


class Header:
    """What a header says; q and b in 1/4096, rows and columns: where tiles begin, and where the last ends."""

    def __init__(self, fields: Reader) -> None:
        self.width, self.height = fields.varint(), fields.varint()
        self.flags, self.q, self.b, side = (fields.number(n) for n in (1, 2, 2, 1))
        check(1 <= self.width <= 2**20 and 1 <= self.height <= 2**20, "a side is not of 1..2^20 pixels")
        check(self.flags < 16, f"flags {self.flags}: known are 1, 2, 4 and 8")
        check(self.b <= 4096, f"realism {self.b}/4096 is over 1")
        check(side > 0, "tiles of no pixels")
        self.rgb, self.deep = bool(self.flags & 1), bool(self.flags & 2)
        name = fields.take(fields.number(1))
        check(re.fullmatch(rb"[a-z0-9][a-z0-9._-]{0,63}", name) is not None, "no model is named so")
        self.model = name.decode("ascii")
        self.model_id = fields.take(8)
        self.chunk_count = fields.varint() if self.flags & 8 else 0
        check(not self.flags & 8 or 1 <= self.chunk_count <= 64, f"{self.chunk_count} chunks: not 1..64")
        self.rows, self.columns = edges(self.height, 64 * side), edges(self.width, 64 * side)
        count = (len(self.rows) - 1) * (len(self.columns) - 1)
        check(9 * count <= len(fields.data) - fields.at, "the header ends before its table of tiles")
        self.tiles, self.chunks, self.payloads = [], {}, []
        for top, bottom in pairwise(self.rows):
            for left, right in pairwise(self.columns):
                height, width = bottom - top, right - left
                check(height * width <= (192 * 16) ** 2, "a tile of over 192 x 192 residuals")
                entry = fields.varint(), fields.number(4), fields.number(4)
                self.tiles.append(Tile(top, left, height, width, *entry))
        check(fields.at == len(fields.data), "the header goes on after its table of tiles")


def edges(side: int, tile: int) -> list[int]:
    """Where tiles begin along a side of so many pixels, and where the last one ends."""
    extended = -(-side // 64) * 64
    return [tile * i for i in range(max(1, (extended + tile // 2) // tile))] + [extended]


def parse(data: bytes) -> Header:
    """A whole file -> what it says; raises ValueError for damage."""
    file = Reader(data)
    check(file.take(8) == SIGNATURE, "not a .nic file: another signature")
    version = file.number(1)
    check(version == 0 or version >> 4 == 1, f"format {version >> 4}.{version & 15}: this decoder reads 1")
    fields = Reader(file.take(file.varint()))
    check(crc32(data[: file.at]) == file.number(4), "the header is damaged: another checksum")
    header = Header(fields)
    for _ in range(header.chunk_count):
        read_chunk(file, header.chunks)
    check("RANG" not in header.chunks or header.deep, "a RANG chunk in a picture of 8 bits")
    for i, tile in enumerate(header.tiles):
        header.payloads.append(file.take(tile.length))
        check(crc32(header.payloads[-1]) == tile.payload_crc, f"tile {i}: its payload is damaged")
    check(file.at == len(data), "the file goes on after its last payload")
    return header


def read_chunk(file: Reader, chunks: dict[str, bytes]) -> None:
    """One chunk, into chunks by its kind; what may be skipped is kept all the same."""
    kind = file.take(4)
    body = file.take(file.varint())
    check(crc32(kind + body) == file.number(4), f"a chunk before byte {file.at}: another checksum")
    check(kind.isalpha(), f"a chunk before byte {file.at}: its kind is not four letters")
    name = kind.decode("ascii")
    check(name not in chunks, f"two chunks {name}")
    check(name in NEEDED or name[0].islower(), f"chunk {name}: not known, and may not be skipped")
    fits = LEAST.get(name, 1) <= len(body) <= MOST.get(name, 2**30)
    check(fits, f"chunk {name}: {len(body)} bytes, which cannot be")
    t = int.from_bytes(body, "little")
    check(name != "RANG" or 255 <= t <= 65534, "chunk RANG: not of 255..65534")
    chunks[name] = body
