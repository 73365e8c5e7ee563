"""The header with its table of tiles: checked, packed, unpacked.

`pack` and `unpack` stand for the whole block from the signature to the CRC-32 of the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from nic_cli.container import layout
from nic_cli.container.fields import REMEDY, Cursor, Data, pack_varint
from nic_cli.container.layout import SIGNATURE, STEPS, VERSION
from nic_cli.errors import DamagedFile, FormatError, UnknownVersion, UsageError
from nic_cli.types import Header

# What the signature becomes when a transfer takes the file for text: ends of lines changed one way
# or the other, the high bit dropped, or the first byte taken for Latin-1 and sent as UTF-8.
_MANGLED = (
    b"\x89NIC\n\x1a\n",
    b"\x89NIC\r\x1a\r",
    b"\x89NIC\r\n\x1a\r\n",
    b"\x89NIC\r\r\n\x1a\r\n",
    b"\x09NIC",
    b"\xc2\x89NIC",
    b"\xef\xbf\xbdNIC",
)


@dataclass(frozen=True, slots=True)
class TileEntry:
    """A row of the table of tiles: bytes of the payload, its CRC-32, the CRC-32 of its symbols."""

    n_bytes: int
    payload_crc: int
    symbols_crc: int


@dataclass(frozen=True, slots=True)
class Opening:
    """All that stands before the first chunk."""

    header: Header
    n_chunks: int
    tiles: tuple[TileEntry, ...]


def check(header: Header) -> None:
    """Raise UsageError if a field of `header` cannot be written."""
    for name, side in (("width", header.width), ("height", header.height)):
        if not 1 <= side <= layout.MAX_SIDE:
            raise UsageError(f"{name} is {side} pixels: use 1 to {layout.MAX_SIDE}")
    if header.channels not in (1, 3) or header.bit_depth not in (8, 16):
        raise UsageError(f"{header.channels} channels of {header.bit_depth} bits: use 1 or 3 of 8 or 16")
    _check_steps("q", header.q, layout.MAX_Q_STEPS)
    _check_steps("b", header.b, layout.MAX_B_STEPS)
    if header.tile % layout.TILE_UNIT or not layout.TILE_UNIT <= header.tile <= layout.MAX_TILE:
        raise UsageError(
            f"tile is {header.tile}: use a multiple of {layout.TILE_UNIT} up to {layout.MAX_TILE}"
        )
    if not layout.MODEL_NAME.fullmatch(header.model):
        raise UsageError(f"model name {header.model!r} is not 1 to 64 of [a-z0-9._-]: rename the model")
    if len(header.model_id) != layout.MODEL_ID_BYTES:
        raise UsageError(f"model id has {len(header.model_id)} bytes: use the first {layout.MODEL_ID_BYTES}")


def pack(opening: Opening) -> bytes:
    """Write signature, header and table of tiles. Raises UsageError if a field cannot be written."""
    header, n_chunks = opening.header, opening.n_chunks
    check(header)
    n_tiles = layout.tile_count(header.width, header.height, header.tile)
    if len(opening.tiles) != n_tiles:
        raise UsageError(f"{len(opening.tiles)} tiles for a picture of {n_tiles}: give each tile one stream")
    if not 0 <= n_chunks <= layout.MAX_CHUNKS:
        raise UsageError(f"{n_chunks} chunks: use at most {layout.MAX_CHUNKS}")
    body = pack_varint(header.width) + pack_varint(header.height)
    body += bytes([_flags(header, n_chunks)])
    body += _u(round(header.q * STEPS), 2) + _u(round(header.b * STEPS), 2)
    body += bytes([header.tile // layout.TILE_UNIT])
    body += bytes([len(header.model)]) + header.model.encode("ascii") + header.model_id
    body += pack_varint(n_chunks) if n_chunks else b""
    body += b"".join(map(_pack_tile, opening.tiles))
    framed = SIGNATURE + bytes([VERSION[0] << 4 | VERSION[1]]) + pack_varint(len(body)) + body
    return framed + _u(crc32(framed), layout.CRC_BYTES)


def unpack(data: Data) -> tuple[Opening, int]:
    """Read signature, header and table of tiles; also give the byte at which they end.

    Raises FormatError if this is no `.nic` file, UnknownVersion, or DamagedFile.
    """
    cursor, version = _unframe(data)
    width = cursor.varint("width", 1, layout.MAX_SIDE)
    height = cursor.varint("height", 1, layout.MAX_SIDE)
    flags = cursor.unsigned(1, "flags", 0, layout.ALL_FLAGS)
    header = Header(
        width=width,
        height=height,
        channels=3 if flags & layout.RGB else 1,
        bit_depth=16 if flags & layout.SIXTEEN_BIT else 8,
        original_space=bool(flags & layout.ORIGINAL_SPACE),
        q=cursor.unsigned(2, "q") / STEPS,
        b=cursor.unsigned(2, "b", 0, layout.MAX_B_STEPS) / STEPS,
        tile=cursor.unsigned(1, "tile", 1, 255) * layout.TILE_UNIT,
        model=_unpack_model_name(cursor),
        model_id=cursor.take(layout.MODEL_ID_BYTES, "model id"),
        version=version,
    )
    n_chunks = cursor.varint("number of chunks", 1, layout.MAX_CHUNKS) if flags & layout.HAS_CHUNKS else 0
    tiles = _unpack_tiles(cursor, layout.tile_count(width, height, header.tile))
    return Opening(header, n_chunks, tiles), cursor.end + layout.CRC_BYTES


def _flags(header: Header, n_chunks: int) -> int:
    flags = layout.RGB if header.channels == 3 else 0
    flags |= layout.SIXTEEN_BIT if header.bit_depth == 16 else 0
    flags |= layout.ORIGINAL_SPACE if header.original_space else 0
    return flags | (layout.HAS_CHUNKS if n_chunks else 0)


def _check_steps(name: str, value: float, most: int) -> None:
    if not 0 <= value <= most / STEPS:
        raise UsageError(f"{name} is {value}: use 0 to {most / STEPS:.4g}")
    if value != layout.quantise(value):
        raise UsageError(f"{name} is {value}, not a multiple of 1/{STEPS}: round it before it is used")


def _u(value: int, n_bytes: int) -> bytes:
    return value.to_bytes(n_bytes, "little")


def _unframe(data: Data) -> tuple[Cursor, tuple[int, int]]:
    """Check signature, version and checksum, and give a cursor over the body of the header."""
    _check_signature(data[: len(SIGNATURE) + 2])
    cursor = Cursor(data, len(SIGNATURE), len(data), "file")
    version = divmod(cursor.unsigned(1, "version"), 16)
    if version != layout.OLD and version[0] != VERSION[0]:
        raise UnknownVersion(
            f"the file has format {version[0]}.{version[1]}, this program reads those of {VERSION[0]}:"
            " get a newer nic"
        )
    n_bytes = cursor.varint("length of the header")
    start, end = cursor.position, cursor.position + n_bytes
    if end + layout.CRC_BYTES > len(data):
        raise DamagedFile(f"header runs to byte {end + layout.CRC_BYTES}, the file to {len(data)}: {REMEDY}")
    head = data[: end + layout.CRC_BYTES]
    if crc32(memoryview(head)[:end]).to_bytes(4, "little") != head[end:]:
        raise DamagedFile(f"header: checksum of bytes 0 to {end} differs: {REMEDY}")
    return Cursor(head, start, end, "header"), version


def _check_signature(data: bytes) -> None:
    if data.startswith(SIGNATURE):
        return
    if not data:
        raise FormatError("not a .nic file: it is empty")
    if SIGNATURE.startswith(data):
        raise DamagedFile(f"file ends at byte {len(data)}, within its signature: {REMEDY}")
    if data.startswith(_MANGLED):
        raise DamagedFile("signature changed as if the file were text: transfer it again in binary mode")
    raise FormatError("not a .nic file: its first bytes are another format's")


def _unpack_model_name(cursor: Cursor) -> str:
    n_letters = cursor.unsigned(1, "length of the model name", 1, layout.MAX_MODEL_NAME)
    start = cursor.position
    name = cursor.take(n_letters, "model name").decode("latin-1")
    if not layout.MODEL_NAME.fullmatch(name):
        raise cursor.fault("model name", start, "has letters other than [a-z0-9._-]")
    return name


def _pack_tile(tile: TileEntry) -> bytes:
    return pack_varint(tile.n_bytes) + _u(tile.payload_crc, 4) + _u(tile.symbols_crc, 4)


def _unpack_tiles(cursor: Cursor, n_tiles: int) -> tuple[TileEntry, ...]:
    # Before any work: a short file must not make us count to millions of tiles.
    if n_tiles * layout.MIN_TILE_ENTRY > cursor.left:
        raise DamagedFile(f"header declares {n_tiles} tiles in {cursor.left} bytes: {REMEDY}")
    tiles = tuple(
        TileEntry(
            cursor.varint(f"length of tile {i}"),
            cursor.unsigned(4, f"payload checksum of tile {i}"),
            cursor.unsigned(4, f"symbol checksum of tile {i}"),
        )
        for i in range(n_tiles)
    )
    if cursor.left:
        raise DamagedFile(f"header has {cursor.left} bytes too many after its table of tiles: {REMEDY}")
    return tiles
