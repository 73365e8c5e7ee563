"""Rows of numpy's layers do not depend on their company, nor on the number of threads."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nic_cli.transform import layers as in_torch
from nic_cli.transform import synthesis
from nic_cli.transform.plain import layers, products
from nic_cli.transform.plain.layers import Block, Tail, framed, neighbours, product, unframed
from nic_cli.transform.plain.products import Product
from tests.engines import threads

RANDOM = np.random.default_rng(0)


def random(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape, np.float32)


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    made = in_torch.Block(48).requires_grad_(False)
    made.depthwise_bias.normal_()
    made.expand_bias.normal_()
    return made, Block([p.numpy() for p in made.weights])


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (7, 3), (9, 28), (30, 41), (3, 257)])
def test_a_block_of_rows_is_torchs_and_that_of_the_whole(block, count, height, width):
    x = random(1, height + 2, width, 48)
    rows = framed(x)[:, 2:-1]
    with threads(count):
        found = unframed(block[1].rows(rows))
    with torch.inference_mode():
        wanted = block[0].rows(torch.from_numpy(x))[:, 2:-1].numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    with threads(2):
        for top in range(0, height, 5):
            part = unframed(block[1].rows(np.ascontiguousarray(rows[:, top : top + 4])))
            assert np.array_equal(part, found[:, top : top + 2])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 9), (20, 31)])
def test_the_tail_is_torchs(height, width):
    torch.manual_seed(0)
    made = synthesis.Tail(16, 0).requires_grad_(False)
    made.bias.normal_()
    x = random(1, height + 2, width, 16)
    found = Tail(made.weight.numpy(), made.bias.numpy()).rows(framed(x)[:, 2:-1])
    with torch.inference_mode():
        wanted = made.rows_at(torch.zeros(1))(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000])
def test_a_product_gives_a_row_the_same_in_any_company(count):
    x, matrix, bias = random(1300, 80), random(80, 56), random(56)
    weight = Product(matrix)
    whole = product(x, weight, bias)
    np.testing.assert_allclose(whole, x @ matrix + bias, atol=1e-4)
    with threads(3):
        assert np.array_equal(product(x[-count:], weight, bias), whole[-count:])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 4), (16, 40)])
def test_neighbours_are_a_depthwise_convolution(height, width):
    x, kernel = random(1, height, width, 12), random(12, 1, 3, 3)
    wanted = F.conv2d(torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(kernel), padding=1, groups=12)
    np.testing.assert_allclose(neighbours(x, kernel), wanted.permute(0, 2, 3, 1).numpy(), atol=1e-5)


def test_what_a_library_chooses_by_size_cannot_show(block, monkeypatch):
    """The control: with products of any size, one that adds up by size would give other digits."""
    real = np.matmul

    def by_size(a, b, out=None):
        half = b.shape[0] // 2 if len(a) < 50 else b.shape[0] // 4
        made = real(a[:, :half], b[:half]) + real(a[:, half:], b[half:])
        if out is None:
            return made
        out[:] = made
        return out

    monkeypatch.setattr(np, "matmul", by_size)
    rows = framed(random(1, 42, 21, 48))[:, 2:-1]
    whole = unframed(block[1].rows(rows))
    assert np.array_equal(unframed(block[1].rows(np.ascontiguousarray(rows[:, 5:8])))[0, 0], whole[0, 5])
    monkeypatch.setattr(layers, "BLOCK", 8)
    monkeypatch.setattr(products, "BLOCK", 8)
    assert not np.array_equal(unframed(block[1].rows(rows)), whole)


def test_what_a_library_chooses_by_place_cannot_show(monkeypatch):
    """As OpenBLAS's kernel for AVX2 does at the edges of its panels. With plain products it shows."""
    real = np.matmul

    def by_place(a, b, out):
        out[:] = real(a, b)
        if len(a) >= 12:
            half = real(a[:, ::2], b[::2]) + real(a[:, 1::2], b[1::2])
            places = np.arange(len(a)) % 12 < 6
            for start in range(0, b.shape[1], products.PANEL):
                for edge in (slice(start, start + 8), slice(min(start + 320, b.shape[1]) - 8, start + 320)):
                    out[places, edge] = half[places, edge]
        return out

    monkeypatch.setattr(np, "matmul", by_place)
    products.the_way.cache_clear()
    try:
        assert products.the_way() == "framed"
        assert not products.is_even("plain") and products.is_even("framed")
        x, weight = random(300, 64), Product(random(64, 700))
        whole = product(x, weight)
        for at in range(1, 300, 37):
            assert np.array_equal(product(x[at:], weight), whole[at:])
    finally:
        products.the_way.cache_clear()


@pytest.mark.parametrize("way", products.WAYS)
@pytest.mark.parametrize("outputs", [1, 27, 192, 304, 305, 768])
def test_each_way_gives_the_product(way, outputs):
    x, weight = random(products.BLOCK, 70), random(70, outputs)
    found = Product(weight, way)(x, np.empty((products.BLOCK, outputs), np.float32))
    np.testing.assert_allclose(found, x.astype(np.float64) @ weight, atol=1e-4)


def test_the_way_of_this_machine_is_even():
    assert products.is_even(products.the_way())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_process_that_has_used_threads_can_use_them_too():
    x, weight = random(1000, 16), random(16, 8)
    with threads(2):
        wanted = product(x, weight)
        child = os.fork()
        if not child:
            os._exit(0 if np.array_equal(product(x, weight), wanted) else 1)
        for _ in range(1000):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("the child waits for ever")
    assert status == 0
