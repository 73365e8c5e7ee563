"""The likelihood by which a model learns how loud the noise of realisms over 0.5 is to be."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from nic_cli.losses.spectrum import COLOURS
from nic_cli.transform.config import MIDDLE
from nic_cli.transform.noise_injection import NoiseInjection, haar
from nic_cli.transform.planes import planes
from nic_cli.transform.seeded_noise import BANDS, SIDES
from nic_cli.transform.synthesis import Synthesis

NOTHING = 1e-7  # variance of a coefficient, under that of rounding


def loudness(
    synthesis: Synthesis,
    out: tuple[Tensor, Tensor],
    realisms: tuple[Tensor, Tensor],
    wanted: Tensor,
    precision: torch.dtype,
) -> Tensor:
    """How unlikely the energies of the original are: mean of log(E + v) + E_x / (E + v).

    E: energy of what b = 0.5 shows in each cell, plane and band, E_x: that of the original, v: variance that
    noise is to add, E and E_x averaged over 3x3 cells. Its gradient reaches the prediction of v alone.
    out: dequantised latents [N, h, w, latent] and their q [N]; realisms: made and shown, [1] each;
    wanted: [N, 16 h, 16 w, 3] in 0..1; precision: of the deep branch.
    """
    noise = cast(NoiseInjection, synthesis.realism)  # a recipe whose model has none is refused
    (y, q), (b_encoded, b_decoded) = out, realisms
    with torch.no_grad():
        half = synthesis(y, b_encoded, b_decoded.new_tensor([MIDDLE]), precision) + 0.5
        features = synthesis.features(y, b_encoded, b_decoded, precision)
        there, aimed = energies(half), energies(wanted)
    total = _smooth(there + noise.deviation(features, q).square()) + NOTHING
    return (total.log() + _smooth(aimed) / total).mean()


def energies(x: Tensor) -> Tensor:
    """Pictures [N, H, W, 3] -> mean square of each band in cells, [N, H/8, W/8, 27] as of `deviation`."""
    coefficients = haar(torch.einsum("oc,nchw->nohw", x.new_tensor(COLOURS), planes(x)))
    found, at = [], 0
    for side in SIDES:
        count = BANDS * side * side
        part = coefficients[..., at : at + count].square()
        found.append(part.reshape(*part.shape[:-1], BANDS, side * side).mean(-1))
        at += count
    return torch.cat(found, -1)


def _smooth(x: Tensor) -> Tensor:
    """Means of 3x3 cells."""
    return F.avg_pool2d(x.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)
