"""Conditioning on rate q and realism b: gains around the quantiser, scales and shifts within blocks.

Gained variational autoencoders (Cui et al., CVPR 2021): y is multiplied before quantisation and
by separate, learned gains after it, their logarithms interpolated linearly between anchors. Ours
depend on b as well, and so do the blocks of the analysis: the least squared error and the best
structure to the eye want the bits in different places, dark and faint detail above all.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layers import Block
from nic_cli.transform.low_rank import BlockLowRankUpdate, update_share

LAMBDA_LOW = 45.0  # weight of the distortion (squared error of pixels in 0..1) against bpp at q = 0
START = 0.83  # ln(0.342 sqrt(lambda)) at q = 0: a step near 1/8 of an orthonormal coefficient at mid rate


def lambda_of(q: Tensor) -> Tensor:
    """Weight of the distortion at q: grows e-fold a unit, so that bpp grows about 1.8-fold."""
    return LAMBDA_LOW * q.exp()


def interpolate(anchors: Tensor, q: Tensor, q_top: float) -> Tensor:
    """anchors: [A, ...] at q = 0..q_top; q: [N] -> [N, ...], linear in between."""
    at = (q / q_top * (anchors.shape[0] - 1)).clamp(0, anchors.shape[0] - 1)
    low = at.floor().long().clamp(max=anchors.shape[0] - 2)
    part = (at - low).reshape(-1, *(1,) * (anchors.ndim - 1))
    return anchors[low] * (1 - part) + anchors[low + 1] * part


class Gains(nn.Module):
    """Log-gains of the latent channels: `inward` before the quantiser, `outward` after it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.q_top = config.q_top
        # Half the slope of ln lambda.
        start = (START + torch.linspace(0, config.q_top, config.q_anchors) / 2)[:, None]
        shape = config.b_anchors, config.q_anchors, config.latent
        self.inward = nn.Parameter(start.expand(shape).clone())
        self.outward = nn.Parameter(-start.expand(shape).clone())

    def forward(self, q: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """q: [N]; b: [1] -> two gains [N, 1, 1, C], to multiply y and the dequantised y with."""
        inward, outward = (
            interpolate(interpolate(anchors, b, 1.0)[0], q, self.q_top).exp()
            for anchors in (self.inward, self.outward)
        )
        return inward[:, None, None, :], outward[:, None, None, :]


class ConditionedBlock(nn.Module):
    """A block whose depthwise outputs are scaled and shifted by one or two realisms.

    That costs nothing, since both fold into the depthwise layer. rank: over 0, the last realism
    also changes all weights, with updates of that rank.
    """

    def __init__(self, width: int, *anchors: int, rank: int = 0) -> None:
        super().__init__()
        self.block = Block(width)
        self.scale = nn.Parameter(torch.ones(*anchors, width))
        self.shift = nn.Parameter(torch.zeros(*anchors, width))
        self.realism = BlockLowRankUpdate(width, rank) if rank else None

    def forward(self, x: Tensor, *b: Tensor) -> Tensor:
        """x: [N, H, W, C]; b: [1] for each axis of anchors, one realism for the whole batch, in 0..1."""
        return self.block(x, self._weights(*b))  # type: ignore[no-any-return]

    def rows_at(self, *b: Tensor, precision: torch.dtype | None = None) -> Callable[[Tensor], Tensor]:
        """The block by rows at one realism, everything folded into its weights.

        precision: of the products, None for that of the network.
        """
        weights = tuple(weight.to(precision or weight.dtype) for weight in self._weights(*b))
        return lambda x: self.block.rows(x, weights)

    def _weights(self, *b: Tensor) -> tuple[Tensor, ...]:
        scale: Tensor = self.scale
        shift: Tensor = self.shift
        for at in b:
            scale, shift = interpolate(scale, at, 1.0)[0], interpolate(shift, at, 1.0)[0]
        weights = self.block.weights
        if self.realism is not None:
            share = update_share(b[-1])
            weights = tuple(w + share * change for w, change in zip(weights, self.realism(), strict=True))
        kernel, bias, *rest = weights
        return kernel * scale[:, None, None, None], bias * scale + shift, *rest


@torch.no_grad()
def tie(network: nn.Module, top: float) -> None:
    """Give all realisms above `top`, the highest that was trained, what the anchor there has."""
    for module in network.modules():
        if not isinstance(module, (Gains, ConditionedBlock)):
            continue
        for p in module.parameters(recurse=False):
            axes = 1 if isinstance(module, Gains) else p.ndim - 1
            for axis in range(axes):
                last = round(top * (p.shape[axis] - 1))
                trained = p.narrow(axis, last, 1).clone()
                beyond = p.narrow(axis, last, p.shape[axis] - last)
                beyond.copy_(trained.expand_as(beyond))
