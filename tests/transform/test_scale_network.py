"""The scale network gives the same integers in every arithmetic."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from nic_cli.errors import ModelError
from nic_cli.transform import integers as exact
from nic_cli.transform import scale_network
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import shuffle
from tests.engines import threads

CONFIG = ModelConfig("test")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    network = scale_network.ScaleNetwork(CONFIG).requires_grad_(False)
    network.q_bias.normal_()
    for name, p in network.named_parameters():  # busy enough that every clamp is met
        p.mul_(1.7 if "weight" in name else 1.0)
    return network


def by_integers(network, z, q):
    """The same network in Python's own arithmetic on int64: no float anywhere."""
    layers = network.layers()
    i64 = {k: [getattr(v, p).long() for p in ("weight", "bias", "shift")] for k, v in layers.items()}

    def scaled(total, shift, low, high):
        left = torch.where(shift < 0, total << (-shift).clamp(min=0), total >> shift.clamp(min=0))
        return left.clamp(low, high)

    def dense(a, name):
        w, b, _ = i64[name]
        return (a[..., None, :] * w).sum(-1) + b

    def depthwise(a, name):
        w, b, _ = i64[name]
        n, height, width, c = a.shape
        padded = torch.zeros(n, height + 2, width + 2, c, dtype=torch.int64)
        padded[:, 1:-1, 1:-1] = a
        sums = b.expand(n, height, width, c).clone()
        for i in range(3):
            for j in range(3):
                sums += padded[:, i : i + height, j : j + width] * w[:, 0, i, j]
        return sums

    def block(h, part):
        a = (h >> 3).clamp(-128, 127)
        a = scaled(depthwise(a, f"{part}.0"), i64[f"{part}.0"][2], -128, 127)
        a = scaled(dense(a, f"{part}.1"), i64[f"{part}.1"][2], 0, 127)
        delta = scaled(dense(a, f"{part}.2"), i64[f"{part}.2"][2] - 3, -(2**22), 2**22)
        return (h + delta).clamp(-32768, 32767)

    step = round(CONFIG.q_top * 4096) // (CONFIG.q_anchors - 1)
    units = round(q * 4096)
    low = min(units // step, CONFIG.q_anchors - 2)
    part = units - low * step
    anchors = network.q_integers().long()
    bias = (anchors[low] * (step - part) + anchors[low + 1] * part) // step
    h = scaled(dense(z.long(), "entry"), i64["entry"][2] - 7, -32768, 32767)
    h = block(shuffle((h + bias).clamp(-32768, 32767), 2), "coarse")
    h = scaled(dense((h >> 3).clamp(-128, 127), "up"), i64["up"][2] - 3, -32768, 32767)
    h = block(shuffle(h, 2), "fine")
    return scaled(dense((h >> 3).clamp(-128, 127), "head"), i64["head"][2] + 1, 0, CONFIG.scales - 1)


@pytest.mark.parametrize("q", [0.0, 1.234, 6.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_carry_the_integers_exactly(network, kind, q):
    z = torch.randint(-127, 128, (1, 3, 2, CONFIG.hyper))
    found = network.integers().to(kind)(z[0].numpy(), q)
    assert np.array_equal(found, by_integers(network, z, q)[0].numpy())
    assert len(np.unique(found)) > 20  # not a constant


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_trained_is_what_is_shipped_whatever_the_threads(network, count):
    z = torch.randint(-20, 21, (1, 60, 5, CONFIG.hyper))
    with threads(count):
        shipped = network.integers()(z[0].numpy(), 2.0)
        assert np.array_equal(shipped, network(z.float(), torch.tensor([2.0]))[0].numpy())


def test_ordinary_float_weights_would_not_agree(network):
    """The control: the same layers with unrounded weights differ between float32 and float64."""
    integers, random = network.integers(), np.random.default_rng(0)
    noise = {
        name: dataclasses.replace(layer, weight=layer.weight + 0.3 * random.random(layer.weight.shape))
        for name, layer in integers.layers.items()
    }
    rough = dataclasses.replace(integers, layers=noise)
    z = random.integers(-127, 128, (16, 16, CONFIG.hyper))
    assert not np.array_equal(rough.to(np.float32)(z, 2.0), rough.to(np.float64)(z, 2.0))


def test_sums_that_could_reach_2_24_are_refused(network):
    integers = network.integers()
    assert exact.prove(integers.layers) < 2**24
    large = dataclasses.replace(integers.layers["head"], bias=integers.layers["head"].bias + 2.0**24)
    with pytest.raises(ModelError, match="2\\^24"):
        dataclasses.replace(integers, layers={**integers.layers, "head": large})


def test_integers_survive_the_model_file(network):
    integers = network.integers()
    again = exact.Integers.from_tensors(integers.tensors(), CONFIG)
    z = np.random.default_rng(0).integers(-127, 128, (4, 4, CONFIG.hyper))
    assert np.array_equal(integers(z, 3.3), again(z, 3.3))


def test_training_goes_on_from_stored_integers(network):
    integers = network.integers()
    other = scale_network.ScaleNetwork(CONFIG).requires_grad_(False)
    other.take(integers)
    z = np.random.default_rng(0).integers(-127, 128, (4, 4, CONFIG.hyper))
    assert np.array_equal(other.integers()(z, 1.1), integers(z, 1.1))


def test_a_wrong_self_test_digest_is_refused(network, monkeypatch):
    integers = network.integers()
    expected = exact.digest(integers, CONFIG)
    said: list[str] = []
    assert exact.carried(integers, CONFIG, expected, said.append).q_bias.dtype == np.float32
    assert not said
    with pytest.raises(ModelError, match="self-test"):
        exact.carried(integers, CONFIG, expected[::-1], said.append)
    assert not said  # it is the weights, and not this machine
    right = exact.digest
    monkeypatch.setattr(
        exact, "digest", lambda i, c: b"" if i.q_bias.dtype == np.float32 else right(i, c)
    )  # a machine whose float32 is wrong
    assert exact.carried(integers, CONFIG, expected, said.append).q_bias.dtype == np.float64
    assert "float32 is not exact" in said[0] and len(said) == 1


def test_gradients_reach_every_weight():
    network = scale_network.ScaleNetwork(CONFIG)
    z = torch.randint(-3, 4, (2, 2, 2, CONFIG.hyper)).float()
    network(z, torch.tensor([1.0, 4.0])).square().mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and bool(p.grad.isfinite().all()) and float(p.grad.abs().sum()) > 0, name
