"""The parts of a native model put together, and what training asks of them in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn

from nic_cli.transform.analysis import Analysis
from nic_cli.transform.conditioning import Gains
from nic_cli.transform.config import Z_LIMIT, ModelConfig
from nic_cli.transform.context_model import ContextModel, phase_of
from nic_cli.transform.hyperprior import HyperAnalysis, HyperPrior, HyperSynthesis
from nic_cli.transform.noise_injection import drawn
from nic_cli.transform.scale_network import ScaleNetwork, round_
from nic_cli.transform.synthesis import Synthesis


@dataclass(frozen=True, slots=True)
class Pass:
    """One training pass. x: [N, H, W, 3]; y: dequantised [N, H/16, W/16, latent]; y_bits, z_bits: [N]."""

    x: Tensor
    y: Tensor
    y_bits: Tensor
    z_bits: Tensor


class Network(nn.Module):
    """All trainable parts. Inference takes the same modules, with integers for the scale network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config)
        self.gains = Gains(config)
        self.hyper_analysis = HyperAnalysis(config)
        self.scales = ScaleNetwork(config)
        self.hyper_synthesis = HyperSynthesis(config)
        self.context = ContextModel(config)
        self.synthesis = Synthesis(config)
        self.prior = HyperPrior(config)

    def forward(
        self,
        x: Tensor,
        q: Tensor,
        b: Tensor,
        precision: torch.dtype,
        b_decoded: Tensor | None = None,
        noisy: bool = True,
    ) -> Pass:
        """x: [N, H, W, 3] minus 1/2; q: [N]; b, b_decoded: [1]. The rate sees noise, the rest sees rounding.

        b_decoded: another realism for the synthesis than the b that the latents are made for; from it
        the encoder learns nothing, since it never knows how a file will be looked at.
        """
        inward, outward = self.gains(q, b)
        y = self.analysis(x, b, precision) * inward
        y = y if b_decoded is None else y.detach()
        z_float = self.hyper_analysis(y, precision)
        z = round_(z_float).clamp(-Z_LIMIT, Z_LIMIT)
        sigma = self.sigma(self.scales(z, q))
        features = self.hyper_synthesis(z, q, precision)

        def reveal(phase: int, means: Tensor) -> Tensor:
            return round_(phase_of(y, phase) - means) + means

        means, y_hat = self.context(features, reveal)
        r = y - means + (torch.rand_like(y) - 0.5) if noisy else y_hat - means
        z_bits = self.prior(z_float + (torch.rand_like(z) - 0.5) if noisy else z, q)
        y_hat = y_hat * outward
        noise = None
        if self.synthesis.realism is not None:
            noise = drawn(len(y), 2 * y.shape[1], 2 * y.shape[2], y.device), q
        x_hat = self.synthesis(y_hat, b, b if b_decoded is None else b_decoded, precision, noise)
        return Pass(x_hat, y_hat, gaussian_bits(r, sigma).sum((1, 2, 3)), z_bits.sum((1, 2, 3)))

    def sigma(self, indices: Tensor) -> Tensor:
        """Standard deviation, in quantiser steps, of each table index."""
        low, high = log(self.config.scale_low), log(self.config.scale_high)
        return (low + (high - low) / (self.config.scales - 1) * indices).exp()


def gaussian_bits(r: Tensor, sigma: Tensor) -> Tensor:
    """Bits of r, rounded or noisy, under a Gaussian of deviation sigma integrated over one step."""
    near = (r.abs() - 0.5) / sigma
    far = near + 1 / sigma
    tail = torch.special.log_ndtr(-near)  # in logarithms, so that a bad guess still has a slope
    ratio = torch.special.log_ndtr(-far) - tail
    bits: Tensor = (tail + torch.log(-torch.expm1(ratio.clamp(max=-1e-6)))) * (-1 / log(2))
    return bits
