"""A row has the same values whatever rows are computed with it: on that rests that parts equal the whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from nic_cli.transform import layers, synthesis
from nic_cli.transform.layers import Block, product
from nic_cli.transform.synthesis import Tail

KERNELS = {
    "the least there are": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "all of this processor": {},
}


@pytest.mark.parametrize("kernels", KERNELS)
def test_no_row_of_the_model_depends_on_its_company(kernels):
    """With 1, 2, 3 and 8 threads, which share the work in other ways, and in either library."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", **KERNELS[kernels]}
    command = [sys.executable, "-m", "tests.transform.company", "1", "2", "3", "8"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def by_size(x, weight, bias, leak=1.0):
    """A library that adds up in another order when there is little to do, as real ones do."""
    half = weight.shape[1] // 2 if len(x) < 300 else weight.shape[1] // 4
    y = F.linear(x[:, :half], weight[:, :half], bias) + F.linear(x[:, half:], weight[:, half:])
    return F.leaky_relu_(y, leak)


@torch.inference_mode()
def test_what_a_library_chooses_by_size_cannot_show(monkeypatch):
    """The control: alone, that library gives a row other digits in other company."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(1, 30, 35, 64), torch.randn(48, 64), torch.randn(48)
    block, tail = Block(64), Tail(64, 0).rows_at(torch.zeros(1))
    for module in (layers, synthesis):
        monkeypatch.setattr(module, "multiplied", by_size)
    rows = x.reshape(-1, 64)
    assert not torch.equal(by_size(rows, weight, bias)[:200], by_size(rows[:200], weight, bias))
    for count in (1, 200, 299, 300, 600, 1050):
        assert torch.equal(product(rows, weight, bias)[-count:], product(rows[-count:], weight, bias))
    for layer in (lambda x: block.rows(x)[:, 2:-1], tail):
        for height in (1, 5, 20):
            assert torch.equal(layer(x)[:, 7 : 7 + height], layer(x[:, 7 : 9 + height]))


@torch.inference_mode()
def test_a_torch_without_onednn_will_do(monkeypatch):
    torch.manual_seed(0)
    block, x = Block(16), torch.randn(1, 6, 5, 16)
    found = block.rows(x)[:, 2:-1]
    monkeypatch.setattr(layers, "ONEDNN", False)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", None)
    assert torch.allclose(block.rows(x)[:, 2:-1], found, atol=1e-5)


@torch.inference_mode()
def test_rows_of_several_pictures_are_refused():
    with pytest.raises(RuntimeError):
        Block(8).rows(torch.randn(2, 4, 5, 8))
