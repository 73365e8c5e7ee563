"""A distance in the features of a network that has learnt to name things."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.metrics.filters import pair
from nic_cli.metrics.squeezenet import SMALLEST, SqueezeNet


class Perceptual:
    """After LPIPS (Zhang et al., 2018), with SqueezeNet 1.0 and all features alike: not LPIPS's own numbers.

    Features of a position are scaled to length 1; squared differences, summed over features, are
    averaged over positions and summed over six depths: 0 for equal pictures, 12 at most.
    """

    def __init__(self, path: Path) -> None:
        self._network = SqueezeNet(path)

    @torch.inference_mode()
    def __call__(self, wanted: NDArray[Any], found: NDArray[Any]) -> float:
        """The distance; nan under 32 pixels."""
        a, b = (x.expand(3, -1, -1)[None] for x in pair(wanted, found))
        if min(a.shape[2:]) < SMALLEST:
            return math.nan
        both = zip(self._network.taps(a), self._network.taps(b), strict=True)
        return sum(_apart(x, y) for x, y in both)  # one depth at a time in memory


def _apart(a: Tensor, b: Tensor) -> float:
    return (_unit(a) - _unit(b)).square_().sum(1).mean(dtype=torch.float64).item()


def _unit(h: Tensor) -> Tensor:
    return h / (h.square().sum(1, keepdim=True) + 1e-10).sqrt()
