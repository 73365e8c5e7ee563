"""Row streaming gives the whole-picture run, bit for bit, whatever the strips."""

from __future__ import annotations

import pytest
import torch

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.network import Network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network(ModelConfig("test")).requires_grad_(False)


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
    whole = network.analysis(x)
    streamed = torch.cat(list(network.analysis.stream(x.split(rows, 1))), 1)
    assert torch.equal(whole, streamed)


@pytest.mark.parametrize("rows", [1, 3, 8, 20])
def test_streamed_synthesis_equals_the_whole_picture(network, rows):
    y = torch.randn(1, 20, 12, 256)
    whole = network.synthesis(y, torch.tensor([0.3]))
    streamed = torch.cat(list(network.synthesis.stream(y.split(rows, 1), 0.3)), 1)
    assert torch.equal(whole, streamed)


def test_a_streamed_picture_depends_on_its_context_rows(network):
    """The control: without the rows kept between strips the equality above must fail."""
    x = torch.rand(1, 320, 192, 3) - 0.5
    apart = torch.cat([network.analysis(strip) for strip in x.split(160, 1)], 1)
    assert not torch.equal(network.analysis(x), apart)
