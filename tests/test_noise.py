"""Noise of a file: the same in every part and run, another in every picture, none up to b = 0.5."""

from __future__ import annotations

import io

import numpy as np
import pytest

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.types import Region
from nic_cli.zoo.load import load


@pytest.fixture(scope="module")
def noisy():
    """The embedded model."""
    model = load("iris", "cpu")
    assert model.config.noise
    return model


@pytest.fixture(scope="module")
def coded(photographs, noisy):
    chelsea = photographs["chelsea"]
    across = np.concatenate([chelsea, chelsea[:, ::-1]], 1)
    large = np.concatenate([across, across[::-1]], 0)[:397]
    return file.pack(codec.encode(from_array(large), noisy, q=1.0, b=1.0, tile=256))


def test_a_picture_has_the_same_noise_in_every_run_and_strip(coded, noisy):
    once, lazily = file.unpack(coded), file.unpack_lazily(io.BytesIO(coded))
    whole = codec.decode(once, noisy).pixels
    assert np.array_equal(whole, codec.decode(lazily, noisy).pixels)
    small = codec.stream(once, noisy, divisor=8)
    assert np.array_equal(whole, small.pixels[: small.height])


def test_the_seed_is_that_of_the_symbols_and_asks_for_no_tile(coded, noisy):
    container = file.unpack_lazily(io.BytesIO(coded))

    assert len(container.tiles) > 1
    assert file.symbols_crc(container) == codec.verify(file.unpack(coded), noisy)
    container.tiles._data = None  # whoever reads a payload now fails
    assert file.symbols_crc(container) == file.symbols_crc(file.unpack(coded))


def test_two_pictures_do_not_share_one_grain(noisy, photographs):
    """The same grey twice, one with a mark far from where the noise is compared."""
    plain = np.full((192, 192, 3), 128, np.uint8)
    marked = plain.copy()
    marked[160:, 160:] = photographs["chelsea"][:32, :32]
    shown = []
    for pixels in (plain, marked):
        container = codec.encode(from_array(pixels), noisy, q=1.0, b=1.0)
        half, whole = (codec.decode(container, noisy, b=b).pixels.astype(int) for b in (0.5, 1.0))
        shown.append((whole - half)[:32, :32])
    assert all(np.abs(noise).max() > 0 for noise in shown)
    assert not np.array_equal(*shown)


def test_up_to_the_middle_there_is_none(coded, noisy, monkeypatch):
    from nic_cli.transform import synthesis
    from nic_cli.transform.plain import engine

    def never(*_):
        raise AssertionError

    for module in (synthesis, engine):
        monkeypatch.setattr(module, "Injected", never)
    container = file.unpack(coded)
    for b in (0.0, 0.5):
        codec.decode(container, noisy, b=b, region=Region(0, 0, 64, 64))
    with pytest.raises(AssertionError):
        codec.decode(container, noisy, b=0.51, region=Region(0, 0, 64, 64))
