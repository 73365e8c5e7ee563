"""LPIPS (Zhang et al., CVPR 2018), version 0.1 on AlexNet: what papers on codecs print under that name."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.errors import UsageError
from nic_cli.losses.perceptual import SCALE, SHIFT, read_weights
from nic_cli.metrics.filters import pair

# Name, stride and padding of each convolution, and whether a pool of 3 at every second position is before it.
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
HEADS = "weights/v0.1/alex.pth"
SMALLEST = 32  # side; under it a pool has nothing left


class Lpips:
    """Features are AlexNet's, from a file; what each counts is in the package lpips, which is not imported.

    That package would want torchvision, which is where people have the file from.
    """

    def __init__(self, path: Path) -> None:
        heads = _heads()
        self._weights = read_weights(path) | read_weights(heads)
        try:
            self._distance(*torch.zeros(2, 1, 3, SMALLEST, SMALLEST))
        except (KeyError, RuntimeError) as error:
            raise UsageError(f"{path}: not the weights of AlexNet as torchvision has it: {error}") from None

    @torch.inference_mode()
    def __call__(self, wanted: NDArray[Any], found: NDArray[Any]) -> float:
        """0 for equal pictures, about 1 at most; nan under 32 pixels."""
        shift, scale = (torch.tensor(values)[:, None, None] for values in (SHIFT, SCALE))
        a, b = (((x.expand(3, -1, -1) / 255 - shift) / scale)[None] for x in pair(wanted, found))
        return math.nan if min(a.shape[2:]) < SMALLEST else self._distance(a, b)

    def _distance(self, a: Tensor, b: Tensor) -> float:
        total = 0.0
        for head, (layer, stride, padding, pooled) in enumerate(LAYERS):
            named = self._weights[f"features.{layer}.weight"], self._weights[f"features.{layer}.bias"]
            if pooled:
                a, b = F.max_pool2d(a, 3, 2), F.max_pool2d(b, 3, 2)
            a, b = (F.relu(F.conv2d(x, *named, stride, padding)) for x in (a, b))
            apart = (_unit(a) - _unit(b)).square_()
            total += F.conv2d(apart, self._weights[f"lin{head}.model.1.weight"]).mean().item()
        return total


def _unit(h: Tensor) -> Tensor:
    return h / (h.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _heads() -> Path:
    found = find_spec("lpips")
    if found is None or not found.submodule_search_locations:
        raise UsageError("metric 'lpips' needs a file of the package lpips: pip install --no-deps lpips")
    return Path(found.submodule_search_locations[0]) / HEADS
