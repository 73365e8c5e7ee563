"""The rate dial: q becomes one gain per latent channel, on either side of the quantiser.

Gained variational autoencoders (Cui et al., CVPR 2021): y is multiplied before quantisation and
by separate, learned gains after it. Log-gains are interpolated linearly between anchors of q.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nic_cli.transform.config import ModelConfig

START = 0.83  # ln(0.342 sqrt(lambda)) at q = 0: a step near 1/8 of an orthonormal coefficient at mid rate


def interpolate(anchors: Tensor, q: Tensor, q_top: float) -> Tensor:
    """anchors: [A, C] at q = 0..q_top; q: [N] -> [N, C], linear in between."""
    at = (q / q_top * (anchors.shape[0] - 1)).clamp(0, anchors.shape[0] - 1)
    low = at.floor().long().clamp(max=anchors.shape[0] - 2)
    part = (at - low)[:, None]
    return anchors[low] * (1 - part) + anchors[low + 1] * part


class Gains(nn.Module):
    """Log-gains of the latent channels: `inward` before the quantiser, `outward` after it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.q_top = config.q_top
        q = torch.linspace(0, config.q_top, config.q_anchors)
        start = (START + q / 2)[:, None].repeat(
            1, config.latent
        )  # half of ln lambda's slope, see train.losses
        self.inward = nn.Parameter(start.clone())
        self.outward = nn.Parameter(-start)

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """q: [N] -> two gains [N, 1, 1, C], to multiply y and the dequantised y with."""
        inward = interpolate(self.inward, q, self.q_top).exp()
        outward = interpolate(self.outward, q, self.q_top).exp()
        return inward[:, None, None, :], outward[:, None, None, :]
