"""Whatever can be packed comes back; whatever cannot is refused before a byte is written."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nic_cli.container.fields import Cursor, pack_varint
from nic_cli.container.file import overhead, pack, unpack
from nic_cli.container.layout import CHUNK_LEAST, CHUNK_LIMITS, MAX_METADATA, quantise, tile_count
from nic_cli.errors import UsageError
from nic_cli.types import Chunk, Container, Header, TileStream

from .samples import HEADER, ONE_TILE, TWO_TILES


@st.composite
def containers(draw):
    header = Header(
        width=draw(st.integers(1, 2000)),
        height=draw(st.integers(1, 2000)),
        channels=draw(st.sampled_from([1, 3])),
        bit_depth=draw(st.sampled_from([8, 16])),
        q=draw(st.integers(0, 65535)) / 4096,
        b=draw(st.integers(0, 4096)) / 4096,
        tile=64 * draw(st.integers(6, 255)),
        model=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)),
        model_id=draw(st.binary(min_size=8, max_size=8)),
        original_space=draw(st.booleans()),
    )
    kinds = draw(st.lists(st.sampled_from(sorted(CHUNK_LIMITS)), unique=True))
    kinds += draw(st.lists(st.sampled_from([b"newC", b"tune"]), unique=True))
    least, most = (
        (lambda kind: CHUNK_LEAST.get(kind, 1)),
        (lambda kind: min(300, CHUNK_LIMITS.get(kind, 300))),
    )
    chunks = tuple(Chunk(kind, draw(st.binary(min_size=least(kind), max_size=most(kind)))) for kind in kinds)
    n = tile_count(header.width, header.height, header.tile)
    tiles = st.builds(TileStream, st.binary(max_size=200), st.integers(0, 2**32 - 1))
    return Container(header, chunks, tuple(draw(st.lists(tiles, min_size=n, max_size=n))))


@settings(max_examples=150, deadline=None)
@given(containers())
def test_what_is_packed_comes_back(container):
    data = pack(container)
    assert unpack(data) == container
    assert pack(container) == data
    content = sum(len(c.data) for c in container.chunks) + sum(len(t.payload) for t in container.tiles)
    assert overhead(container) == len(data) - content


@given(st.integers(0, 2**35 - 1))
def test_varints_come_back_and_are_shortest(value):
    data = pack_varint(value)
    assert Cursor(data, 0, len(data), "test").varint("number") == value
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(st.floats(0, 1))
def test_quantise_gives_what_a_header_can_hold(b):
    header = replace(HEADER, width=60, height=50, b=quantise(b))
    assert abs(header.b - b) <= 1 / 8192
    assert unpack(pack(replace(ONE_TILE, header=header))).header == header


WRONG = [
    {"q": -0.1}, {"q": 16.0}, {"q": float("nan")}, {"q": float("inf")}, {"q": 2.1},
    {"b": 1.0003}, {"b": -1.0}, {"b": float("nan")}, {"b": 0.3},
    {"width": 0}, {"height": -1}, {"width": (1 << 20) + 1}, {"width": 1 << 20, "height": 257},
    {"tile": 0}, {"tile": 100}, {"tile": 16384}, {"channels": 2}, {"bit_depth": 12},
    {"model": ""}, {"model": "Iris"}, {"model": "../x"}, {"model": "a" * 65}, {"model": "iris\n"},
    {"model": "é"}, {"model_id": b"short"},
]  # fmt: skip


@pytest.mark.parametrize("fields", WRONG, ids=str)
def test_header_out_of_range_is_refused(fields):
    with pytest.raises(UsageError):
        pack(replace(ONE_TILE, header=replace(ONE_TILE.header, **fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"tiles": ()},
        {"tiles": TWO_TILES.tiles},
        {"tiles": (TileStream(b"", 1 << 32),)},
        {"tiles": (TileStream(b"", -1),)},
        {"chunks": (Chunk(b"iccp", b"x"),) * 2},
        {"chunks": (Chunk(b"What", b"x"),)},
        {"chunks": (Chunk(b"w at", b"x"),)},
        {"chunks": (Chunk(b"exif", b""),)},
        {"chunks": (Chunk(b"exif", bytes(MAX_METADATA + 1)),)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_container_that_does_not_fit_is_refused(fields):
    with pytest.raises(UsageError):
        pack(replace(ONE_TILE, **fields))
