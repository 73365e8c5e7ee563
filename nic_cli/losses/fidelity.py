"""Distances between pixels: how far each lies from where it was."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nic_cli.transform.planes import blurred_inside, halved, planes

CHARBONNIER = 1e-3  # about a quarter of a level: rounder than that nobody sees
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik, 2003
C1, C2 = 0.01**2, 0.03**2
COLOUR = ((-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))  # Cb and Cr of BT.601
GUARD = 16  # side of the squares whose mean colour is kept


def squared(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error. This and all others: [N, H, W, 3] in 0..1 twice -> [N]."""
    return (found - wanted).square().mean((1, 2, 3))


def halves(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of means of 2x2 pixels: where in it a detail lies does not count."""
    return halved(planes(found - wanted)).square().mean((1, 2, 3))


def quarters(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of means of 4x4 pixels."""
    return F.avg_pool2d(planes(found - wanted), 4).square().mean((1, 2, 3))


def charbonnier(found: Tensor, wanted: Tensor) -> Tensor:
    """Absolute error with a rounded tip (Charbonnier et al., 1994)."""
    return ((found - wanted).square() + CHARBONNIER**2).sqrt().mean((1, 2, 3)) - CHARBONNIER


def multiscale(found: Tensor, wanted: Tensor) -> Tensor:
    """Absolute error, mean over four scales."""
    difference = planes(found - wanted)
    total = difference.abs().mean((1, 2, 3))
    for _ in range(3):
        difference = halved(difference)
        total = total + difference.abs().mean((1, 2, 3))
    return total / 4


def colour(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of the mean chroma of large squares: what realism must leave alone."""
    difference = F.avg_pool2d(planes(found - wanted), GUARD)
    chroma = torch.einsum("oc,nchw->nohw", found.new_tensor(COLOUR), difference)
    return chroma.square().mean((1, 2, 3))


def dissimilarity(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - MS-SSIM over RGB; crops under 176 pixels take fewer scales, their weights scaled up."""
    a, b = planes(found), planes(wanted)
    scales = 1
    while scales < len(SCALE_WEIGHTS) and min(a.shape[2:]) >> scales >= 11:
        scales += 1
    weights = a.new_tensor(SCALE_WEIGHTS[:scales])
    factors = []
    for scale in range(scales):
        light, contrast = ssim(a, b)
        factors.append(contrast if scale < scales - 1 else light * contrast)
        a, b = halved(a), halved(b)
    means = torch.stack([f.mean((2, 3)).clamp(min=1e-4) for f in factors], -1)
    return 1 - (means ** (weights / weights.sum())).prod(-1).mean(1)


def ssim(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """[N, C, H, W] twice -> SSIM's two factors, [N, C, H - 10, W - 10] each (Wang et al., 2004)."""
    mean_a, mean_b = blurred_inside(a, 1.5, 5), blurred_inside(b, 1.5, 5)
    variances = blurred_inside(a * a + b * b, 1.5, 5) - mean_a * mean_a - mean_b * mean_b
    covariance = blurred_inside(a * b, 1.5, 5) - mean_a * mean_b
    light = (2 * mean_a * mean_b + C1) / (mean_a * mean_a + mean_b * mean_b + C1)
    return light, (2 * covariance + C2) / (variances + C2)
