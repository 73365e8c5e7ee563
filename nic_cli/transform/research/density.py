"""Learned densities of hyper-latents, and coding tables from them and from Gaussians.

Factorised densities: Balle et al., ICLR 2018, appendix 6.1. Tables follow the rules of CompressAI (16 bits,
frequencies by rounding, empty bins paid by the rarest), so that they are those that published files were
coded with. They are made once, when a checkpoint is imported, and stored: the floats behind them differ
in the last digit between machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Frequencies = tuple[int, NDArray[np.int64]]
"""The smallest value of a table, and frequencies that sum to 2^16, the last one that of an escape."""

TOTAL = 1 << 16
SCALES = 64
SCALE_LOW, SCALE_HIGH = 0.11, 256.0
TAIL = 6.109410204869  # half width of a normal distribution without the outer 1e-9
WIDTHS = (1, 3, 3, 3, 3, 1)


def scale_table() -> Tensor:
    """[64] deviations from 0.11 to 256, evenly in their logarithm, in float32 as CompressAI has them."""
    return torch.exp(torch.linspace(math.log(SCALE_LOW), math.log(SCALE_HIGH), SCALES))


class Factorised(nn.Module):
    """CompressAI's density of each channel: layers of widths 1-3-3-3-3-1, and stored quantiles.

    Parameters are named _matrix0, _bias0, _factor0 and so on; quantiles: [C, 1, 3], low, median, high.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        for k, (before, after) in enumerate(pairwise(WIDTHS)):
            self.register_parameter(f"_matrix{k}", nn.Parameter(torch.zeros(channels, after, before)))
            self.register_parameter(f"_bias{k}", nn.Parameter(torch.zeros(channels, after, 1)))
            if k < 4:
                self.register_parameter(f"_factor{k}", nn.Parameter(torch.zeros(channels, after, 1)))
        self.quantiles = nn.Parameter(torch.zeros(channels, 1, 3))

    @property
    def medians(self) -> Tensor:
        """[C]: what is taken off before rounding."""
        return self.quantiles[:, 0, 1]

    def logits(self, x: Tensor) -> Tensor:
        """x: [C, 1, n] -> the logit of the cumulative distribution at each."""
        for k in range(5):
            x = F.softplus(self.get_parameter(f"_matrix{k}")) @ x + self.get_parameter(f"_bias{k}")
            if k < 4:
                x = x + torch.tanh(self.get_parameter(f"_factor{k}")) * torch.tanh(x)
        return x

    @torch.no_grad()
    def tables(self) -> list[Frequencies]:
        """One table a channel, of values from which the median has been taken off."""
        low, median, high = self.quantiles[:, 0].unbind(1)
        below = torch.ceil(median - low).int().clamp(min=0)
        above = torch.ceil(high - median).int().clamp(min=0)
        return factorised_tables(self.logits, median, below, above)


def factorised_tables(
    logits: Callable[[Tensor], Tensor], centre: Tensor, below: Tensor, above: Tensor
) -> list[Frequencies]:
    """Tables of -below..above around each channel's centre; all arguments: [C]."""
    widest = int((below + above).max()) + 1
    # In this order of summation, for a last digit here can change a frequency.
    at = torch.arange(widest)[None, None] + (centre - below)[:, None, None]
    lower, upper = logits(at - 0.5), logits(at + 0.5)
    mass = _mass(lower, upper)[:, 0]
    # Beyond the grid to the right, not beyond the channel's own last value: so does CompressAI.
    tails = torch.sigmoid(lower[:, 0, :1]) + torch.sigmoid(-upper[:, 0, -1:])
    found = []
    for channel, (down, top) in enumerate(zip(below.tolist(), above.tolist(), strict=True)):
        p = torch.cat([mass[channel, : down + top + 1], tails[channel]])
        found.append((-down, counted(p)))
    return found


def _mass(lower: Tensor, upper: Tensor) -> Tensor:
    sign = -torch.sign(lower + upper)  # on the side where the sigmoids are small, and so exact
    return (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()


def normal(x: Tensor) -> Tensor:
    """The normal distribution from the left up to x, without cancellation far out."""
    return 0.5 * torch.erfc(-(2**-0.5) * x)


def scale_tables(cumulative: Callable[[Tensor], Tensor] = normal, tail: float = TAIL) -> list[Frequencies]:
    """One table for each of the 64 deviations, of whole numbers around 0."""
    found = []
    for scale in scale_table():
        half = int(torch.ceil(scale * tail))
        away = torch.arange(-half, half + 1).abs().float()
        mass = cumulative((0.5 - away) / scale) - cumulative((-0.5 - away) / scale)
        beyond = 2 * cumulative((-0.5 - away[:1]) / scale)
        found.append((-half, counted(torch.cat([mass, beyond]))))
    return found


def counted(p: Tensor) -> NDArray[np.int64]:
    """Probabilities [n], float32, to n whole numbers of at least 1 that sum to 2^16.

    Each value that rounds to nothing takes one from the rarest value that has more than one.
    """
    rough = np.floor(p.numpy().astype(np.float32) * np.float32(TOTAL) + np.float32(0.5)).astype(np.int64)
    edges = np.concatenate([[0], np.cumsum(TOTAL * rough // rough.sum())])
    edges[-1] = TOTAL
    counts = np.diff(edges)
    for empty in np.flatnonzero(counts == 0):
        rich = np.where(counts > 1, counts, TOTAL + 1)
        counts[int(rich.argmin())] -= 1
        counts[empty] = 1
    return counts


def scale_index(scale: Tensor, table: Tensor) -> Tensor:
    """The first entry of the table not below each scale; beyond it, the last."""
    return torch.searchsorted(table[:-1].to(scale.dtype), scale.contiguous())


def widened(tables: Sequence[Frequencies]) -> list[tuple[int, NDArray[np.uint32]]]:
    """Frequencies of 16 bits as those of 24 bits that our coder takes: the same probabilities."""
    return [(low, (counts << 8).astype(np.uint32)) for low, counts in tables]
