"""Means of the latents in four phases of each 2x2 cell, each seeing the phases decoded before it.

Phases in the order (0,0), (1,1), (0,1), (1,0): the second lies diagonally between the first, the
others between both. Dense layers work on the quarter that is being predicted only. Means are
floats: they move a reconstruction, never a symbol.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import PHASES
from nic_cli.transform.layers import Block, Dense, widened


def phase_of(x: Tensor, phase: int) -> Tensor:
    """[N, H, W, C] -> [N, H/2, W/2, C]: the positions of one phase."""
    row, column = PHASES[phase]
    return x[:, row::2, column::2]


def merged(phases: list[Tensor]) -> Tensor:
    """Four [N, h, w, C] in the order of PHASES -> [N, 2h, 2w, C]."""
    top, bottom = torch.stack((phases[0], phases[2]), 3), torch.stack((phases[3], phases[1]), 3)
    n, h, w, _, c = top.shape
    return torch.stack((top, bottom), 2).reshape(n, 2 * h, 2 * w, c)


class Step(nn.Module):
    """Means of one phase from the features there and the latents of earlier phases around it."""

    def __init__(self, config: ModelConfig, before: int) -> None:
        super().__init__()
        n = config.context
        self.reduce = Dense(before * config.latent, n // 2, tile=True) if before else None
        self.stem = Dense(config.hyper_fine + (n // 2 if before else 0), n, tile=True)
        self.blocks = nn.ModuleList(Block(n, tile=True) for _ in range(config.context_depth if before else 0))
        self.tail = Dense(n, config.latent, gain=0.1, tile=True)
        self.linear = nn.Parameter(torch.zeros(before * config.latent, 1, 3, 3)) if before else None

    def forward(self, features: Tensor, before: list[Tensor]) -> Tensor:
        """features: [N, h, w, hyper_fine]; before: phases [N, h, w, latent] -> means."""
        h = features
        if self.reduce is not None:
            h = torch.cat((h, self.reduce(torch.cat(before, 3).to(h.dtype))), 3)
        h = self.stem(h)
        for block in self.blocks:
            h = block(h)
        means = widened(self.tail(h))
        if self.linear is None:
            return means
        return means + self._predicted(torch.cat(before, 3), self.linear)

    def _predicted(self, before: Tensor, weight: Tensor) -> Tensor:
        """Each channel from itself around, linearly: what the deep part would learn last.

        Worth 2 % of the rate at the lowest q and 1 % in the middle, after 120 steps from zero.
        """
        channels = before.shape[3]
        y = F.conv2d(before.permute(0, 3, 1, 2), weight, padding=1, groups=channels)
        n, _, h, w = y.shape
        return torch.reshape(y, (n, -1, self.tail.weight.shape[0], h, w)).sum(1).permute(0, 2, 3, 1)


class ContextModel(nn.Module):
    """Runs the phases; what a phase's latents turn out to be is the caller's business."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.steps = nn.ModuleList(Step(config, before) for before in range(4))

    def forward(self, features: Tensor, reveal: Callable[[int, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """features: [N, H, W, hyper_fine]; reveal(phase, means) -> latents of that phase.

        Returns all means and all latents, [N, H, W, latent].
        """
        means: list[Tensor] = []
        latents: list[Tensor] = []
        for phase, step in enumerate(self.steps):
            means.append(step(phase_of(features, phase), latents))
            latents.append(reveal(phase, means[-1]))
        return merged(means), merged(latents)
