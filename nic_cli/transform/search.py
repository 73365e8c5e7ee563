"""The search for better latents of one tile: stochastic Gumbel annealing through the frozen model.

The analysis guesses latents that are good on average; here they are optimised for the picture at
hand, for bits plus distortion. Each step rounds every residual up or down by chance, the likelier
the nearer, with noise and slopes of the Gumbel-softmax; the temperature falls, so that in the end
rounding is what the coder does. (Yang, Bamler and Mandt, "Improving inference for neural image
compression", NeurIPS 2020, section 3.2.) The means are predicted anew in each step from the latents
as they were rounded, and the gradient goes through the prediction too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.transform.context import merged, phase_of
from nic_cli.transform.dials import lambda_of
from nic_cli.transform.network import Network, gaussian_bits
from nic_cli.transform.structure import structure
from nic_cli.types import Symbols

HOT, COLD = 0.8, 0.2  # temperature in the first step and in the last
EDGE = 1e-4  # how near a residual comes to an integer, where the slope of the chances has a pole

Told = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Window:
    """A tile as it was coded without a search, and what a change of its latents shows in.

    y: [1, h, w, latent] as analysed. symbols: what became of them. around: [1, H, W, latent], the
    latents that a decoder has of the tile and a halo. row, column: where the tile begins in it.
    wanted: [H', W', 3] in 0..1, the pixels of `around` that belong to the picture.
    """

    y: Tensor
    symbols: Symbols
    around: Tensor
    row: int
    column: int
    wanted: NDArray[np.float32]

    def with_tile(self, latents: Tensor) -> Tensor:
        """`around` with other latents [1, h, w, latent] in place of the tile."""
        around = self.around.clone()
        _, height, width, _ = latents.shape
        around[:, self.row : self.row + height, self.column : self.column + width] = latents
        return around


def search(network: Network, window: Window, q: float, b: float, steps: int, seed: int, told: Told) -> Tensor:
    """Better latents [1, h, w, latent] for the tile than `window.y`, with its hyper-latents as they are.

    seed: of the chances. told: called after each step; whatever it raises ends the search.
    Hyper-latents were tried too, with their own noise: it spoils the means and scales of all residuals
    under them, and lost 0.8 to 2 % of rate.
    """
    device, kind = window.y.device, precision(window.y.device)
    rate, realism = (torch.tensor([dial], device=device) for dial in (q, b))
    inward, outward = network.gains(rate, realism)
    tables = torch.from_numpy(window.symbols.parts[1][0]).to(device)[None]
    skipped, sigma = tables < network.config.skip, network.sigma(tables)
    z = torch.from_numpy(window.symbols.z).to(device, window.y.dtype)[None]
    features = network.hyper_synthesis(z, rate, kind)
    wanted = torch.tensor(window.wanted, device=device)[None]
    pixels = wanted.shape[1] * wanted.shape[2]
    weight = float(lambda_of(rate))

    chance = torch.Generator(device).manual_seed(seed)
    y = (window.y * inward).requires_grad_(True)
    optimiser = torch.optim.Adam([y], lr=0.0075 + 0.3 / steps)
    for step in range(steps):
        latents, r = _rounded(network, features, y, skipped, _heat(step, steps), chance)
        bits = gaussian_bits(r, sigma).masked_fill(skipped, 0).sum()
        found = network.synthesis(window.with_tile(latents * outward), realism, realism, kind)
        error = distortion(found[:, : wanted.shape[1], : wanted.shape[2]] + 0.5, wanted, b)
        optimiser.zero_grad()
        (bits + weight * pixels * error).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        told()
    better: Tensor = y.detach() / inward
    return better


def distortion(found: Tensor, wanted: Tensor, b: float) -> Tensor:
    """What a file made for realism b is to keep low, as iris was trained. [1, H, W, 3] in 0..1, to [].

    Squared error at b = 0; from there to 0.5 structure as eyes see it takes over. At b = 0.75, 60 steps on
    parts of CID22 then save 11 and 20 % of the bytes at equal SSIMULACRA 2 (q = 1 and 3) and 7 and 10 % at
    equal PSNR; squared error alone, there too, saves 11 and 16 % by PSNR, but -1 and 3 % by SSIMULACRA 2.
    """
    share = min(2 * b, 1.0)
    error = (1 - 0.65 * share) * (found - wanted).square().mean()
    return error + 0.026 * share * structure(found, wanted).sum() if share else error


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
    return HOT * math.exp(math.log(COLD / HOT) * step / steps)


def relaxed(x: Tensor, heat: float, chance: torch.Generator) -> Tensor:
    """x rounded up or down by chance, or nearly: between the two by less, the less `heat` there is.

    The chance of either is that of a softmax over -atanh(distance) / heat.
    """
    low = x.detach().floor()
    part = (x - low).clamp(EDGE, 1 - EDGE)
    noise = torch.rand(x.shape, generator=chance, device=x.device, dtype=x.dtype).clamp(1e-6, 1 - 1e-6)
    up = (torch.atanh(part) - torch.atanh(1 - part)) / heat
    return low + torch.sigmoid((up + torch.logit(noise)) / heat)


def precision(device: torch.device) -> torch.dtype:
    """What the deep layers are searched through in: bfloat16 where there are matrix units for it.

    With them a step takes 0.29 of its time in float32 (Sapphire Rapids); the coding itself is never
    done in it. By what the processor is, not by a timing: the same machine must always find the same.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32
