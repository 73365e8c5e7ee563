"""Latent optimisation of one tile: stochastic Gumbel annealing through the frozen model.

The analysis guesses latents that are good on average; here they are optimised for the picture at
hand, for bits plus distortion. Each step rounds every residual up or down by chance, the likelier
the nearer, with noise and slopes of the Gumbel-softmax; the temperature falls, so that in the end
rounding is what the coder does. (Yang, Bamler and Mandt, "Improving inference for neural image
compression", NeurIPS 2020, section 3.2.) The means are predicted anew in each step from the latents
as they were rounded, and the gradient goes through the prediction too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.transform.conditioning import lambda_of
from nic_cli.transform.config import MIDDLE
from nic_cli.transform.context_model import merged, phase_of
from nic_cli.transform.network import Network, gaussian_bits
from nic_cli.transform.precision import precision
from nic_cli.transform.structure_distance import Structure
from nic_cli.types import IndexArray, IntArray

HOT, COLD = 0.8, 0.2  # temperature in the first step and in the last
UNIT = 16  # pixels a latent, along a side
PIXELS, LEAST_ROWS = 3 << 18, 8  # of a part: about half a gigabyte, three quarters with structure
REACH = 2
"""Rows of latents beyond a part or a tile that are looked at with it. A latent reaches 9 of them, but not
a millionth of the squared change that it makes lies beyond 2."""
EDGE = 1e-4  # how near a residual comes to an integer, where the slope of the chances has a pole

StepCallback = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Window:
    """A tile as it was coded without a search, and what a change of its latents shows in.

    y: [1, h, w, latent] as analysed. z: [h/4, w/4, hyper], and the tables of the residuals, [h, w, latent],
    that follow from it. around: [1, H, W, latent], the latents that a decoder has of the tile and a halo.
    row, column: where the tile begins in it. wanted: [H', W', 3] in 0..1, the pixels of `around` that belong
    to the picture. concurrent: windows that are searched at once, and share the memory.
    """

    y: Tensor
    z: IntArray
    tables: IndexArray
    around: Tensor
    row: int
    column: int
    wanted: NDArray[np.float32]
    concurrent: int = 1

    def with_tile(self, latents: Tensor) -> Tensor:
        """`around` with other latents [1, h, w, latent] in place of the tile."""
        around = self.around.clone()
        _, height, width, _ = latents.shape
        around[:, self.row : self.row + height, self.column : self.column + width] = latents
        return around


def search(
    network: Network, window: Window, q: float, b: float, steps: int, seed: int, on_step: StepCallback
) -> Tensor:
    """Better latents [1, h, w, latent] for the tile than `window.y`, with its hyper-latents as they are.

    seed: of the chances. on_step: called after each step; whatever it raises ends the search.
    Hyper-latents were tried too, with their own noise: it spoils the means and scales of all residuals
    under them, and lost 0.8 to 2 % of rate.
    """
    device, kind = window.y.device, precision(window.y.device.type)
    # What b over 0.5 shows is invented, and nothing to search against: there latents serve the structure.
    rate, realism, shown = (torch.tensor([dial], device=device) for dial in (q, b, min(b, MIDDLE)))
    inward, outward = network.gains(rate, realism)
    tables = torch.from_numpy(window.tables).to(device)[None]
    skipped, sigma = tables < network.config.skip, network.sigma(tables)
    z = torch.from_numpy(window.z).to(device, window.y.dtype)[None]
    features = network.hyper_synthesis(z, rate, kind)
    parts, weight = list(_parts(window, b)), float(lambda_of(rate))

    chance = torch.Generator(device).manual_seed(seed)
    y = (window.y * inward).requires_grad_(True)
    optimiser = torch.optim.Adam([y], lr=0.0075 + 0.3 / steps)
    for step in range(steps):
        latents, r = _rounded(network, features, y, skipped, _heat(step, steps), chance)
        bits = gaussian_bits(r, sigma).masked_fill(skipped, 0).sum()
        seen = latents.detach().requires_grad_(True)
        for part in parts:
            around = window.with_tile(seen * outward)[:, part.above : part.below]
            found = network.synthesis(around, realism, shown, kind)[:, part.first :]
            (weight * part.distortion(found + 0.5)).backward()  # type: ignore[no-untyped-call]
        optimiser.zero_grad()
        torch.autograd.backward((bits, latents), (None, seen.grad))
        optimiser.step()
        on_step()
    better: Tensor = y.detach() / inward
    return better


class Distortion:
    """What a file made for realism b is to keep low, as iris was trained, summed over pixels.

    Squared error at b = 0; from there to 0.5 structure as eyes see it takes over. At b = 0.75, 60 steps on
    parts of CID22 then save 11 and 20 % of the bytes at equal SSIMULACRA 2 (q = 1 and 3) and 7 and 10 % at
    equal PSNR; squared error alone, there too, saves 11 and 16 % by PSNR, but -1 and 3 % by SSIMULACRA 2.
    """

    def __init__(self, wanted: Tensor, b: float) -> None:
        """wanted: [1, H, W, 3] in 0..1, what others are compared with."""
        self._wanted, self._share = wanted, min(2 * b, 1.0)
        self._structure = Structure(wanted) if self._share else None

    def __call__(self, found: Tensor) -> Tensor:
        """found: [1, H', W', 3], at least as large; what lies beyond does not count."""
        _, height, width, _ = self._wanted.shape
        seen = found[:, :height, :width]
        error = (1 - 0.65 * self._share) * (seen - self._wanted).square().mean()
        if self._structure is not None:
            error = error + 0.026 * self._share * self._structure(seen).sum()
        return height * width * error


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows above..below of a window's latents, whose pixels from row `first` on have a distortion."""

    above: int
    below: int
    first: int
    distortion: Distortion


def _parts(window: Window, b: float) -> Iterator[_Part]:
    """A window from top to bottom, in parts whose synthesis leaves a bounded amount for its gradient.

    On each side a part sees rows that are not its own, as far as a latent reaches all but entirely.
    """
    rows = max(LEAST_ROWS, PIXELS // (UNIT * UNIT * window.around.shape[2] * window.concurrent))
    count = -(-window.around.shape[1] // rows)
    edges = [round(i * window.around.shape[1] / count) for i in range(count + 1)]
    wanted = torch.tensor(window.wanted, device=window.around.device)[None]
    for top, bottom in pairwise(edges):
        own = wanted[:, UNIT * top : UNIT * bottom]
        if own.shape[1]:  # else it lies below the picture
            above, below = max(0, top - REACH), min(edges[-1], bottom + REACH)
            yield _Part(above, below, UNIT * (top - above), Distortion(own, b))


def _rounded(
    network: Network, features: Tensor, y: Tensor, skipped: Tensor, heat: float, chance: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Latents and residuals [1, h, w, latent], relaxed."""
    residuals: list[Tensor] = []

    def reveal(phase: int, means: Tensor) -> Tensor:
        r = relaxed(phase_of(y, phase) - means, heat, chance)
        residuals.append(r.masked_fill(phase_of(skipped, phase), 0))
        return means + residuals[-1]

    _, latents = network.context(features, reveal)
    return latents, merged(residuals)


def _heat(step: int, steps: int) -> float:
    heat: float = HOT * (COLD / HOT) ** (step / steps)
    return heat


def relaxed(x: Tensor, heat: float, chance: torch.Generator) -> Tensor:
    """x rounded up or down by chance, or nearly: between the two by less, the less `heat` there is.

    The chance of either is that of a softmax over -atanh(distance) / heat.
    """
    low = x.detach().floor()
    part = (x - low).clamp(EDGE, 1 - EDGE)
    noise = torch.rand(x.shape, generator=chance, device=x.device, dtype=x.dtype).clamp(1e-6, 1 - 1e-6)
    up = (torch.atanh(part) - torch.atanh(1 - part)) / heat
    return low + torch.sigmoid((up + torch.logit(noise)) / heat)
