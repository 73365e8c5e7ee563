"""The building blocks do what their formulas say."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nic_cli.errors import ModelError
from nic_cli.transform.conditioning import ConditionedBlock, Gains, interpolate, tie
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.context_model import merged, phase_of
from nic_cli.transform.layer_order import shuffle, unshuffle
from nic_cli.transform.layers import Block, product
from nic_cli.transform.network import gaussian_bits


def test_a_block_is_its_formula():
    torch.manual_seed(0)
    block, x = Block(6).double(), torch.randn(2, 5, 4, 6, dtype=torch.float64)
    d = F.conv2d(x.permute(0, 3, 1, 2), block.depthwise, block.depthwise_bias, padding=1, groups=6)
    u = F.leaky_relu(d.permute(0, 2, 3, 1) @ block.expand.t() + block.expand_bias, 0.01)
    assert torch.allclose(block(x), x + u @ block.reduce.t() + block.reduce_bias)


def test_the_gradients_of_a_block_are_right():
    torch.manual_seed(0)
    block, x = (
        ConditionedBlock(3, 2, rank=1),
        torch.randn(1, 4, 3, 3, dtype=torch.float64, requires_grad=True),
    )
    for p in block.double().realism.parameters():
        torch.nn.init.normal_(p)
    b = torch.tensor([0.8], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, *_: block(x, b), (x, *block.parameters()))


def test_a_frozen_block_gives_the_same_gradient_to_its_input():
    torch.manual_seed(0)
    block, x = Block(6), torch.randn(1, 5, 4, 6)
    found = []
    for trained in (True, False):
        seen = x.clone().requires_grad_(True)
        block.requires_grad_(trained)(seen).square().sum().backward()
        found.append(seen.grad)
    assert torch.equal(*found)


def test_shuffle_undoes_unshuffle():
    x = torch.randn(2, 12, 8, 5)
    assert torch.equal(shuffle(unshuffle(x, 4), 4), x)
    assert torch.equal(merged([phase_of(x, p) for p in range(4)]), x)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("inputs", "outputs"), [(192, 256), (256, 512), (512, 256), (768, 384)])
@torch.inference_mode()
def test_a_position_does_not_depend_on_its_company(inputs, outputs, threads):
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x, weight, bias = torch.randn(1, 20, 35, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
        whole = product(x, weight, bias)
        for height in (1, 2, 3, 8):
            assert torch.equal(whole[:, 4 : 4 + height], product(x[:, 4 : 4 + height], weight, bias))
        for positions in (1, 5, 15, 31, 32, 33, 64):
            few = product(x.reshape(-1, inputs)[:positions], weight, bias)
            assert torch.equal(whole.reshape(-1, outputs)[:positions], few)
    finally:
        torch.set_num_threads(before)


def test_bits_of_a_gaussian_are_those_of_its_integral():
    sigma = torch.tensor([0.11, 0.3, 1.0, 7.0])[:, None].double()
    r = torch.arange(-200.0, 201.0).double()[None]
    mass = torch.exp2(-gaussian_bits(r, sigma))
    assert torch.allclose(mass.sum(1), torch.ones(4).double(), atol=1e-5)
    normal = torch.distributions.Normal(0.0, sigma[:, 0])
    expected = normal.cdf(torch.tensor(1.5)) - normal.cdf(torch.tensor(0.5))
    assert torch.allclose(mass[:, 201], expected, atol=1e-9)


def test_a_value_far_outside_still_has_a_slope():
    r = torch.tensor([500.0], requires_grad=True)
    gaussian_bits(r, torch.tensor([0.11])).sum().backward()
    assert torch.isfinite(r.grad).all() and float(r.grad) > 0


def test_gains_grow_with_q_at_the_start():
    gains = Gains(ModelConfig("test"))
    inward, outward = gains(torch.tensor([0.0, 0.25, 3.0, 6.0]), torch.tensor([0.3]))
    assert (inward[1:] > inward[:-1]).all()
    assert torch.allclose(inward * outward, torch.ones_like(inward), atol=1e-5)


def test_interpolation_meets_its_anchors():
    anchors = torch.randn(13, 4)
    assert torch.allclose(interpolate(anchors, torch.linspace(0, 6, 13), 6.0), anchors, atol=1e-5)
    middle = interpolate(anchors, torch.tensor([0.25]), 6.0)
    assert torch.allclose(middle, (anchors[:1] + anchors[1:2]) / 2, atol=1e-6)


def test_gains_and_conditions_meet_their_anchors_of_realism():
    gains, block = Gains(ModelConfig("test")), ConditionedBlock(4, 3, 3)
    for p in (gains.inward, block.scale, block.shift):
        torch.nn.init.normal_(p)
    inward, _ = gains(torch.tensor([6.0]), torch.tensor([0.5]))
    assert torch.allclose(inward[0, 0, 0].log(), gains.inward[1, -1], atol=1e-5)
    x = torch.randn(1, 5, 5, 4)
    found = block(x, torch.tensor([0.5]), torch.tensor([0.25]))
    scale, shift = ((p[1, 0] + p[1, 1]) / 2 for p in (block.scale, block.shift))
    kernel, bias, *rest = block.block.weights
    folded = kernel * scale[:, None, None, None], bias * scale + shift, *rest
    assert torch.allclose(found, block.block(x, folded), atol=1e-5)


def test_updates_for_realism_leave_everything_up_to_the_middle_as_it_was():
    """To the last bit; from there on all weights change, evenly with b."""
    torch.manual_seed(0)
    plain, updated = ConditionedBlock(4, 3, 3), ConditionedBlock(4, 3, 3, rank=2)
    updated.load_state_dict(plain.state_dict(), strict=False)
    x, made = torch.randn(1, 5, 5, 4), torch.tensor([0.2])
    at = {b: torch.tensor([b]) for b in (0.0, 0.5, 0.6, 0.75, 1.0)}
    assert all(torch.equal(plain(x, made, b), updated(x, made, b)) for b in at.values())  # none at first
    for p in updated.realism.parameters():
        torch.nn.init.normal_(p)
    assert all(torch.equal(plain(x, made, at[b]), updated(x, made, at[b])) for b in (0.0, 0.5))
    assert not any(torch.allclose(plain(x, made, at[b]), updated(x, made, at[b])) for b in (0.6, 1.0))
    before, half, whole = (updated._weights(made, at[b]) for b in (0.5, 0.75, 1.0))
    for a, b, c in zip(before, half, whole, strict=True):
        assert not torch.allclose(a, c) and torch.allclose(b, (a + c) / 2, atol=1e-5)


@pytest.mark.parametrize(
    "top, same, other", [(0.0, [0.5, 1.0], []), (0.5, [1.0], [0.0]), (1.0, [], [0.0, 0.5])]
)
def test_realisms_above_the_highest_trained_are_tied_to_it(top, same, other):
    torch.manual_seed(0)
    network = nn.ModuleList(
        [Gains(ModelConfig("test", latent=4)), ConditionedBlock(4, 3), ConditionedBlock(4, 3, 3)]
    )
    for p in network.parameters():
        torch.nn.init.normal_(p)
    tie(network, top)

    def given(b):
        q, b, x = torch.ones(1), torch.tensor([b]), torch.ones(1, 3, 3, 4)
        return torch.cat(
            [
                *(g.flatten() for g in network[0](q, b)),
                network[1](x, b).flatten(),
                network[2](x, b, b).flatten(),
            ]
        )

    assert all(torch.equal(given(b), given(top)) for b in same)
    assert not any(torch.allclose(given(b), given(top)) for b in other)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"name": 3}', '{"name": "x", "depth": 2}', '{"name": "x", "latent": 0}',
             '{"name": "x", "latent": "a"}', '{"name": "x", "kind": "other"}', '{"name": "x", "q_top": -1}']
)  # fmt: skip
def test_a_wrong_config_is_refused(text):
    with pytest.raises(ModelError, match=r"config\.json"):
        ModelConfig.from_json(text)


def test_a_config_survives_its_file():
    config = ModelConfig("test", latent=64, q_top=3.0)
    assert ModelConfig.from_json(config.to_json()) == config
