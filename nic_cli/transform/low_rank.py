"""What realisms over 0.5 change in the synthesis: updates of low rank, mixed in as b rises to 1.

Low-rank adaptation (Hu et al., ICLR 2022) of a network that is done, instead of training it further:
what is shown up to b = 0.5 stays what it was to the last bit, and a mixture of two sets of weights
lies between the two pictures (network interpolation, Wang et al., ECCV 2018, section 3.4). It
costs nothing per pixel, since the mixture is made once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nic_cli.transform.config import MIDDLE
from nic_cli.transform.initial import normal


def update_share(b_decoded: Tensor) -> Tensor:
    """How much of an update is mixed in at the realism shown [1]: 0 up to b = 0.5, 1 at b = 1."""
    return ((b_decoded - MIDDLE) / (1 - MIDDLE)).clamp(0, 1)


def is_low_rank(name: str) -> bool:
    """Whether the parameter of this name belongs to what realisms over 0.5 change."""
    return "realism" in name.split(".")


class LowRankUpdate(nn.Module):
    """A change of an [outputs, inputs] matrix, of a rank; none at first."""

    def __init__(self, outputs: int, inputs: int, rank: int) -> None:
        super().__init__()
        self.narrow = nn.Parameter(normal(rank, inputs, deviation=inputs**-0.5))
        self.wide = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self) -> Tensor:
        """The change [outputs, inputs]."""
        return self.wide @ self.narrow


class BlockLowRankUpdate(nn.Module):
    """A change of each weight of a `Block`, in the order of `Block.weights`."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.depthwise = nn.Parameter(torch.zeros(width, 1, 3, 3))
        self.depthwise_bias = nn.Parameter(torch.zeros(width))
        self.expand = LowRankUpdate(2 * width, width, rank)
        self.expand_bias = nn.Parameter(torch.zeros(2 * width))
        self.reduce = LowRankUpdate(width, 2 * width, rank)
        self.reduce_bias = nn.Parameter(torch.zeros(width))

    def forward(self) -> tuple[Tensor, ...]:
        """The changes of kernel, its bias, and both products with theirs."""
        first = self.depthwise, self.depthwise_bias
        return *first, self.expand(), self.expand_bias, self.reduce(), self.reduce_bias
