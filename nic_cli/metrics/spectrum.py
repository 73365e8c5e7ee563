"""Power at each fine frequency against the original's, which shows lost texture and a mesh."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.metrics.filters import luma, pair

SIDE, STRIDE = 64, 32  # of the windows, in pixels
BEYOND = 0.2  # cycles a pixel: finer than that is texture rather than shape
STEADY = 1 / 1200  # levels squared a pixel, a hundredth of what rounding to levels adds: for drawings


def median(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Median over fine frequencies of the power found over that wanted: 1 is best, under it smooth."""
    ratios = _ratios(wanted, found)
    return math.nan if ratios is None else ratios[_beyond()].quantile(0.5).item()


def peak(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """The highest of those ratios: a mesh, a pattern that is not there, is a line many times over 1."""
    return worst(wanted, found)[0]


def worst(wanted: NDArray[Any], found: NDArray[Any]) -> tuple[float, tuple[float, float]]:
    """That ratio and its frequency: cycles a pixel down and across. Powers are of luma.

    Of 64x64 Hann windows, every 32 pixels, their means taken off. nan for pictures smaller than one.
    """
    ratios = _ratios(wanted, found)
    if ratios is None:
        return math.nan, (math.nan, math.nan)
    where = int(torch.where(_beyond(), ratios, 0).argmax())
    frequencies = torch.fft.fftfreq(SIDE)
    down, across = (float(frequencies[i]) for i in divmod(where, SIDE))
    return ratios.flatten()[where].item(), (down, across)


@torch.inference_mode()
def _ratios(wanted: NDArray[Any], found: NDArray[Any]) -> Tensor | None:
    """[64, 64] power found over power wanted by frequency."""
    a, b = (luma(x)[0].double() for x in pair(wanted, found))
    if min(a.shape) < SIDE:
        return None
    return _power(b) / _power(a)


def _power(y: Tensor) -> Tensor:
    """[H, W] in levels -> [64, 64]: mean power a pixel of the windows, and a little of rounding's."""
    line = torch.hann_window(SIDE, False, dtype=y.dtype)
    window = line[:, None] * line
    total = y.new_zeros(SIDE, SIDE)
    for rows in y.unfold(0, SIDE, STRIDE):  # [W, 64]: a row of windows at a time, for memory
        parts = rows.unfold(0, SIDE, STRIDE)  # [count, 64 rows, 64 columns]
        parts = (parts - parts.mean((-1, -2), keepdim=True)) * window
        total += torch.fft.fft2(parts).abs().square().mean(0)
    count = (y.shape[0] - SIDE) // STRIDE + 1
    return total / count / window.square().sum() + STEADY


def _beyond() -> Tensor:
    frequencies = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    return torch.hypot(frequencies[:, None], frequencies) > BEYOND
