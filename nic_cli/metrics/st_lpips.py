"""ST-LPIPS (Ghildyal and Liu, ECCV 2022) with the weights of VGG 16 that its package brings."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray

from nic_cli.losses.perceptual import Distance, Perceptual
from nic_cli.metrics.filters import pair

SMALLEST = 48  # side; under it the last features have nothing around them


class ShiftTolerant:
    """The distance in features of VGG 16, weighted as people judged pairs, that small shifts hardly change.

    The other network of the package, AlexNet, is what recipes train with: no model is judged by that.
    """

    def __init__(self, path: str = "") -> None:
        self._distance = Distance(Perceptual("vgg", path), "cpu")

    @torch.inference_mode()
    def __call__(self, wanted: NDArray[Any], found: NDArray[Any]) -> float:
        """0 for equal pictures, about 1 at most; nan under 48 pixels. Two kilobytes of memory a pixel."""
        a, b = (x.expand(3, -1, -1).permute(1, 2, 0)[None] / 255 for x in pair(wanted, found))
        if min(a.shape[1:3]) < SMALLEST:
            return math.nan
        return float(self._distance(b, a))
