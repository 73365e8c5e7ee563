"""QVRF: Cheng2020's attention network at many rates by one quantisation step (Tong et al., ICIP 2023).

One positive scalar divides the step of all latents: symbols are `round((y - mean) gain)`, scales for
coding `scale gain`, and all networks are the same for every rate. The context is serial, position after
position (Minnen et al., NeurIPS 2018); here positions that do not see each other go together.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.research.density import Factorised
from nic_cli.transform.research.layers import conv

SLOPE = 0.01
PEDESTAL = 2.0**-36  # GDN stores square roots, lifted by this, so that they learn near zero
BETA_LOW, GAMMA_LOW = (1e-6 + PEDESTAL) ** 0.5, 2.0**-18
STEEP = 3  # positions with equal column + 3 rows are independent under a causal window of 5x5

Reveal = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(positions [n], means [n, C], scales [n, C]) -> the latents less their means at those, as quantised."""


class GDN(nn.Module):
    """Divisive normalisation across channels (Balle et al., ICLR 2016), or its inverse."""

    def __init__(self, width: int, inverse: bool = False) -> None:
        super().__init__()
        self.beta, self.gamma = nn.Parameter(torch.ones(width)), nn.Parameter(torch.eye(width))
        self.inverse = inverse

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        beta = self.beta.clamp(min=BETA_LOW).square() - PEDESTAL
        gamma = self.gamma.clamp(min=GAMMA_LOW).square() - PEDESTAL
        power = F.conv2d(x * x, gamma[:, :, None, None], beta)
        return x * (power.sqrt_() if self.inverse else power.rsqrt_())


class Down(nn.Module):
    """A residual block that halves the resolution."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, width, 3, 2), conv(width, width, 3)
        self.gdn, self.skip = GDN(width), nn.Conv2d(inputs, width, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        y = F.leaky_relu(self.conv1(x), SLOPE, inplace=True)
        return self.gdn(self.conv2(y)) + self.skip(x)  # type: ignore[no-any-return]


class Same(nn.Module):
    """A residual block; its second rectifier comes before the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width, 3), conv(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        y = self.conv2(F.leaky_relu(self.conv1(x), SLOPE, inplace=True))
        return F.leaky_relu(y, SLOPE, inplace=True) + x


def shuffled(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution to four times the channels, which become a picture twice as large."""
    return nn.Sequential(conv(inputs, 4 * outputs, 3), nn.PixelShuffle(2))


class Up(nn.Module):
    """A residual block that doubles the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.subpel_conv, self.conv = shuffled(width, width), conv(width, width, 3)
        self.igdn, self.upsample = GDN(width, inverse=True), shuffled(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        y = self.conv(F.leaky_relu(self.subpel_conv(x), SLOPE, inplace=True))
        return self.igdn(y) + self.upsample(x)  # type: ignore[no-any-return]


class Unit(nn.Module):
    """`relu(x + 1x1( relu( 3x3( relu( 1x1(x))))))`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            conv(width, width // 2, 1), nn.ReLU(), conv(width // 2, width // 2, 3), nn.ReLU(),
            conv(width // 2, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        return F.relu(x + self.conv(x))


class Attention(nn.Module):
    """Simplified attention (Cheng et al., CVPR 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_a = nn.Sequential(*(Unit(width) for _ in range(3)))
        self.conv_b = nn.Sequential(*(Unit(width) for _ in range(3)), conv(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        return torch.addcmul(x, self.conv_a(x), torch.sigmoid(self.conv_b(x)))


class QVRF(nn.Module):
    """All that a checkpoint holds and coding needs. Gain: one step's reciprocal for each level."""

    def __init__(self, levels: int = 8, width: int = 192) -> None:
        super().__init__()
        n = width
        self.Gain = nn.Parameter(torch.ones(levels))
        self.g_a = nn.Sequential(
            Down(3, n), Same(n), Down(n, n), Attention(n), Same(n), Down(n, n), Same(n), conv(n, n, 3, 2),
            Attention(n),
        )  # fmt: skip
        self.g_s = nn.Sequential(
            Attention(n), Same(n), Up(n), Same(n), Up(n), Attention(n), Same(n), Up(n), Same(n),
            shuffled(n, 3),
        )  # fmt: skip
        leaky = [nn.LeakyReLU(SLOPE, inplace=True) for _ in range(4)]
        self.h_a = nn.Sequential(
            conv(n, n, 3), leaky[0], conv(n, n, 3), leaky[1], conv(n, n, 3, 2), leaky[2],
            conv(n, n, 3), leaky[3], conv(n, n, 3, 2),
        )  # fmt: skip
        self.h_s = nn.Sequential(
            conv(n, n, 3), leaky[0], shuffled(n, n), leaky[1], conv(n, n * 3 // 2, 3), leaky[2],
            shuffled(n * 3 // 2, n * 3 // 2), leaky[3], conv(n * 3 // 2, 2 * n, 3),
        )  # fmt: skip
        self.context_prediction = conv(n, 2 * n, 5)
        self.entropy_parameters = nn.Sequential(
            conv(4 * n, n * 10 // 3, 1), leaky[0], conv(n * 10 // 3, n * 8 // 3, 1), leaky[1],
            conv(n * 8 // 3, 2 * n, 1),
        )  # fmt: skip
        self.entropy_bottleneck = Factorised(n)

    def gain(self, q: float) -> float:
        """Of a level, or between two levels along its logarithm."""
        gains = self.Gain.detach().double().abs()
        low = min(int(q), len(gains) - 2) if len(gains) > 1 else 0
        high = min(low + 1, len(gains) - 1)
        return float(gains[low] ** (1 - (q - low)) * gains[high] ** (q - low))

    def context(self, features: Tensor, reveal: Reveal) -> Tensor:
        """features: [1, 2 C, h, w] of h_s in float64 -> latents [1, C, h, w] in float64.

        Fronts of independent positions, from the top left to the bottom right; each sees what is
        above it and to its left, within two positions, already decoded.
        """
        _, wide, h, w = features.shape
        n = wide // 2
        parameters = dict(self.entropy_parameters.named_parameters())
        weights = [parameters[f"{i}.weight"].double().flatten(1).t().contiguous() for i in (0, 2, 4)]
        biases = [parameters[f"{i}.bias"].double() for i in (0, 2, 4)]
        taps = [(dy, dx) for dy in range(3) for dx in range(5) if dy < 2 or dx < 2]
        kernel = self.context_prediction.weight.double()
        kernel = torch.stack([kernel[:, :, dy, dx] for dy, dx in taps], 2).permute(2, 1, 0).reshape(-1, wide)
        bias = self.context_prediction.bias.double()  # type: ignore[union-attr]
        flat = features[0].permute(1, 2, 0).reshape(h * w, wide).contiguous()
        # Two rows above and two columns to either side are zeros, where nothing is decoded yet too.
        y = flat.new_zeros((h + 2) * (w + 4), n)
        offsets = torch.tensor([(dy - 2) * (w + 4) + dx - 2 for dy, dx in taps])
        rows = torch.arange(h)
        for front in range(w + STEEP * (h - 1)):
            columns = front - STEEP * rows
            there = (columns >= 0) & (columns < w)
            row, column = rows[there], columns[there]
            places = (row + 2) * (w + 4) + column + 2
            seen = y[places[:, None] + offsets].reshape(len(places), -1)
            x = torch.cat([flat[row * w + column], torch.addmm(bias, seen, kernel)], 1)
            for k in range(3):
                x = torch.addmm(biases[k], x, weights[k])
                x = F.leaky_relu_(x, SLOPE) if k < 2 else x
            scales, means = x[:, :n], x[:, n:]
            y[places] = means + reveal(row * w + column, means, scales)
        return y.reshape(h + 2, w + 4, n)[2:, 2:-2].permute(2, 0, 1)[None]
