"""Whether the patches of a whole set of pictures look like those wanted, as a crowd and not one by one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.filters import pair
from nic_cli.metrics.squeezenet import SqueezeNet

SIDE = 64
BATCH = 96  # patches: bounds the memory of the network's first layer to 40 MB
ROWS = 1024  # of the kernel matrix at a time


class PatchKid:
    """Kernel distance of patches (after KID, Binkowski et al., 2018): 0 for equal sets, may fall under it.

    Squares of 64 pixels, side by side; features are those of SqueezeNet, averaged over positions and
    scaled to length 1; the kernel is (cosine + 1)^3. The estimate of the squared maximum mean
    discrepancy is that of pairs (Gretton et al., 2012, equation 4), which has no bias: a patch is
    never held against the wanted one it came from, or a set would seem near merely for being a
    copy. Thousands of patches make it steady. Values compare codecs on the same pictures only.
    """

    def __init__(self, path: Path) -> None:
        self._network = SqueezeNet(path)
        self._wanted: list[Tensor] = []
        self._found: list[Tensor] = []

    @torch.inference_mode()
    def add(self, wanted: NDArray[Any], found: NDArray[Any]) -> None:
        """One more picture and what became of it: [H, W, 1 or 3]; what no whole patch covers is not seen."""
        for picture, features in zip(pair(wanted, found), (self._wanted, self._found), strict=True):
            batches = torch.split(_patches(picture), BATCH)
            features += [F.normalize(self._network.pooled(batch)) for batch in batches if len(batch)]

    @torch.inference_mode()
    def value(self) -> float:
        """The estimate over all pictures so far; nan under two patches."""
        x, y = (torch.cat(batches) if batches else torch.empty(0) for batches in (self._wanted, self._found))
        count, total = len(x), 0.0
        if count < 2:
            return math.nan
        for start in range(0, count, ROWS):
            a, b = x[start : start + ROWS], y[start : start + ROWS]
            h = _kernel(a, x) + _kernel(b, y) - _kernel(a, y) - _kernel(b, x)
            total += (h.sum() - h.diagonal(start).sum()).item()
        return total / (count * (count - 1))


def _patches(picture: Tensor) -> Tensor:
    """[1 or 3, H, W] -> [N, 3, 64, 64]."""
    channels, height, width = picture.shape
    rows, columns = height // SIDE, width // SIDE
    whole = picture[:, : rows * SIDE, : columns * SIDE].reshape(channels, rows, SIDE, columns, SIDE)
    return whole.permute(1, 3, 0, 2, 4).flatten(0, 1).expand(-1, 3, -1, -1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """[n, D] and [m, D], of length 1 -> [n, m], as doubles: the four sums are near each other."""
    return (a.double() @ b.double().t() + 1) ** 3
