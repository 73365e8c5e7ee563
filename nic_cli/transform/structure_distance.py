"""Structure as eyes see it: errors of local contrast at several scales in XYB.

These are the SSIM error maps of SSIMULACRA 2 (Sneyers, 2022), averaged instead of pooled by its
fitted weights. Plain squared error in sRGB wipes dark and low-contrast detail; here a dark
texture weighs as much as a bright one. XYB is that of JPEG XL (ISO/IEC 18181-1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from nic_cli.transform.planes import blurred, halved, planes

# Linear sRGB to the three kinds of cones, with a bias against noise in the dark.
CONES = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
BIAS = 0.0037930732552754493
WEIGHTS = (0.2, 0.65, 0.15)  # of X, Y and B
SCALES, DEVIATION, FLOOR = 4, 1.5, 0.0009
SMALLEST = 8  # side of the coarsest scale, in pixels


def structure(found: Tensor, wanted: Tensor) -> Tensor:
    """found, wanted: [N, H, W, 3], sRGB in 0..1 -> [N] in 0..2, 0 for equal pictures."""
    return Structure(wanted)(found)


class Structure:
    """The same for one picture that many are compared with: what concerns it alone is done once."""

    def __init__(self, wanted: Tensor) -> None:
        """wanted: [N, H, W, 3], sRGB in 0..1."""
        self._levels: list[tuple[Tensor, Tensor, Tensor]] = []
        light = linear(planes(wanted))
        while len(self._levels) < SCALES and min(light.shape[2:]) >= SMALLEST:
            b = xyb(light)
            mean = blurred(b, DEVIATION)
            self._levels.append((b, mean, blurred(b * b, DEVIATION) - mean * mean))
            light = halved(light)

    def __call__(self, found: Tensor) -> Tensor:
        """found: [N, H, W, 3] -> [N]."""
        light = linear(planes(found))
        total, weights = light.new_zeros(light.shape[0]), light.new_tensor(WEIGHTS)
        for level in self._levels:
            total = total + _errors(xyb(light), *level).mean((2, 3)) @ weights
            light = halved(light)
        return total / max(len(self._levels), 1)


def linear(srgb: Tensor) -> Tensor:
    """sRGB in 0..1 to linear light; what lies below 0 counts as 0."""
    srgb = srgb.clamp(min=0)
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def xyb(light: Tensor) -> Tensor:
    """[N, 3, H, W] linear RGB -> X, Y, B - Y, scaled and shifted to about 0..1 as SSIMULACRA 2 does."""
    n, _, h, w = light.shape
    cones = light.new_tensor(CONES) @ light.reshape(n, 3, -1) + BIAS
    long, middle, short = (cones ** (1 / 3) - BIAS ** (1 / 3)).reshape(n, 3, h, w).unbind(1)
    y = (long + middle) / 2
    return torch.stack((7 * (long - middle) + 0.42, y + 0.01, short - y + 0.55), 1)


def _errors(a: Tensor, b: Tensor, mean_b: Tensor, variance_b: Tensor) -> Tensor:
    """The error map of SSIM without its division by luminance, [N, 3, H, W]."""
    mean_a = blurred(a, DEVIATION)
    variances = blurred(a * a, DEVIATION) - mean_a * mean_a + variance_b
    covariance = blurred(a * b, DEVIATION) - mean_a * mean_b
    alike = (1 - (mean_a - mean_b) ** 2) * (2 * covariance + FLOOR) / (variances.clamp(min=0) + FLOOR)
    return (1 - alike).clamp(min=0)
