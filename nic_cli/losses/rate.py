"""The rate-distortion objective over the whole range of q at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nic_cli.losses.distortion import Distortion
from nic_cli.losses.fidelity import squared
from nic_cli.transform.conditioning import lambda_of
from nic_cli.transform.network import Pass

MIDDLE = 450.0


def drawn_q(
    count: int, q_top: float, random: torch.Generator, device: str, between: Sequence[float] = ()
) -> Tensor:
    """Rates of a batch: between two, or all, but thrice as seldom in the top quarter.

    There the squared error weighs so much that its gradients drown those of the rates people use.
    between: the lowest, the highest, and perhaps a power of the even draw: by its square, 41 % of q from
    0 to 6 lie under 1.
    """
    u = torch.rand(count, generator=random, device=device)
    if between:
        low, high, power = (*between, 1.0)[:3]
        return low + (high - low) * u**power
    often, below = 0.9, 0.75
    share = torch.where(u < often, u / often * below, below + (u - often) / (1 - often) * (1 - below))
    return q_top * share


def rate_distortion(
    found: Tensor, wanted: Tensor, out: Pass, q: Tensor, distortion: Distortion, b: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean of (bpp + lambda D) / sqrt(lambda / 450), and its parts to log.

    found, wanted: [N, H, W, 3] in 0..1; out: the pass that found it; q: [N]; b: of the whole batch.
    The division keeps samples of all rates equally heard.
    """
    pixels = wanted.shape[1] * wanted.shape[2]
    error, terms = distortion(found, wanted, b)
    bpp = (out.y_bits + out.z_bits) / pixels
    weight = lambda_of(q)
    loss = ((bpp + weight * error) * (MIDDLE / weight).sqrt()).mean()
    parts = {
        "loss": loss.detach(),
        "bpp": bpp.mean().detach(),
        "z_share": (out.z_bits.sum() / (out.y_bits + out.z_bits).sum()).detach(),
        "psnr": (-10 * torch.log10(squared(found.detach(), wanted))).mean(),
    }
    return loss, parts | {name: value for name, value in terms.items() if name != "squared"}
