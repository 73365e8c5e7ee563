"""How near each pixel, and each neighbourhood of pixels, is to the one wanted."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.filters import averaged, pair

EQUAL = 100.0  # dB: PSNR of equal pictures, so that means stay finite
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
DEVIATION, REACH = 1.5, 5
SMALLEST = 2 * REACH * 2 ** (len(SCALE_WEIGHTS) - 1) + 1  # side whose last scale still holds one window
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Peak signal over noise in dB, of the mean squared error over all pixels and channels; at most 100."""
    a, b = pair(wanted, found)
    error = (a - b).square_().mean(dtype=torch.float64).item()
    return min(EQUAL, 10 * math.log10(255**2 / error)) if error else EQUAL


@torch.inference_mode()
def ms_ssim(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """MS-SSIM (Wang, Simoncelli and Bovik, 2003) in 0..1, 1 for equal pictures; nan under 161 pixels.

    Five scales, each the mean over 2x2 of the one before (an odd side first takes a black row on
    either side, as pytorch-msssim does); contrast and structure of all, light of the last; windows
    that lie inside; a channel at a time, then their mean.
    """
    a, b = pair(wanted, found)
    if min(a.shape[1:]) < SMALLEST:
        return math.nan
    product = a.new_ones(a.shape[0])
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            odd = [side % 2 for side in a.shape[1:]]
            a, b = F.avg_pool2d(a, 2, padding=odd), F.avg_pool2d(b, 2, padding=odd)
        light, contrast = _ssim(a, b)
        factor = contrast * light if scale == len(SCALE_WEIGHTS) - 1 else contrast
        product *= factor.mean((1, 2)).clamp(min=0) ** weight
    return product.mean().item()


def _ssim(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """[C, H, W] in levels twice -> SSIM's two factors, [C, H - 10, W - 10] each (Wang et al., 2004)."""
    mean_a, mean_b, squares, cross = averaged(torch.stack((a, b, a * a + b * b, a * b)), DEVIATION, REACH)
    means, mean_squares = mean_a * mean_b, mean_a.square_() + mean_b.square_()
    light = (2 * means + C1) / (mean_squares + C1)
    return light, (2 * (cross - means) + C2) / (squares - mean_squares + C2)
