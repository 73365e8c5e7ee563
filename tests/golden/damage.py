"""Files that every decoder refuses, made of sound ones, and how bytes are changed under right checksums."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np
from PIL import Image

from nic_cli.container import file, layout
from nic_cli.container.chunks import pack_chunk
from nic_cli.container.fields import Cursor, pack_varint
from nic_cli.entropy import coder
from nic_cli.types import Chunk, TileStream
from tests.golden import model_of
from tests.golden.cases import packed
from tests.golden.pictures import drawn, mask, with_alpha
from tests.reference import model as reference_model
from tests.reference.tables import residual_tables

SMALL = (64, 64)


def small() -> bytes:
    """A file of one tile."""
    return packed(drawn(*SMALL), q=1.0, b=0.5)


def parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Signature with version, body of the header, and what follows its checksum."""
    cursor = Cursor(data, 9, len(data), "file")
    length = cursor.varint("length")
    end = cursor.position + length
    return data[:9], data[cursor.position : end], data[end + 4 :]


def joined(front: bytes, body: bytes, rest: bytes) -> bytes:
    """A file of these under a right checksum."""
    framed = front + pack_varint(len(body)) + body
    return framed + crc32(framed).to_bytes(4, "little") + rest


def resealed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A file all of whose header was changed, its checksum mended."""
    front, body, rest = parts(data)
    head = change(front + pack_varint(len(body)) + body)
    return head + crc32(head).to_bytes(4, "little") + rest


def of_body(change: Callable[[bytearray], bytes | bytearray | None]) -> Callable[[], bytes]:
    """The small file with another body of its header: 64, 64, flags, q, b, tile, 4, iris, id, the tile."""

    def made() -> bytes:
        front, body, rest = parts(small())
        held = bytearray(body)
        return joined(front, bytes(change(held) or held), rest)

    return made


def put(at: int, *values: int) -> Callable[[], bytes]:
    """Bytes of that body replaced."""

    def change(body: bytearray) -> None:
        body[at : at + len(values)] = bytes(values)

    return of_body(change)


def with_chunks(chunks: Sequence[bytes], declared: int | None = None) -> Callable[[], bytes]:
    """The small file with chunks, packed before, after its header."""

    def made() -> bytes:
        front, body, rest = parts(small())
        held = bytearray(body)
        held[2] |= layout.HAS_CHUNKS
        count = pack_varint(len(chunks) if declared is None else declared)
        return joined(front, bytes(held[:21] + count + held[21:]), b"".join(chunks) + rest)

    return made


def chunk(kind: bytes, data: bytes = b"x") -> bytes:
    """A chunk under its checksum."""
    return pack_chunk(Chunk(kind, data))


def with_tile(payload: Callable[[bytes], bytes], symbols: int = 0) -> Callable[[], bytes]:
    """The small file with another payload, and another checksum of symbols, all other checksums right."""

    def made() -> bytes:
        container = file.unpack(small())
        (tile,) = container.tiles
        other = TileStream(payload(tile.payload), tile.symbols_crc ^ symbols)
        return file.pack(replace(container, tiles=(other,)))

    return made


def beyond() -> bytes:
    """A file whose hyper-latents go beyond 127, all else as an encoder would write it."""
    from nic_cli.tile_coding import _crc
    from nic_cli.zoo.load import load

    model = load(None, "cpu")
    z = np.zeros((1, 1, 64), np.int32)
    z[0, 0, 5] = 128
    q = 1.0
    second = reference_model.load(model_of("iris"))
    indices = residual_tables(z, round(4096 * q), second).astype(np.uint16)
    r = np.zeros(indices.shape, np.int32)
    payload = coder.encode([(model.plain.z_tables(1, 1, q), z), (indices, r)], model.tables)
    container = file.unpack(small())
    return file.pack(replace(container, tiles=(TileStream(payload, _crc(z, r)),)))


def wrong_alpha() -> bytes:
    """An alpha plane of another size than its picture."""
    container = file.unpack(packed(with_alpha(drawn(64, 64), mask(64, 64))))
    other = file.unpack(packed(with_alpha(drawn(64, 60), mask(64, 60))))
    return file.pack(replace(container, chunks=other.chunks))


def with_alpha_of(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """A file whose alpha is anything else."""

    def made() -> bytes:
        container = file.unpack(small())
        return file.pack(replace(container, chunks=(Chunk(layout.ALPHA, make()),)))

    return made


def saved(array: np.ndarray, kind: str, **how: object) -> bytes:
    """An array as a picture file."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **how)
    return stream.getvalue()


def deep(top: int) -> Callable[[], bytes]:
    """A picture of 16 bits whose range ends there."""

    def made() -> bytes:
        container = file.unpack(packed(drawn(64, 64, 1, 65535), q=1.0))
        chunk = Chunk(layout.RANGE, top.to_bytes(2, "little"))
        return file.pack(replace(container, chunks=(chunk,)))

    return made


OF_1_0 = {"version-2", "unknown-flag", "unknown-critical-chunk"}
"""What a later version may give a meaning."""
RANGE = (4095).to_bytes(2, "little")
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "no byte"),
    "png": (lambda: b"\x89PNG\r\n\x1a\n" + small()[8:], "the signature of another format"),
    "as-text": (lambda: small().replace(b"\r\n", b"\n"), "ends of lines were changed on the way"),
    "version-2": (lambda: resealed(small(), lambda h: h[:8] + b"\x20" + h[9:]), "a later major version"),
    "cut-in-header": (lambda: small()[:30], "cut within the header"),
    "cut-in-payload": (lambda: small()[:-1], "cut within the last payload"),
    "goes-on": (lambda: small() + b"\0", "bytes after the last payload"),
    "header-checksum": (lambda: small()[:12] + b"\x77" + small()[13:], "the header's checksum is wrong"),
    "no-width": (put(0, 0), "a width of 0"),
    "too-wide": (of_body(lambda b: b"\x81\x80\x40" + b[1:]), "a width over 2^20"),
    "padded-number": (of_body(lambda b: b"\xc0\x00" + b[1:]), "a varint longer than it must be"),
    "endless-number": (of_body(lambda b: b"\xff" * 5 + b"\x01" + b[1:]), "a varint of over five bytes"),
    "unknown-flag": (put(2, 17), "a flag that is not known"),
    "high-q": (put(3, 0xFF, 0xFF), "a q over that of the model"),
    "high-b": (put(5, 0x01, 0x10), "a b over 1"),
    "no-tile": (put(7, 0), "tiles of no pixels"),
    "name-of-a-model": (put(9, 0x2D), "a model's name that begins with -"),
    "no-name": (of_body(lambda b: b[:8] + b"\0" + b[13:]), "no name of a model"),
    "other-model": (put(13, *range(8)), "the id of a model that is nowhere"),
    "many-tiles": (of_body(lambda b: b"\x80\x80\x40\x80\x80\x40" + b[2:]), "more tiles than bytes for them"),
    "header-goes-on": (of_body(lambda b: b + b"\0"), "bytes after the table of tiles"),
    "large-tile": (
        of_body(lambda b: b"\x80\x80\x01\x80\x80\x01" + b[2:7] + b"\xff" + b[8:]),
        "a tile of more positions than 36864",
    ),
    "no-chunks": (with_chunks([], 0), "the flag of chunks, and none"),
    "65-chunks": (
        with_chunks([chunk(b"x" + bytes((65 + i % 26, 97 + i // 26, 97))) for i in range(65)]),
        "more chunks than 64",
    ),
    "unknown-critical-chunk": (with_chunks([chunk(b"Many")]), "a chunk that must be known and is not"),
    "chunk-twice": (with_chunks([chunk(b"xtra")] * 2), "two chunks of one kind"),
    "empty-chunk": (with_chunks([chunk(b"xtra", b"")]), "a chunk without data"),
    "kind-of-a-chunk": (with_chunks([chunk(b"x-tr")]), "a kind that is not four letters"),
    "chunk-checksum": (with_chunks([chunk(b"xtra")[:-1] + b"?"]), "a chunk's checksum is wrong"),
    "short-code-of-colours": (with_chunks([chunk(b"cicp", b"123")]), "a cicp of three bytes"),
    "range-of-8-bits": (with_chunks([chunk(b"RANG", RANGE)]), "a range in a picture of 8 bits"),
    "range-of-254": (deep(254), "a range that ends under 255"),
    "range-of-65535": (deep(65535), "a range that says nothing"),
    "alpha-in-colours": (
        with_alpha_of(lambda: saved(drawn(64, 64), "PNG")),
        "alpha in a PNG that is not grey",
    ),
    "alpha-of-16-bits": (
        with_alpha_of(lambda: saved(mask(64, 64, 65535), "PNG")),
        "alpha of another depth than the picture",
    ),
    "lossy-alpha": (
        with_alpha_of(lambda: saved(mask(64, 64), "WEBP", quality=90)),
        "alpha in a lossy WebP",
    ),
    "alpha-of-another-size": (wrong_alpha, "alpha of another size than the picture"),
    "payload-checksum": (lambda: small()[:-1] + bytes([small()[-1] ^ 1]), "a payload's checksum is wrong"),
    "symbol-checksum": (with_tile(lambda p: p, 1), "symbols other than were encoded"),
    "changed-payload": (
        with_tile(lambda p: p[:20] + bytes([p[20] ^ 1]) + p[21:]),
        "another stream",
    ),
    "short-payload": (with_tile(lambda p: p[: len(p) // 2]), "a stream that ends before its symbols"),
    "long-payload": (with_tile(lambda p: p + p), "a stream that goes on after its symbols"),
    "zero-byte-at-the-end": (with_tile(lambda p: p + b"\0"), "a payload that ends in a zero byte"),
    "no-payload": (with_tile(lambda p: b""), "no payload"),
    "z-of-128": (beyond, "hyper-latents beyond 127"),
}
