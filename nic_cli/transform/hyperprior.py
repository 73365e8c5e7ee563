"""Latents to hyper-latents and back to features: what a tile says of itself before its residuals.

The float half of the hyperprior (Balle et al., ICLR 2018; Minnen et al., NeurIPS 2018): the
features only move means, so a difference in the sixth digit moves a pixel in the sixth digit.
The scales, which must agree to the bit, come from `exact`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nic_cli.transform.conditioning import interpolate
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import shuffle, unshuffle
from nic_cli.transform.layers import Block, Dense, widened


class HyperAnalysis(nn.Module):
    """y: [N, h, w, latent], multiplied by its gain -> z before rounding: [N, h/4, w/4, hyper]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        fine, coarse = config.hyper_fine, config.hyper_coarse
        self.stem = Dense(config.latent, fine, tile=True)
        self.fine = Block(fine, tile=True)
        self.down = Dense(4 * fine, coarse, tile=True)
        self.coarse = Block(coarse, tile=True)
        self.tail = Dense(4 * coarse, config.hyper, tile=True)

    def forward(self, y: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
        """h, w are multiples of 4."""
        h = self.fine(self.stem(y.to(precision)))
        h = self.coarse(self.down(unshuffle(h, 2)))
        return widened(self.tail(unshuffle(h, 2)))


class HyperSynthesis(nn.Module):
    """z: [N, h, w, hyper] integers -> features [N, 4h, 4w, hyper_fine]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        fine, coarse = config.hyper_fine, config.hyper_coarse
        self.q_top = config.q_top
        self.q_bias = nn.Parameter(torch.zeros(config.q_anchors, 4 * coarse))
        self.stem = Dense(config.hyper, 4 * coarse, tile=True)
        self.coarse = Block(coarse, tile=True)
        self.up = Dense(coarse, 4 * fine, tile=True)
        self.fine = Block(fine, tile=True)

    def forward(self, z: Tensor, q: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
        """q: [N], which spares z the work of saying what the header says."""
        bias = interpolate(self.q_bias, q, self.q_top)[:, None, None, :]
        h = (self.stem(z) + bias).to(precision)
        return self.fine(shuffle(self.up(self.coarse(shuffle(h, 2))), 2))  # type: ignore[no-any-return]


class HyperPrior(nn.Module):
    """While training: a logistic distribution of each channel of z, moving with q.

    The model file holds integer tables counted on training pictures instead.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.q_top = config.q_top
        self.mean = nn.Parameter(torch.zeros(config.q_anchors, config.hyper))
        self.log_scale = nn.Parameter(torch.zeros(config.q_anchors, config.hyper))

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """z: [N, h, w, hyper], noisy or rounded; q: [N] -> bits of each value."""
        mean = interpolate(self.mean, q, self.q_top)[:, None, None, :]
        scale = interpolate(self.log_scale, q, self.q_top)[:, None, None, :].exp()
        distance = -(z - mean).abs()  # both tails alike: stay where sigmoid keeps its digits
        mass = torch.sigmoid((distance + 0.5) / scale) - torch.sigmoid((distance - 0.5) / scale)
        return -torch.log2(mass.clamp(min=1e-7))
