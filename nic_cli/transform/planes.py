"""Planes of pixels, and local averages of them as matrix products.

A Gaussian window along one axis is a banded matrix. For crops of a few hundred pixels the dense
product with it is several times faster on a CPU than a convolution with one channel, forward and
backward, and any stride or border rule is just another matrix.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F


def planes(x: Tensor) -> Tensor:
    """[N, H, W, 3] -> [N, 3, H, W], contiguous."""
    return x.permute(0, 3, 1, 2).contiguous()


def halved(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, H/2, W/2]: means of 2x2; an odd last row or column is left out."""
    return F.avg_pool2d(x, 2)


def blurred(x: Tensor, deviation: float, stride: int = 1) -> Tensor:
    """Gaussian averages of [N, C, H, W] at every `stride`-th position; cut at borders and weighted anew."""
    reach = int(3 * deviation) + 1
    return _averaged(x, deviation, reach, stride // 2, stride)


def blurred_inside(x: Tensor, deviation: float, reach: int) -> Tensor:
    """The same where a window of `reach` to each side is whole: [N, C, H - 2 reach, W - 2 reach]."""
    return _averaged(x, deviation, reach, reach, 1, reach)


def _averaged(x: Tensor, deviation: float, reach: int, first: int, stride: int, last: int = 0) -> Tensor:
    rows, columns = (
        _window(side, deviation, reach, first, side - last, stride).to(x) for side in x.shape[2:]
    )
    return rows @ (x @ columns.t())


@lru_cache(64)
def _window(side: int, deviation: float, reach: int, first: int, end: int, stride: int) -> Tensor:
    """[positions, side]: each row a Gaussian around one position, its sum 1."""
    at = torch.arange(first, end, stride, dtype=torch.float64)
    distance = torch.arange(side, dtype=torch.float64) - at[:, None]
    weight = torch.exp(-0.5 * (distance / deviation) ** 2) * (distance.abs() <= reach)
    return weight / weight.sum(1, keepdim=True)
