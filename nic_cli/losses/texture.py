"""Texture without a network: whether small regions have the same statistics, band by band.

Each region of each band of a wavelet pyramid is taken for a Gaussian; the distance of two is
that of Wasserstein, the squared differences of mean and deviation. (Wasserstein distortion:
Qiu, Wagner, Balle and Theis, 2023, who use a network's features or a steerable pyramid; here
Haar bands.) Windows of 4 to 8 band pixels order codecs as people do; of 1 pixel, as PSNR does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nic_cli.transform.planes import blurred, planes

OCTAVES, WINDOW = 4, 4.0  # windows in pixels of the band
STEADY = 1e-5  # variance under which a region is flat: keeps the root's slope finite
OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.0, -0.5), (-0.25, 0.5, -0.25))
WEIGHTS = (1.0, 0.5, 0.5)  # of lightness and the two colour differences


def texture(found: Tensor, wanted: Tensor) -> Tensor:
    """found, wanted: [N, H, W, 3], sRGB in 0..1 -> [N], 0 for equal statistics."""
    a, b = (torch.einsum("oc,nchw->nohw", x.new_tensor(OPPONENT), planes(x)) for x in (found, wanted))
    total = a.new_zeros(a.shape[0])
    weights = a.new_tensor(WEIGHTS).repeat(3)
    for octave in range(OCTAVES):
        if min(a.shape[2:]) < 2 * WINDOW:
            break
        (a, details_a), (b, details_b) = haar(a), haar(b)
        total = total + _distance(details_a, details_b) @ weights / 2**octave
    return total


def haar(x: Tensor) -> tuple[Tensor, Tensor]:
    """[N, C, H, W] -> means [N, C, H/2, W/2] and three detail bands after one another, [N, 3 C, ...]."""
    h, w = (side // 2 * 2 for side in x.shape[2:])
    p, q, r, s = (x[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1))
    details = torch.cat((p - q + r - s, p + q - r - s, p - q - r + s), 1) / 2
    return (p + q + r + s) / 4, details


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """[N, B, h, w] twice -> [N, B]: mean over regions, relative to nothing."""
    stride = max(1, int(WINDOW) // 2)
    mean_a, mean_b = blurred(a, WINDOW / 2, stride), blurred(b, WINDOW / 2, stride)
    deviation_a, deviation_b = (
        (blurred(x * x, WINDOW / 2, stride) - mean * mean).clamp(min=0).add(STEADY).sqrt()
        for x, mean in ((a, mean_a), (b, mean_b))
    )
    return ((mean_a - mean_b) ** 2 + (deviation_a - deviation_b) ** 2).mean((2, 3))
