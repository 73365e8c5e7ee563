"""What realisms over 0.5 change in the synthesis: updates of low rank, mixed in as b rises to 1.

Low-rank adaptation (Hu et al., ICLR 2022) of a network that is done, instead of training it further:
what is shown up to b = 0.5 stays what it was to the last bit, and a mixture of two sets of weights
lies between the two pictures (network interpolation, Wang et al., ECCV 2018, section 3.4). It
costs nothing per pixel, since the mixture is made once. Noise for texture is mixed in beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from nic_cli.transform.layers import product

SPREAD = 0.25  # standard deviation of noise, about that of the activations it is added to
SAMPLE, ROW, COLUMN, CHANNEL = 0xC2B2AE3D, 0x9E3779B1, 0x85EBCA77, 0x27D4EB2F
MIXER, MASK = 0x2C1B3C6D, 2**32 - 1
MIDDLE = 0.5  # up to here b turns between squared error and structure, from here on towards realism


def share_of(shown: Tensor) -> Tensor:
    """How much of an update is mixed in at the realism shown [1]: 0 up to b = 0.5, 1 at b = 1."""
    return ((shown - MIDDLE) / (1 - MIDDLE)).clamp(0, 1)


def is_update(name: str) -> bool:
    """Whether the parameter of this name belongs to what realisms over 0.5 change."""
    return "realism" in name.split(".")


class Update(nn.Module):
    """A change of an [outputs, inputs] matrix, of a rank; none at first."""

    def __init__(self, outputs: int, inputs: int, rank: int) -> None:
        super().__init__()
        self.narrow = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.wide = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self) -> Tensor:
        """The change [outputs, inputs]."""
        return self.wide @ self.narrow


class BlockUpdate(nn.Module):
    """A change of each weight of a `Block`, in the order of `Block.weights`."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.depthwise = nn.Parameter(torch.zeros(width, 1, 3, 3))
        self.depthwise_bias = nn.Parameter(torch.zeros(width))
        self.expand = Update(2 * width, width, rank)
        self.expand_bias = nn.Parameter(torch.zeros(2 * width))
        self.reduce = Update(width, 2 * width, rank)
        self.reduce_bias = nn.Parameter(torch.zeros(width))

    def forward(self) -> tuple[Tensor, ...]:
        """The changes of kernel, its bias, and both products with theirs."""
        first = self.depthwise, self.depthwise_bias
        return *first, self.expand(), self.expand_bias, self.reduce(), self.reduce_bias


class Noise(nn.Module):
    """Noise to make texture from, added as b rises to 1 (StyleGAN, Karras et al., CVPR 2019).

    Where the latents say nothing, a synthesis without it is the same function at every position, and
    the only texture it can invent is one that repeats. It begins as one or two levels of 255 in the picture:
    from nothing it would not grow, since a little noise and its negative are as good as each other.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.randn(channels, width) * 0.04)

    def forward(self, x: Tensor, shown: Tensor, row: int, column: int) -> Tensor:
        """x: [N, H, W, width], from this row and column of its picture on; shown: [1] -> with noise."""
        drawn = noise(x.shape[:3], len(self.strength), row, column, x.device).to(x.dtype)
        return x + product(drawn, (share_of(shown) * self.strength).t().to(x.dtype))

    def stream(self, strips: Iterable[Tensor], shown: Tensor, row: int, column: int) -> Iterator[Tensor]:
        """The same by strips of rows [1, h, W, width], one below the other."""
        for strip in strips:
            yield self(strip, shown, row, column)
            row += strip.shape[1]


def noise(shape: Sequence[int], channels: int, row: int, column: int, device: torch.device) -> Tensor:
    """[N, H, W, channels] of noise, evenly spread: a function of sample, absolute position and channel alone.

    So a part of a picture has the noise that the whole has there, on any device: these are the middle
    bits of a product of two integers, one for row and channel, one for column and channel.
    """
    count, height, width = shape
    rows = _scrambled(ROW, row, height, channels, device)
    columns = _scrambled(COLUMN, column, width, channels, device)
    samples = _scrambled(SAMPLE, 0, count, 1, device)[:, None, None]
    found = (samples ^ rows[:, None]) * columns
    return ((found >> 20 & 2**24 - 1) - 2**23).float() * (SPREAD * 3**0.5 / 2**23)


def _scrambled(axis: int, first: int, size: int, channels: int, device: torch.device) -> Tensor:
    """[size, channels] of integers of 31 bits from places along an axis."""
    places = torch.arange(first, first + size, device=device)[:, None]
    n = axis * (places + 1) + CHANNEL * torch.arange(channels, device=device) & MASK
    for _ in range(2):
        n = (n ^ n >> 15) * MIXER & MASK
    return n >> 1
