"""A damaged file is refused with one line and code 3, at once, and leaves nothing behind."""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import FormatError
from nic_cli.image.reading import from_array

FLIPS = 2000


@pytest.fixture(scope="session")
def container(model, photographs):
    """Two tiles of a photograph, 128x64 pixels."""
    pixels = np.ascontiguousarray(photographs["chelsea"][20:84, 40:168])
    made = codec.encode(from_array(pixels), model, q=1.0, tile=64)
    assert len(made.tiles) == 2
    return made


@pytest.fixture
def refused(nic):
    def check(data: bytes) -> None:
        Path("bad.nic").write_bytes(data)
        start = time.process_time()  # of the processor: others may be at work
        result = nic("decode", "bad.nic", "-o", "out.png")
        assert result.code == 3 and len(result.lines) == 1 and result.out == b"", result
        assert sorted(p.name for p in Path().iterdir()) == ["bad.nic"]
        assert time.process_time() - start < 1

    return check


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_whole_file_passes_the_same_way(nic, container):
    """The control: what is refused below is refused for its damage."""
    Path("good.nic").write_bytes(file.pack(container))
    assert nic("decode", "good.nic", "-o", "out.png").code == 0 and Path("out.png").exists()


def test_a_file_cut_at_every_byte_is_refused(refused, container):
    data = file.pack(container)
    for length in range(len(data)):
        refused(data[:length])


def test_every_flipped_bit_of_the_header_is_refused(refused, container):
    data = file.pack(container)
    header = len(data) - sum(len(t.payload) for t in container.tiles)
    for bit in range(8 * header):
        refused(flipped(data, bit))


def test_random_flipped_bits_of_the_payload_are_refused(refused, container):
    data = file.pack(container)
    payload = 8 * sum(len(t.payload) for t in container.tiles)
    for bit in np.random.default_rng(0).integers(8 * len(data) - payload, 8 * len(data), FLIPS):
        refused(flipped(data, int(bit)))


def test_bytes_after_the_end_are_refused(refused, container):
    refused(file.pack(container) + b"\0")


def test_forged_payloads_end_in_one_line(container, model):
    """Payloads changed and given their right checksum reach the entropy decoder, and go no further."""
    random = np.random.default_rng(1)
    for _ in range(150):
        payload = bytearray(container.tiles[0].payload)
        for at in random.integers(0, len(payload), 3):
            payload[at] ^= int(random.integers(1, 256))
        payload = payload[: random.integers(0, len(payload) + 1)]
        forged = replace(container.tiles[0], payload=bytes(payload))
        again = file.unpack(file.pack(replace(container, tiles=(forged, container.tiles[1]))))
        with pytest.raises(FormatError):
            codec.decode(again, model)


def test_checksums_are_those_of_zlib(container):
    """The control: without the payload's CRC-32 a flipped bit would reach the decoder."""
    data = file.pack(container)
    assert zlib.crc32(container.tiles[1].payload).to_bytes(4, "little") in data
