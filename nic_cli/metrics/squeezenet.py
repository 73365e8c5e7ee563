"""SqueezeNet 1.0 (Iandola et al., 2016), trained on ImageNet, as a source of features.

Plain convolutions and ReLU: sixty lines read it, and no library of vision is needed. Nothing else in
the program may depend on its weights; they come from a file that the environment names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from nic_cli.errors import UsageError

MEANS = (104.0, 117.0, 123.0)  # of blue, green and red, in levels
POOLED = (2, 5, 9)  # fire modules with a pool before
TAPS = (3, 4, 6, 8, 9)  # fire modules whose output is seen, after that of the first convolution
SMALLEST = 32  # side; under it a pool has nothing left


class SqueezeNet:
    """The convolutional part; classes are of no use here."""

    def __init__(self, path: Path) -> None:
        try:
            self._weights = {name: t.float() for name, t in load_file(path).items()}
            for _ in self.taps(torch.zeros(1, 3, SMALLEST, SMALLEST)):
                pass
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise UsageError(f"{path}: not the weights of SqueezeNet 1.0: {error}") from None

    def taps(self, x: Tensor) -> Iterator[Tensor]:
        """[N, 3, H, W] red, green, blue in levels -> features, from fine to coarse: [N, 96..512, h, w]."""
        h = F.relu(self._conv("conv1", x.flip(1) - x.new_tensor(MEANS)[:, None, None], stride=2))
        yield h
        for fire in range(2, 10):
            if fire in POOLED:
                h = F.max_pool2d(h, 3, 2, ceil_mode=True)
            h = F.relu(self._conv(f"fire{fire}/squeeze", h))
            wide = self._conv(f"fire{fire}/expand1", h), self._conv(f"fire{fire}/expand3", h, padding=1)
            h = F.relu(torch.cat(wide, 1))
            if fire in TAPS:
                yield h

    def pooled(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] in levels -> [N, 512]: the last features, their mean over positions."""
        *_, last = self.taps(x)
        return last.mean((2, 3))

    def _conv(self, name: str, h: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(h, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], stride, padding)
