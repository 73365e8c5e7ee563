"""Whether a picture has the textures and the sharpness of the one wanted, wherever exactly they lie."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nic_cli.metrics.filters import averaged_cut, luma, mixed, pair

OCTAVES = 5
DEVIATION, REACH, STRIDE = 4.0, 12, 4  # windows, in pixels of the band; denser ones tell nothing new
YCBCR = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
WEIGHTS = (1.0, 0.5, 0.5)
SMALLEST = 2 ** (OCTAVES + 1)  # side whose coarsest octave still has two by two means to compare
ROUNDING = 1 / 12  # levels squared: power of rounding to whole levels


@torch.inference_mode()
def texture(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Wasserstein distance of local wavelet statistics, in levels of 255; 0 for equal pictures.

    After Wasserstein distortion (Qiu, Wagner, Balle and Theis, 2023), with Haar bands for features:

        root of sum over colours c of w_c * mean over octaves, three orientations and windows of
        (m - m')^2 + (s - s')^2

    m and s are mean and deviation of a band in a Gaussian window: the distance of two normal
    distributions, so grain of the same strength costs nothing wherever each of its grains lies.
    Colours are luma and, at half weight, chroma of sRGB as coded, whose equal steps look about
    alike. Bands are differences of averages, for then natural pictures, whose amplitude falls as
    1/f, weigh about the same in each octave. They are taken at every shift of an octave's grid:
    on the grid alone, edges between the 8x8 blocks of a codec would fall between wavelets.
    """
    a, b = (mixed(x, YCBCR) for x in pair(wanted, found))
    if min(a.shape[1:]) < SMALLEST:
        return math.nan
    total = 0.0
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    for octave in range(OCTAVES):
        if octave:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        (mean_a, deviation_a), (mean_b, deviation_b) = _statistics(a), _statistics(b)
        apart = (mean_a - mean_b).square_() + (deviation_a - deviation_b).square_()
        total += (apart.mean((0, 2, 3), dtype=torch.float64) @ weights).item()
    return math.sqrt(total / OCTAVES)


@torch.inference_mode()
def octaves(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Power of the top two octaves found, over that wanted: 1 is best, under it smooth, over it harsh.

    Of luma, at frequencies of 1/8 cycle a pixel or more along either axis, under a Hann window so
    that borders do not count as edges. Each side has the power of rounding added: pictures without
    detail give a number too, and 1 when both have none. nan under 16 pixels.
    """
    a, b = (luma(x) for x in pair(wanted, found))
    if min(a.shape[1:]) < 16:
        return math.nan
    return (_top_power(b) + ROUNDING) / (_top_power(a) + ROUNDING)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """[C, H, W] -> means and deviations in windows, [3 orientations, C, h, w] each."""
    across, down = (x[..., 1:] + x[..., :-1]) / 2, (x[..., 1:] - x[..., :-1]) / 2
    bands = torch.stack(
        (
            (down[:, 1:] + down[:, :-1]) / 2,
            (across[:, 1:] - across[:, :-1]) / 2,
            (down[:, 1:] - down[:, :-1]) / 2,
        )
    )
    mean = averaged_cut(bands, DEVIATION, REACH, STRIDE)
    power = averaged_cut(bands.square_(), DEVIATION, REACH, STRIDE)
    return mean, (power - mean.square()).clamp_(min=0).sqrt_()


def _top_power(y: Tensor) -> float:
    """[1, H, W] -> mean power a pixel in the top two octaves, in levels squared."""
    height, width = y.shape[1:]
    window = torch.hann_window(height, False)[:, None] * torch.hann_window(width, False)
    power = torch.fft.rfft2((y[0] - y.mean()) * window).abs().square()
    power[:, 1 : (width + 1) // 2] *= 2  # each column but the first and that of Nyquist stands for two
    top = torch.maximum(torch.fft.fftfreq(height).abs()[:, None], torch.fft.rfftfreq(width)) >= 1 / 8
    total: float = power[top].sum(dtype=torch.float64).item()
    return total / (height * width * window.square().sum().item())
