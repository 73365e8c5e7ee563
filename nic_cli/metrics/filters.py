"""Pictures as planes of numbers, and their local averages."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.pixels import check

BLOCK = 32  # outputs of one product with a band of the window: of 16 to 128 the fastest on a CPU
LUMA = (0.299, 0.587, 0.114)  # BT.601


def pair(wanted: NDArray[Any], found: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Two arrays [H, W, C] -> two float32 tensors [C, H, W], in levels of 0..255 whatever the depth."""
    check(wanted, found)
    scale = 255 / np.iinfo(wanted.dtype).max
    levels = (
        torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1), np.float32)) for x in (wanted, found)
    )
    a, b = (x if scale == 1 else x * scale for x in levels)
    return a, b


def mixed(x: Tensor, matrix: tuple[tuple[float, float, float], ...]) -> Tensor:
    """[1 or 3, H, W] -> [rows of `matrix`, H, W]: linear combinations of red, green and blue."""
    return torch.einsum("oc,chw->ohw", x.new_tensor(matrix), x.expand(3, -1, -1))


def luma(x: Tensor) -> Tensor:
    """[1 or 3, H, W] -> [1, H, W], of the same range."""
    return mixed(x, (LUMA,)) if x.shape[0] == 3 else x


def averaged(x: Tensor, deviation: float, reach: int, stride: int = 1) -> Tensor:
    """Gaussian averages of [..., H, W] where a window of `reach` to each side is whole.

    At every `stride`-th position: [..., (H - 2 reach - 1) // stride + 1, the same of W]. As products
    with banded matrices, block by block: several times as fast on a CPU as convolutions of one channel.
    """
    across = _along(x, deviation, reach, stride)
    return _along(across.mT, deviation, reach, stride).mT


def averaged_cut(x: Tensor, deviation: float, reach: int, stride: int = 1) -> Tensor:
    """The same, windows cut at borders and weighted anew: [..., ceil(H / stride), ceil(W / stride)]."""
    total = averaged(F.pad(x, (reach,) * 4), deviation, reach, stride)
    inside = F.pad(x.new_ones(1, *x.shape[-2:]), (reach,) * 4)
    return total / averaged(inside, deviation, reach, stride)


def _along(x: Tensor, deviation: float, reach: int, stride: int) -> Tensor:
    count = (x.shape[-1] - 2 * reach - 1) // stride + 1
    parts = []
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        band = _band(deviation, reach, stride, size)
        parts.append(x[..., start * stride : start * stride + band.shape[0]] @ band)
    return torch.cat(parts, -1)


@lru_cache(256)
def _band(deviation: float, reach: int, stride: int, count: int) -> Tensor:
    """[inputs, count]: column i is the window around input i * stride + reach, its sum 1."""
    inputs = torch.arange((count - 1) * stride + 2 * reach + 1, dtype=torch.float64)
    distance = inputs[:, None] - reach - stride * torch.arange(count, dtype=torch.float64)
    weight = torch.exp(-0.5 * (distance / deviation) ** 2) * (distance.abs() <= reach)
    return (weight / weight.sum(0)).float()
