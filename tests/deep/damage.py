"""Files cut at every byte, with every bit turned, and with wrong fields under checksums that are right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from PIL import Image

from nic_cli import codec
from nic_cli.container import file, header, layout
from nic_cli.errors import NicError
from nic_cli.image.reading import from_array
from nic_cli.types import Container
from tests.deep.targets import SCENE, model, samples

SLOW = 5.0  # seconds of the processor that nothing may take; the machine may do other work
SEEN = 1 / 16  # of accepted mutations become pixels, which follow from symbols; of all, symbols are decoded
DECODED = 1 << 14  # pixels up to which a picture is decoded


def golden() -> list[bytes]:
    """Small files, sound."""
    return [file.pack(container) for container in samples()]


def photograph() -> bytes:
    """128 x 128 pixels at the highest q, in four tiles: some 27,000 bits."""
    with Image.open(SCENE) as scene:
        pixels = np.asarray(scene.convert("RGB").crop((200, 300, 328, 428)))
    return file.pack(codec.encode(from_array(pixels), model(), q=model().config.q_top, tile=64))


def refused(data: bytes, *, pixels: bool = True) -> str | None:
    """None where a file is refused in our words, at once; else what happened.

    pixels: decode them, and not its symbols alone.
    """
    start = time.process_time()
    try:
        container = file.unpack(data)
        if container.header.width * container.header.height <= DECODED:
            (codec.decode if pixels else codec.verify)(container, model())
        said = "accepted"
    except NicError:
        said = None
    except BaseException as error:
        said = repr(error)
    if time.process_time() - start > SLOW:
        said = f"{time.process_time() - start:.1f} s"
    return said


def cuts() -> Iterator[str | None]:
    """Every golden file cut at every byte."""
    for data in [*golden(), photograph()]:
        for length in range(len(data)):
            yield refused(data[:length])


def bits() -> Iterator[str | None]:
    """Every bit of every golden file turned."""
    for data in [*golden(), photograph()]:
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            yield refused(bytes(changed))


@dataclass
class Raw:
    """A file as fields of bytes, any of which may be wrong; `packed` puts right checksums around them."""

    head: list[bytes]
    chunks: list[tuple[bytes, bytes]]  # kind, data
    tiles: list[list[bytes]] = field(default_factory=list)  # length, CRC of the payload, CRC of the symbols
    payloads: list[bytes] = field(default_factory=list)
    n_chunks: bytes | None = None

    @classmethod
    def of(cls, container: Container) -> Raw:
        h = container.header
        flags = header._flags(h, len(container.chunks))
        head = [header.pack_varint(h.width), header.pack_varint(h.height), bytes([flags])]
        head += [round(4096 * h.q).to_bytes(2, "little"), round(4096 * h.b).to_bytes(2, "little")]
        head += [bytes([h.tile // 64]), bytes([len(h.model)]), h.model.encode(), h.model_id]
        payloads = [tile.payload for tile in container.tiles]
        tiles = [
            [header.pack_varint(len(t.payload)), _u32(crc32(t.payload)), _u32(t.symbols_crc)]
            for t in container.tiles
        ]
        return cls(head, [(c.kind, c.data) for c in container.chunks], tiles, payloads)

    def packed(self) -> bytes:
        count = header.pack_varint(len(self.chunks)) if self.n_chunks is None else self.n_chunks
        counted = count if self.chunks or self.n_chunks else b""
        body = b"".join(self.head) + counted + b"".join(b"".join(tile) for tile in self.tiles)
        version = bytes([layout.VERSION[0] << 4 | layout.VERSION[1]])
        framed = layout.SIGNATURE + version + header.pack_varint(len(body)) + body
        framed += _u32(crc32(framed))
        for kind, data in self.chunks:
            framed += kind + header.pack_varint(len(data)) + data + _u32(crc32(data, crc32(kind)))
        return framed + b"".join(self.payloads)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _extreme(random: np.random.Generator, old: bytes) -> bytes:
    """A field made 0, 1, its most, one less, one bit or byte away, longer or shorter."""
    n = len(old)
    made = [bytes(n), b"\1" + bytes(max(0, n - 1)), b"\xff" * n, b"\xfe" + b"\xff" * max(0, n - 1)]
    made += [
        b"\x80" * n,
        bytes(random.integers(0, 256, n, dtype=np.uint8)),
        old + b"\0",
        old[:-1],
        b"\xff" * 5,
    ]
    if n:
        at = int(random.integers(n))
        made.append(old[:at] + bytes([old[at] ^ 1 << int(random.integers(8))]) + old[at + 1 :])
    return made[int(random.integers(len(made)))]


def mutated(random: np.random.Generator, raw: Raw) -> bytes:
    """One to three changes of fields, tiles, chunks or payloads."""
    raw = Raw([*raw.head], [*raw.chunks], [[*tile] for tile in raw.tiles], [*raw.payloads])
    for _ in range(int(random.integers(1, 4))):
        _CHANGES[int(random.integers(len(_CHANGES)))](random, raw)
    return raw.packed()


def _field(random: np.random.Generator, raw: Raw) -> None:
    at = int(random.integers(len(raw.head)))
    raw.head[at] = _extreme(random, raw.head[at])


def _tile(random: np.random.Generator, raw: Raw) -> None:
    if raw.tiles:
        tile = raw.tiles[int(random.integers(len(raw.tiles)))]
        at = int(random.integers(3))
        tile[at] = _extreme(random, tile[at])


def _order(random: np.random.Generator, raw: Raw) -> None:
    for rows in (raw.tiles, raw.payloads, raw.chunks):
        if len(rows) > 1 and random.random() < 0.5:
            rows.reverse()


def _number(random: np.random.Generator, raw: Raw) -> None:
    """A tile or a chunk too many, or too few."""
    rows: list = (raw.tiles, raw.payloads, raw.chunks)[int(random.integers(3))]
    if rows and random.random() < 0.5:
        rows.pop()
    elif rows:
        rows.append(rows[int(random.integers(len(rows)))])


def _payload(random: np.random.Generator, raw: Raw) -> None:
    """Other bytes, with their length and their checksum."""
    if not raw.tiles or len(raw.tiles) != len(raw.payloads):
        return
    at = int(random.integers(len(raw.tiles)))
    data = bytearray(raw.payloads[at])
    for place in random.integers(0, max(1, len(data)), int(random.integers(1, 4))) if data else ():
        data[place] ^= int(random.integers(1, 256))
    data = data[: int(random.integers(len(data) + 1))] if random.random() < 0.3 else data
    raw.payloads[at] = bytes(data)
    raw.tiles[at][:2] = [header.pack_varint(len(data)), _u32(crc32(data))]


def _chunk(random: np.random.Generator, raw: Raw) -> None:
    if not raw.chunks:
        return
    at = int(random.integers(len(raw.chunks)))
    kind, data = raw.chunks[at]
    kinds = [*layout.CHUNK_LIMITS, b"abcd", b"ABCD", b"a\0cd", kind]
    if random.random() < 0.5:
        kind = kinds[int(random.integers(len(kinds)))]
    else:
        half = int(random.integers(len(data) + 1))
        data = data[:half] + _extreme(random, data[half : half + 8]) + data[half + 8 :]
    raw.chunks[at] = kind, data


def _count(random: np.random.Generator, raw: Raw) -> None:
    raw.n_chunks = _extreme(random, header.pack_varint(len(raw.chunks)))


_CHANGES: tuple[Callable[[np.random.Generator, Raw], None], ...]
_CHANGES = (_field, _field, _field, _tile, _tile, _order, _number, _payload, _payload, _chunk, _chunk, _count)


def mutations(seed: int) -> Iterator[str | None]:
    """Changed fields under checksums that are right, without end: refused, or a picture of those symbols."""
    random = np.random.default_rng(seed)
    raws = [Raw.of(file.unpack(data)) for data in golden()]
    whole = {raw.packed() for raw in raws}
    assert whole == set(golden()), "the raw form does not give the file back"
    while True:
        data = mutated(random, raws[int(random.integers(len(raws)))])
        said = refused(data, pixels=bool(random.random() < SEEN))
        yield None if said == "accepted" and _is_sound(data) else said


def _is_sound(data: bytes) -> bool:
    """Whether an accepted file is one that we would write: b, chunks or names may differ, and no symbol."""
    container = file.unpack(data)
    return file.pack(container) == data or _skipped(container, data)


def _skipped(container: Container, data: bytes) -> bool:
    """Whether a chunk that is not known was left out."""
    opening, _ = header.unpack(data)
    return opening.n_chunks > len(container.chunks)
