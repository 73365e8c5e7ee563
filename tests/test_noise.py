"""Noise of a file: the same in every part and run, another in every picture, none up to b = 0.5."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.train.export import snapshot
from nic_cli.transform.network import Network
from nic_cli.types import Region
from nic_cli.zoo.load import folder_of, load
from nic_cli.zoo.model_folder import read_folder
from tests.bench.regions import equal, regions, unrounded


@pytest.fixture(scope="module")
def noisy():
    """The embedded model, where it has no noise with some that was never trained."""
    model = load("iris", "cpu")
    if model.config.noise:
        return model
    torch.manual_seed(0)
    parts = read_folder(folder_of("iris"))
    network = Network(replace(parts.config, noise=16)).requires_grad_(False)
    given = dict(parts.network.named_parameters())
    weights = {n: given.get(n, p).detach() for n, p in network.named_parameters()}
    network.scales.take(parts.integers)
    weights |= {n: p.detach() for n, p in network.named_parameters() if n.startswith("scales.")}
    made = snapshot(network, weights, "cpu", realism=1.0, tables=parts.tables)
    return replace(made, id=parts.id, name="iris")


@pytest.fixture(scope="module")
def coded(photographs, noisy):
    chelsea = photographs["chelsea"]
    across = np.concatenate([chelsea, chelsea[:, ::-1]], 1)
    large = np.concatenate([across, across[::-1]], 0)[:397]
    return file.pack(codec.encode(from_array(large), noisy, q=1.0, b=1.0, tile=256))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_have_the_noise_of_the_whole_before_rounding(coded, noisy, threads):
    container, before = file.unpack(coded), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = unrounded(container, noisy)
        for region in regions(container.header.width, container.header.height, 40, threads):
            assert equal(whole, unrounded(container, noisy, region), region), region
    finally:
        torch.set_num_threads(before)


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

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(synthesis, "Injected", never)
    container = file.unpack(coded)
    for b in (0.0, 0.5):
        codec.decode(container, noisy, b=b, region=Region(0, 0, 64, 64))
    with pytest.raises(AssertionError):
        codec.decode(container, noisy, b=0.51, region=Region(0, 0, 64, 64))
