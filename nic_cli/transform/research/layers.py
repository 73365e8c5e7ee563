"""What the research networks share. Activations stand as [N, C, H, W], names are those of the checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that pads with zeros to keep its positions (or every `stride`-th of them)."""
    return nn.Conv2d(inputs, outputs, side, stride, side // 2)


def up(inputs: int, outputs: int, side: int) -> nn.ConvTranspose2d:
    """A transposed convolution that doubles the resolution."""
    return nn.ConvTranspose2d(inputs, outputs, side, 2, side // 2, 1)


class ChannelNorm(nn.Module):
    """Each position normalised over its channels (Mentzer et al., NeurIPS 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, width, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]; the variance is the unbiased one."""
        variance, mean = torch.var_mean(x, 1, keepdim=True)
        scale = torch.rsqrt(variance + 1e-3)
        return torch.addcmul(self.beta, (x - mean).mul_(scale), self.gamma)


class Wide(nn.Conv2d):
    """A convolution of stride 1 that is a sum of matrix products where its input is float64.

    Libraries convolve float64 slowly. On a plane with borders, flattened, the neighbour that a tap
    reads lies at one distance for all positions, so a tap is one product and nothing is copied.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x: [1, C, H, W]; weights are turned to its precision as they are used."""
        if x.dtype != torch.float64:
            return super().forward(x)
        _, channels, height, width = x.shape
        side = self.kernel_size[0]
        reach, across = side // 2, width + side - 1
        flat = F.pad(x[0], (reach, reach, reach, reach + 1)).reshape(channels, -1)
        taps = self.weight.double().permute(2, 3, 0, 1).reshape(side * side, -1, channels)
        bias = x.new_zeros(taps.shape[1]) if self.bias is None else self.bias.double()
        y = bias[:, None].repeat(1, height * across)
        for tap, weight in enumerate(taps):
            first = tap // side * across + tap % side
            y.addmm_(weight, flat[:, first : first + height * across])
        return y.reshape(1, -1, height, across)[..., :width]
