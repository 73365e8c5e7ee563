"""A file that was cut or changed is refused, each time with one line and in no time."""

import random
import time
import tracemalloc
from zlib import crc32

import pytest

from nic_cli.container import header, notices
from nic_cli.container.chunks import pack_chunk
from nic_cli.container.fields import Cursor
from nic_cli.container.file import pack, unpack
from nic_cli.errors import DamagedFile, FormatError, UnknownVersion
from nic_cli.types import Chunk

from .samples import ONE_TILE, TWO_TILES, body, join, split

SOUND = pack(TWO_TILES)


def refusal(data: bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        unpack(data)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) < 200
    return caught.value


def test_cut_at_any_byte_is_damage():
    for n in range(1, len(SOUND)):
        assert isinstance(refusal(SOUND[:n]), DamagedFile), n


def test_one_byte_more_is_damage():
    assert "after its end" in str(refusal(SOUND + b"\0"))


def test_any_flipped_bit_is_refused():
    for bit in range(8 * len(SOUND)):
        data = bytearray(SOUND)
        data[bit // 8] ^= 1 << bit % 8
        refusal(bytes(data))


def test_control_flipped_bits_pass_without_checksums(monkeypatch):
    """The test above would fail if the checksums were not looked at."""
    monkeypatch.setattr("nic_cli.container.file.crc32", lambda data: 0)
    data = pack(TWO_TILES)
    assert unpack(data[:-1] + b"?").tiles[1].payload == b"second?"


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", bytes(100), b"NIC"])
def test_other_formats_are_not_nic_files(data):
    assert "not a .nic file" in str(refusal(data))


@pytest.mark.parametrize(
    "data",
    [
        SOUND.replace(b"\r\n", b"\n"),
        SOUND.replace(b"\n", b"\r\n"),
        SOUND.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        bytes(x & 0x7F for x in SOUND),
        SOUND.decode("latin-1").encode(),
        SOUND.decode(errors="replace").encode(),
    ],
    ids=["crlf-lf", "lf-crlf", "both", "7-bit", "latin-1", "utf-8"],
)
def test_transfer_as_text_is_named(data):
    assert "binary mode" in str(refusal(data))


@pytest.mark.parametrize("version", [0x01, 0x20, 0xFF])
def test_other_version_is_named_before_anything_else(version):
    error = refusal(SOUND[:8] + bytes([version]) + b"junk")
    assert isinstance(error, UnknownVersion) and "reads those of 1" in str(error)


WRONG_BODIES = {
    "width": body(width=0),
    "height": body(height=0),
    "268435456 tiles": body(width=1 << 20, height=1 << 20),
    "flags": body(flags=0x11),
    "b at": body(b=4097),
    "tile at": body(tile=0),
    "length of the model name": body(name=b"a" * 65),
    "[a-z0-9._-]": body(name=b"-ris"),
    "too many": body() + b"\0",
    "number of chunks": body(flags=9, n_chunks=65),
    "4 tiles in 9": body(width=100, height=100),
    "within its model id": body()[:14],
    "padded": b"\xbc\x00" + body()[1:],
    "too long": b"\xff" * 5 + body(),
    "is 1048577": body(width=(1 << 20) + 1),
}


@pytest.mark.parametrize("words", WRONG_BODIES)
def test_each_field_is_refused_in_its_own_words(words):
    error = refusal(join(WRONG_BODIES[words]))
    assert isinstance(error, DamagedFile) and words in str(error)


def with_chunks(*chunks: bytes, declared: int | None = None) -> bytes:
    n = len(chunks) if declared is None else declared
    return join(body(flags=9, n_chunks=n), b"".join(chunks))


@pytest.mark.parametrize("minor", [1, 15])
def test_a_later_minor_version_is_read(minor):
    data = pack(ONE_TILE)
    framed = data[:8] + bytes([0x10 | minor]) + data[9:-11]
    found = unpack(framed + crc32(framed).to_bytes(4, "little") + data[-7:])
    assert found.header.version == (1, minor)
    assert pack(found) == data, "what is written is of the version that this program knows"


@pytest.mark.parametrize("size", [1, 3 << 20])
def test_unknown_ancillary_chunk_stays_in_what_is_written_again(size):
    known, unknown = Chunk(b"exif", b"x"), Chunk(b"newC", bytes(range(1, 2)) * size)
    data = with_chunks(pack_chunk(unknown), pack_chunk(known))
    first, second = unpack(data).chunks
    assert (first.kind, bytes(first.data), second) == (b"newC", unknown.data, known)
    assert pack(unpack(data)) == data
    (said,) = notices.of_contents((first, second))
    assert "(newC)" in said and not notices.of_contents((second,))


def test_unknown_critical_chunk_is_refused():
    assert "newer nic" in str(refusal(with_chunks(pack_chunk(Chunk(b"NewC", b"future")))))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_chunks(*[pack_chunk(Chunk(b"exif", b"x"))] * 2), "second time"),
        (with_chunks(*[pack_chunk(Chunk(b"newC", b"x"))] * 2), "second time"),
        (with_chunks(pack_chunk(Chunk(b"ex1f", b"x"))), "four letters"),
        (with_chunks(pack_chunk(Chunk(b"\xe9xif", b"x"))), "four letters"),
        (with_chunks(pack_chunk(Chunk(b"exif", b"x")), declared=2), "ends at byte"),
        (with_chunks(b"exif\xff\xff\xff\xff\x7f"), "length of chunk"),
        (with_chunks(b"exif\x81\x80\x80\x08"), "16777217"),
        (with_chunks(b"exif\x01xBAD!"), "checksum"),
        (with_chunks(pack_chunk(Chunk(b"exif", b""))), "is 0, not in 1.."),
        (with_chunks(pack_chunk(Chunk(b"cicp", b"123"))), "is 3, not in 4..4"),
        (with_chunks(pack_chunk(Chunk(b"RANG", b"1"))), "is 1, not in 2..2"),
        (with_chunks(b"newC\x81\x80\x80\x80\x04"), "is 1073741825"),
    ],
)  # fmt: skip
def test_wrong_chunks_are_refused_in_their_own_words(data, words):
    error = refusal(data)
    assert isinstance(error, DamagedFile) and words in str(error)


def bombs() -> list[bytes]:
    huge = 2**35 - 1
    return [
        join(body(width=1 << 14, height=1 << 14)),
        join(body(width=1 << 20, height=256)),
        join(body(entries=((huge, 0, 0),))),
        join(body(width=1 << 20, height=1 << 20, tile=255)),
        join(body(width=100, entries=((huge, 0, 0),) * 2)),
        with_chunks(b"ALPH\x80\x80\x80\x80\x02"),
        with_chunks(b"iccp\x80\x80\x80\x08"),
        with_chunks(declared=64),
        SOUND[:9] + b"\xff\xff\xff\xff\x7f",
        SOUND[:9] + b"\xff" * 100_000,
    ]


@pytest.mark.parametrize("data", bombs(), ids=range(len(bombs())))
def test_tiny_file_that_declares_huge_things_is_refused_at_once(data):
    tracemalloc.start()
    start = time.perf_counter()
    refusal(data)
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 0.2 and peak < 1 << 20


VALUES = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change, swap, drop or repeat a few bytes of the header or of what follows, and repair the checksum."""
    parts = [bytearray(part) for part in split(data)]
    for _ in range(rng.randint(1, 4)):
        part = parts[rng.random() < 0.3]
        if not part:
            continue
        i, j = sorted(rng.randrange(len(part)) for _ in range(2))
        match rng.randrange(6):
            case 0:
                part[i] = rng.choice(VALUES)
            case 1:
                part[i] ^= 1 << rng.randrange(8)
            case 2:
                part[i], part[j] = part[j], part[i]
            case 3:
                del part[i : min(j, i + 8) + 1]
            case 4:
                part[i:i] = part[i : min(j, i + 20)]
            case 5:
                part[i : i + 5] = b"\xff\xff\xff\xff" + bytes([rng.choice(VALUES)])
    return join(bytes(parts[0]), bytes(parts[1]))


def test_mutations_with_the_checksum_repaired_never_crash():
    rng = random.Random(1)
    start = time.perf_counter()
    refused = reached = 0
    for _ in range(5000):
        try:
            unpack(mutate(rng.choice([SOUND, pack(ONE_TILE)]), rng))
        except FormatError as error:
            refused += 1
            reached += "checksum of bytes 0" not in str(error)
    assert refused > 4000 and reached == refused
    assert time.perf_counter() - start < 10  # 0.3 s on an idle machine


def test_every_byte_of_the_header_with_every_value():
    """Each byte alone, checksum repaired: what is accepted packs to exactly those bytes again."""
    old, rest = split(pack(ONE_TILE))
    for i in range(len(old)):
        for value in range(256):
            data = join(old[:i] + bytes([value]) + old[i + 1 :], rest)
            try:
                container = unpack(data)
            except FormatError:
                continue
            assert pack(container) == data


def test_symbol_checksum_is_kept_and_left_to_the_codec():
    opening, end = header.unpack(SOUND)
    assert [t.symbols_crc for t in opening.tiles] == [1, 0xFFFFFFFF]
    assert [t.payload_crc for t in opening.tiles] == [crc32(b"first"), crc32(b"second!")]
    assert Cursor(SOUND, end, len(SOUND), "file").take(4, "kind") == b"iccp"
