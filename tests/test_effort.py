"""Encoding harder: files that cost less, that decode like all others, and never one that got worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nic_cli import codec, rate_control, tile_optimisation
from nic_cli.container import file
from nic_cli.errors import UsageError
from nic_cli.image.reading import from_array
from nic_cli.limits import SEARCH_STEPS
from nic_cli.tiles import halo
from nic_cli.transform import latent_optimisation
from nic_cli.transform.conditioning import lambda_of
from nic_cli.transform.latent_optimisation import relaxed
from nic_cli.types import Picture, Region


@pytest.fixture(scope="module")
def cat(photographs):
    return from_array(np.ascontiguousarray(photographs["chelsea"][:120, :150]))


def cost(picture, container, model):
    """Bits of the whole file, and the squared error of what it decodes to, in bits; both apart as well."""
    data = file.pack(container)
    back = codec.decode(file.unpack(data), model)
    assert back.pixels.shape == picture.pixels.shape and codec.verify(container, model)
    top = float(np.iinfo(picture.pixels.dtype).max)
    error = np.square((picture.pixels.astype(np.float64) - back.pixels) / top).mean(2).sum()
    weighed = float(lambda_of(torch.tensor(container.header.q))) * error
    return 8 * len(data) + weighed, 8 * len(data), weighed


@pytest.mark.parametrize("q", [0.5, 2.0, 4.0])
def test_effort_pays_at_every_rate(model, cat, q):
    plain, *_ = cost(cat, codec.encode(cat, model, q=q, b=0.0), model)
    found, *_ = cost(cat, codec.encode(cat, model, q=q, b=0.0, effort=3), model)
    assert found < 0.99 * plain


def test_more_effort_pays_more(model, cat):
    costs = [cost(cat, codec.encode(cat, model, q=2.0, b=0.0, effort=e), model)[0] for e in (1, 2, 4)]
    assert costs[2] < costs[1] < costs[0]


def test_effort_0_and_1_are_plain_encoding(model, cat):
    plain = file.pack(codec.encode(cat, model))
    assert file.pack(codec.encode(cat, model, effort=0)) == plain
    assert file.pack(codec.encode(cat, model, effort=1)) == plain


@pytest.mark.parametrize("tile", [128, 1024])
def test_the_same_effort_gives_the_same_bytes(model, cat, tile):
    first, second = (file.pack(codec.encode(cat, model, tile=tile, effort=2)) for _ in range(2))
    assert first == second


def test_windows_searched_at_once_come_out_as_one_after_the_other(model, cat, monkeypatch):
    alone = file.pack(codec.encode(cat, model, tile=128, effort=2))
    with monkeypatch.context() as patch:
        patch.setattr(tile_optimisation, "CONCURRENT_FROM", 1)
        patch.setattr(torch, "set_num_threads", lambda n: None)
        assert file.pack(codec.encode(cat, model, tile=128, effort=2)) == alone


def test_no_picture_gets_worse(model):
    random = np.random.default_rng(0)
    flat = np.full((60, 64, 3), 40, np.uint8)
    noise = random.integers(0, 256, (64, 64, 3), np.uint8)
    edges = np.ascontiguousarray(
        np.kron(random.integers(0, 2, (8, 8, 1), np.uint8) * 255, np.ones((8, 8, 3), np.uint8))
    )
    for pixels in (flat, noise, edges):
        picture = Picture(pixels)
        for q in (0.0, 6.0):
            plain = cost(picture, codec.encode(picture, model, q=q, b=0.0), model)
            found = cost(picture, codec.encode(picture, model, q=q, b=0.0, effort=2), model)
            assert found[0] <= plain[0] * 1.0005  # it is weighed before pixels are rounded


def test_a_search_that_finds_nothing_better_changes_nothing(model, cat, monkeypatch):
    plain = file.pack(codec.encode(cat, model))

    def worse(window, *_):
        return window.y + torch.randn(window.y.shape)

    monkeypatch.setattr(model.engine, "search", worse, raising=False)
    assert file.pack(codec.encode(cat, model, effort=2)) == plain


@pytest.mark.parametrize("shape", [(1, 1), (65, 3), (63, 129)])
def test_every_size_can_be_searched(model, photographs, shape):
    picture = from_array(np.ascontiguousarray(photographs["rocket"][: shape[0], : shape[1]]))
    plain = cost(picture, codec.encode(picture, model, b=0.0, tile=64), model)
    assert (
        cost(picture, codec.encode(picture, model, b=0.0, tile=64, effort=2), model)[0] <= plain[0] * 1.0005
    )


def test_a_window_in_parts_is_searched_as_one(model, cat, monkeypatch):
    whole = cost(cat, codec.encode(cat, model, b=0.0, effort=3), model)[0]
    monkeypatch.setattr(latent_optimisation, "PIXELS", 1)
    monkeypatch.setattr(latent_optimisation, "LEAST_ROWS", 4)
    plain, parts = (cost(cat, codec.encode(cat, model, b=0.0, effort=e), model)[0] for e in (1, 3))
    assert abs(parts - whole) < 0.3 * (plain - whole)  # as two runs with other chances differ


def test_grey_and_sixteen_bits_can_be_searched(model, photographs):
    grey = np.ascontiguousarray(photographs["chelsea"][:64, :128, :1]).astype(np.uint16) * 257
    picture = Picture(grey, alpha=grey[..., 0])
    plain = cost(picture, codec.encode(picture, model, b=0.0), model)
    container = codec.encode(picture, model, b=0.0, effort=5)
    assert cost(picture, container, model)[0] < plain[0]
    assert np.array_equal(codec.decode(container, model).alpha, grey[..., 0])


@pytest.mark.parametrize("tile", [128, 1024])
def test_a_size_is_met_and_the_gain_goes_into_quality(model, cat, tile):
    plain = codec.encode(cat, model, b=0.0, tile=tile, target_bytes=2000)
    found = codec.encode(cat, model, b=0.0, tile=tile, target_bytes=2000, effort=3)
    assert 1980 <= len(file.pack(found)) <= 2000
    errors = [
        cost(cat, made, model)[2] / float(lambda_of(torch.tensor(made.header.q))) for made in (plain, found)
    ]
    assert errors[1] < 0.98 * errors[0]


def test_a_size_is_met_though_the_sizes_of_searches_jump():
    def coded(units):  # as 128 px tiles of a small picture came out on one thread
        size = int(np.interp(units, (14_644, 14_734, 14_763, 14_785, 14_865), (1964, 1971, 1991, 2004, 2020)))
        return size, size

    assert 1980 <= rate_control.filled(coded, 14_644, 0, 2000, 24_576) <= 2000


def test_a_size_that_only_plain_encoding_meets_is_met_plainly(model, cat, monkeypatch):
    monkeypatch.setattr(rate_control, "LEAST", 1.0)
    monkeypatch.setattr(rate_control, "SEARCHES", 2)
    plain = file.pack(codec.encode(cat, model, target_bytes=2000))
    assert file.pack(codec.encode(cat, model, target_bytes=2000, effort=2)) == plain


def test_a_size_beyond_the_top_rate_is_searched_at_the_top_rate(model, cat):
    container = codec.encode(cat, model, b=0.0, target_bytes=10**6, effort=2)
    assert file.pack(container) == file.pack(codec.encode(cat, model, q=6.0, b=0.0, effort=2))


@pytest.mark.parametrize("wrong", [-1, 10])
def test_effort_out_of_range_is_refused(model, cat, wrong):
    with pytest.raises(UsageError, match="effort is"):
        codec.encode(cat, model, effort=wrong)


def test_steps_are_told_one_by_one(model, cat):
    told = []
    codec.encode(cat, model, tile=64, effort=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, len(told)) for i in range(len(told))] and len(told) == 6 * SEARCH_STEPS[2]


def test_an_interrupt_ends_the_search_at_the_next_step(model, cat):
    told = []

    def interrupt(done, total):
        told.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        codec.encode(cat, model, tile=64, effort=9, progress=interrupt)
    assert told == [1, 2, 3]


# -- the pieces ------------------------------------------------------------------------------------


def test_rounding_is_by_chance_while_it_is_hot_and_certain_when_it_is_cold():
    x = torch.full((20000,), 2.3)
    hot = relaxed(x, 0.8, torch.Generator().manual_seed(0))
    cold = relaxed(x, 0.01, torch.Generator().manual_seed(0))
    assert 0.1 < float((hot > 2.5).float().mean()) < 0.45
    assert torch.allclose(cold, torch.full_like(x, 2.0), atol=1e-3)


def test_rounding_leaves_integers_and_has_a_slope_everywhere():
    x = torch.linspace(-3, 3, 601, requires_grad=True)
    y = relaxed(x, 0.2, torch.Generator().manual_seed(0))
    y.sum().backward()
    assert bool(((y >= x.detach().floor()) & (y <= x.detach().floor() + 1)).all())
    assert bool(x.grad.isfinite().all())


def test_a_window_is_a_part_of_the_plane():
    plane = torch.arange(12 * 10).reshape(1, 12, 10, 1)
    rows = plane[:, :4], plane[:, 4:8], plane[:, 8:]
    for tile in (Region(0, 4, 4, 4), Region(4, 4, 6, 4)):
        window = halo.grown(tile, 3, 10, 12)
        found = torch.cat(halo.seen(rows, 4, window), 1)
        bottom, right = window.y + window.height, window.x + window.width
        assert torch.equal(found, plane[:, window.y : bottom, window.x : right])


def test_rows_can_be_had_again_until_they_are_forgotten():
    pixels = np.arange(40 * 3 * 3, dtype=np.uint8).reshape(40, 3, 3)
    kept = halo.Kept(pixels)
    for top in range(0, 40, 16):
        assert np.array_equal(kept[top : top + 16], pixels[top : top + 16])
    kept[39:40]  # as when the last row is repeated
    assert np.array_equal(kept.again(3, 40), pixels[3:40])
    kept.forget(20)
    assert np.array_equal(kept.again(20, 40), pixels[20:40])
