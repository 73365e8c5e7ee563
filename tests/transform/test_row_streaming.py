"""Row streaming gives the whole-picture run, bit for bit, whatever the strips."""

from __future__ import annotations

import pytest
import torch

from nic_cli.transform.conditioning import ConditionedBlock
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.low_rank import LowRankUpdate
from nic_cli.transform.network import Network
from nic_cli.transform.seeded_noise import seeded
from nic_cli.types import Origin

MADE = torch.tensor([0.75])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = Network(ModelConfig("test", realism_rank=4, noise=16)).requires_grad_(False)
    for module in network.modules():
        if isinstance(module, ConditionedBlock):  # so that each realism is another network
            module.scale.add_(torch.randn_like(module.scale), alpha=0.3)
            module.shift.add_(torch.randn_like(module.shift), alpha=0.3)
        if isinstance(module, LowRankUpdate):
            torch.nn.init.normal_(module.wide, std=0.02)
    return network


@pytest.fixture(params=[1, 2], autouse=True)
def as_in_use(request):
    """Libraries take other paths for one thread than for more, and for gradients."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [16, 48, 128, 320])
def test_streamed_analysis_equals_the_whole_picture(network, rows):
    x = torch.rand(1, 320, 192, 3) - 0.5
    whole = network.analysis(x, MADE)
    streamed = torch.cat(list(network.analysis.stream(x.split(rows, 1), 0.75)), 1)
    assert torch.equal(whole, streamed)


@pytest.mark.parametrize("shown", [0.3, 0.8])
@pytest.mark.parametrize("rows", [1, 3, 8, 20])
def test_streamed_synthesis_equals_the_whole_picture(network, rows, shown):
    y = torch.randn(1, 20, 12, 256)
    noise = torch.from_numpy(seeded(5, 0, 0, 40, 24))[None], torch.tensor([1.5])
    whole = network.synthesis(y, MADE, torch.tensor([shown]), noise=noise)
    origin = Origin(seed=5)
    streamed = torch.cat(list(network.synthesis.stream(y.split(rows, 1), 0.75, shown, 1.5, origin)), 1)
    assert torch.equal(whole, streamed)


def test_a_streamed_picture_depends_on_its_context_rows(network):
    """The control: without the rows kept between strips the equality above must fail."""
    x = torch.rand(1, 320, 192, 3) - 0.5
    apart = torch.cat([network.analysis(strip, MADE) for strip in x.split(160, 1)], 1)
    assert not torch.equal(network.analysis(x, MADE), apart)
