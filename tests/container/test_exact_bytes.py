"""The format does not move: bytes written out by hand, and what each of them costs."""

from dataclasses import replace

import pytest

from nic_cli.container.file import overhead, pack, unpack
from nic_cli.container.layout import tile_count, tiles_along
from nic_cli.types import Chunk, TileStream

from .samples import HEADER, ONE_TILE, TWO_TILES

# signature, version, length; width, height, flags, q, b, tile, name, id; tile; checksum; payload
ONE_TILE_HEX = """
    89 4e 49 43 0d 0a 1a 0a  10  1e
    3c  32  01  00 20  00 0c  01  04 69 72 69 73  00 01 02 03 04 05 06 07
    07  15 6a 2c 42  78 56 34 12
    c7 7d 27 4b
    70 61 79 6c 6f 61 64
"""

# the same with 16 bits, original space and two chunks: kind, length, data, checksum
TWO_TILES_HEX = """
    89 4e 49 43 0d 0a 1a 0a  10  2a
    ac 02  c8 01  0f  00 20  00 0c  03  04 69 72 69 73  00 01 02 03 04 05 06 07  02
    05  57 ee 71 92  01 00 00 00
    07  3e 39 b3 aa  ff ff ff ff
    92 77 fd 5c
    69 63 63 70  07  70 72 6f 66 69 6c 65  a2 ff 4b af
    41 4c 50 48  03  00 01 02  d0 84 2c 96
    66 69 72 73 74
    73 65 63 6f 6e 64 21
"""


# the first one as it was in format 0: another version, so another checksum
OLD_HEX = ONE_TILE_HEX.replace("0a  10  1e", "0a  00  1e").replace("c7 7d 27 4b", "2e 13 7e 56")


def test_one_tile_file_is_these_bytes():
    expected = bytes.fromhex(ONE_TILE_HEX)
    assert pack(ONE_TILE) == expected
    assert unpack(expected) == ONE_TILE


def test_two_tiles_with_chunks_are_these_bytes():
    expected = bytes.fromhex(TWO_TILES_HEX)
    assert pack(TWO_TILES) == expected
    assert unpack(expected) == TWO_TILES


def test_format_0_is_read_and_written_as_format_1():
    old = bytes.fromhex(OLD_HEX)
    found = unpack(old)
    assert found.header.version == (0, 0) and replace(found, header=ONE_TILE.header) == ONE_TILE
    assert pack(found) == bytes.fromhex(ONE_TILE_HEX) != old


@pytest.mark.parametrize(("side", "n_payload"), [(16383, 0x1FFFFF), (128, 0x4000), (1024, 90_000)])
def test_one_tile_without_metadata_costs_at_most_48_bytes(side, n_payload):
    header = replace(HEADER, width=side, height=side, tile=16320)
    container = replace(ONE_TILE, header=header, tiles=(TileStream(bytes(n_payload), 0),))
    assert overhead(container) == len(pack(container)) - n_payload
    assert overhead(container) == 48


def test_overhead_counts_everything_but_data_and_payloads():
    content = sum(len(c.data) for c in TWO_TILES.chunks) + sum(len(t.payload) for t in TWO_TILES.tiles)
    assert overhead(TWO_TILES) == len(pack(TWO_TILES)) - content
    long = replace(TWO_TILES, chunks=(Chunk(b"exif", bytes(20_000)),))
    assert overhead(long) == len(pack(long)) - 20_000 - 12


@pytest.mark.parametrize(
    ("size", "tile", "n"),
    [(1, 64, 1), (64, 64, 1), (65, 64, 2), (1024, 1024, 1), (1472, 1024, 1), (1473, 1024, 2), (2048, 1024, 2),
     (2496, 1024, 2), (2497, 1024, 3), (1 << 20, 64, 1 << 14), (300, 192, 2), (200, 192, 1), (1, 16320, 1)],
)  # fmt: skip
def test_remainder_under_half_a_tile_joins_the_last_one(size, tile, n):
    assert tiles_along(size, tile) == n


def test_tiles_are_half_to_one_and_a_half_long():
    for tile in (64, 128, 192, 1024):
        for size in range(1, 5 * tile, 7):
            n = tiles_along(size, tile)
            filled = -(-size // 64) * 64
            last = filled - (n - 1) * tile
            assert (n == 1 or last * 2 >= tile) and last * 2 < 3 * tile
    assert tile_count(2049, 1000, 1024) == 2
