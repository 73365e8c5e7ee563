"""HaarPSI: how alike the edges of two pictures are, where they have edges."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.filters import mixed, pair

YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
STEADY, SLOPE = 30.0, 4.2  # C and alpha, fitted to four databases of people's judgement
SMALLEST = 16  # side: the coarsest wavelet spans 16 pixels


@torch.inference_mode()
def haarpsi(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """HaarPSI with colour (Reisenhofer, Bosse, Kutyniok and Wiegand, 2018), 0..1, 1 for equal pictures.

    Of halved Y: the likeness of Haar responses at two fine scales, weighted by the response at the
    third, each way; of halved I and Q: the likeness of local means, weighted by both ways' mean.
    """
    a, b = (_halved(mixed(x, YIQ)) for x in pair(wanted, found))
    if min(wanted.shape[:2]) < SMALLEST:
        return math.nan
    edges_a, edges_b = _responses(a[:1]), _responses(b[:1])  # [scale, way, H / 2, W / 2]
    chroma_a, chroma_b = (_filtered(x[1:, None], torch.full((1, 1, 2, 2), 0.25))[:, 0] for x in (a, b))
    weights = torch.maximum(edges_a[2], edges_b[2])
    alike = torch.cat(
        (_alike(edges_a[:2], edges_b[:2]).mean(0), _alike(chroma_a, chroma_b).mean(0, keepdim=True))
    )
    weights = torch.cat((weights, weights.mean(0, keepdim=True)))
    squashed = torch.sigmoid(SLOPE * alike).double()
    total = weights.sum(dtype=torch.float64)
    mean = (squashed * weights).sum() / total if total > 0 else squashed.mean()
    return (torch.logit(mean) / SLOPE).square().item()


def _halved(x: Tensor) -> Tensor:
    """Means over 2x2; past an odd side all is black."""
    return F.avg_pool2d(F.pad(x, (0, x.shape[2] % 2, 0, x.shape[1] % 2)), 2)


def _responses(y: Tensor) -> Tensor:
    """[1, H, W] -> [3, 2, H, W]: magnitudes of Haar wavelets of 2, 4 and 8 pixels, both ways."""
    scales = []
    for side in (2, 4, 8):
        rows = torch.ones(side, side) / side
        rows[: side // 2] *= -1
        scales.append(_filtered(y[None], torch.stack((rows, rows.t()))[:, None])[0])
    return torch.stack(scales)


def _filtered(x: Tensor, kernels: Tensor) -> Tensor:
    """[N, 1, H, W] and [K, 1, side, side] -> magnitudes [N, K, H, W]; black around."""
    side = kernels.shape[-1]
    before, after = side // 2 - 1, side // 2
    return F.conv2d(F.pad(x, (before, after, before, after)), kernels).abs()


def _alike(a: Tensor, b: Tensor) -> Tensor:
    return (2 * a * b + STEADY) / (a * a + b * b + STEADY)
