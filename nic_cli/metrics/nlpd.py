"""NLPD: the distance of two pictures as the first stages of seeing might pass them on."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.filters import luma, pair

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
# Of each octave, from fine to coarse, as the authors fitted them to natural pictures: the constant, and
# the weights of neighbours: above, below, left, right, two to the right.
NORMALISERS = (
    (0.0248, (0.1011, 0.1015, 0.1493, 0.1460, 0.0072)),
    (0.0185, (0.0757, 0.0837, 0.1986, 0.1846, 0.0)),
    (0.0179, (0.0477, 0.0467, 0.2138, 0.2243, 0.0)),
    (0.0191, (0.0, 0.0, 0.2503, 0.2616, 0.0)),
    (0.0220, (0.0, 0.0, 0.2598, 0.2552, 0.0)),
    (0.2782, (0.0, 0.0, 0.2215, 0.0717, 0.0)),
)
SMALLEST = 2 ** len(NORMALISERS) + 1  # side whose coarsest reduction can still be mirrored by two pixels


@torch.inference_mode()
def nlpd(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Normalised Laplacian pyramid distance (Laparra, Balle, Berardino and Simoncelli, 2016); 0 is best.

    Of luma in 0..1: the mean over six octaves of the root of the mean squared difference, each
    value divided by the magnitude of its neighbours. nan under 65 pixels.
    """
    a, b = (luma(x)[None] / 255 for x in pair(wanted, found))
    if min(a.shape[2:]) < SMALLEST:
        return math.nan
    total = 0.0
    for octave, (constant, weights) in enumerate(NORMALISERS):
        coarse = octave == len(NORMALISERS) - 1
        (band_a, a), (band_b, b) = ((x, x) if coarse else _split(x) for x in (a, b))
        apart = _normalised(band_a, constant, weights) - _normalised(band_b, constant, weights)
        total += apart.square_().mean(dtype=torch.float64).sqrt().item()
    return total / len(NORMALISERS)


def _split(x: Tensor) -> tuple[Tensor, Tensor]:
    """[1, 1, H, W] -> the band of detail, of that size, and the rest, half of it rounded up."""
    line = x.new_tensor(BINOMIAL)
    window = (line[:, None] * line)[None, None]
    rest = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), window, stride=2)
    height, width = x.shape[2:]
    grown = x.new_zeros(1, 1, 2 * rest.shape[2] + 4, 2 * rest.shape[3] + 4)
    grown[..., ::2, ::2] = F.pad(rest, (1, 1, 1, 1), mode="reflect")
    return x - 4 * F.conv2d(grown, window)[..., :height, :width], rest


def _normalised(band: Tensor, constant: float, weights: tuple[float, ...]) -> Tensor:
    above, below, left, right, second = weights
    window = band.new_zeros(1, 1, 5, 5)
    window[0, 0, 1, 2], window[0, 0, 3, 2], window[0, 0, 2, 1] = above, below, left
    window[0, 0, 2, 3], window[0, 0, 2, 4] = right, second
    return band / (constant + F.conv2d(band.abs(), window, padding=2))
