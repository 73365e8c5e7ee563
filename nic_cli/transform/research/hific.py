"""HiFiC (Mentzer et al., NeurIPS 2020) as Justin Tan's PyTorch port trained it, and MS-ILLM.

MS-ILLM (Muckley et al., ICML 2023) has the same shapes, zeros for padding, and other names. Everything
is local: normalisation is over channels alone. So pictures of any size go through in windows.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.research.density import Factorised, Frequencies, factorised_tables
from nic_cli.transform.research.layers import ChannelNorm, conv, up

LATENT, HYPER = 220, 320
SIZES = (60, 120, 240, 480, 960)


def _first(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Sequential:
    # Of a strided layer: one column on the right, one row on the top. It was trained so.
    pad = nn.ReflectionPad2d((0, 1, 1, 0) if stride > 1 else side // 2)
    return nn.Sequential(pad, nn.Conv2d(inputs, outputs, side, stride), ChannelNorm(outputs), nn.ReLU())


class HificEncoder(nn.Module):
    """[N, 3, H, W] -> [N, 220, H/16, W/16]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_block1 = _first(3, SIZES[0], 7)
        for k in range(4):
            setattr(self, f"conv_block{k + 2}", _first(SIZES[k], SIZES[k + 1], 3, 2))
        self.conv_block_out = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(SIZES[-1], LATENT, 3))

    def forward(self, x: Tensor) -> Tensor:
        """H and W are multiples of 16."""
        for k in range(1, 6):
            x = getattr(self, f"conv_block{k}")(x)
        return self.conv_block_out(x)  # type: ignore[no-any-return]


class HificBlock(nn.Module):
    """A residual block; no rectifier after the sum."""

    def __init__(self) -> None:
        super().__init__()
        n = SIZES[-1]
        self.conv1, self.norm1 = nn.Conv2d(n, n, 3), ChannelNorm(n)
        self.conv2, self.norm2 = nn.Conv2d(n, n, 3), ChannelNorm(n)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, 960, h, w]."""
        y = F.relu(self.norm1(self.conv1(F.pad(x, (1, 1, 1, 1), "reflect"))))
        return x + self.norm2(self.conv2(F.pad(y, (1, 1, 1, 1), "reflect")))  # type: ignore[no-any-return]


class HificGenerator(nn.Module):
    """[N, 220, h, w] -> [N, 3, 16 h, 16 w], in two halves: `trunk` at 1/16, `tail` up to pixels."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv_block_init = nn.Sequential(
            ChannelNorm(LATENT),
            nn.ReflectionPad2d(1),
            nn.Conv2d(LATENT, SIZES[-1], 3),
            ChannelNorm(SIZES[-1]),
        )
        for k in range(blocks):
            setattr(self, f"resblock_{k}", HificBlock())
        for k in range(4):
            layers = up(SIZES[4 - k], SIZES[3 - k], 3), ChannelNorm(SIZES[3 - k]), nn.ReLU()
            setattr(self, f"upconv_block{k + 1}", nn.Sequential(*layers))
        self.conv_block_out = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(SIZES[0], 3, 7))
        self.blocks = blocks

    def trunk(self, y: Tensor) -> Tensor:
        """[N, 220, h, w] -> [N, 960, h, w]."""
        head = x = self.conv_block_init(y)
        for k in range(self.blocks):
            x = getattr(self, f"resblock_{k}")(x)
        return x + head  # type: ignore[no-any-return]

    def tail(self, x: Tensor) -> Tensor:
        """[N, 960, h, w] -> [N, 3, 16 h, 16 w]."""
        for k in range(1, 5):
            x = getattr(self, f"upconv_block{k}")(x)
        return self.conv_block_out(x)  # type: ignore[no-any-return]


class HificAnalysis(nn.Module):
    """Latents to hyper-latents: zeros around the first layer, reflection around the strided ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(LATENT, HYPER, 3)
        self.conv2, self.conv3 = nn.Conv2d(HYPER, HYPER, 5, 2), nn.Conv2d(HYPER, HYPER, 5, 2)

    def forward(self, y: Tensor) -> Tensor:
        """[N, 220, h, w] -> [N, 320, h/4, w/4]."""
        for k, layer in enumerate((self.conv1, self.conv2, self.conv3)):
            # What is too small to be mirrored, which the port refuses, repeats its edges.
            mode = "reflect" if min(y.shape[2:]) > 2 else "replicate"
            y = layer(y if k == 0 else F.pad(F.relu(y), (2, 2, 2, 2), mode))
        return y


class HificSynthesis(nn.Module):
    """Hyper-latents to means or scales."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = up(HYPER, HYPER, 5), up(HYPER, HYPER, 5)
        self.conv3 = nn.ConvTranspose2d(HYPER, LATENT, 3, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        """[N, 320, h/4, w/4] -> [N, 220, h, w]."""
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(z)))))  # type: ignore[no-any-return]


class HificDensity(nn.Module):
    """Four layers of widths 1-3-3-3-1, the last one bent too; no medians."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (1, 3, 3, 3, 1)
        for k, (before, after) in enumerate(pairwise(sizes)):
            self.register_parameter(f"H_{k}", nn.Parameter(torch.zeros(HYPER, after, before)))
            self.register_parameter(f"a_{k}", nn.Parameter(torch.zeros(HYPER, after, 1)))
            self.register_parameter(f"b_{k}", nn.Parameter(torch.zeros(HYPER, after, 1)))

    def logits(self, x: Tensor) -> Tensor:
        """x: [C, 1, n] -> the logit of the cumulative distribution at each."""
        for k in range(4):
            x = F.softplus(self.get_parameter(f"H_{k}")) @ x + self.get_parameter(f"b_{k}")
            x = x + torch.tanh(self.get_parameter(f"a_{k}")) * torch.tanh(x)
        return x

    @property
    def medians(self) -> Tensor:
        """[C] zeros: the port computes medians and does not use them."""
        return self.get_parameter("H_0").new_zeros(HYPER)

    @torch.no_grad()
    def tables(self) -> list[Frequencies]:
        """One table a channel, out to where a billionth is left on either side.

        The port's own tables end much earlier, and its coder damages what lies beyond them.
        """
        at = torch.arange(-64, 65).float()[None, None]
        logits, edge = self.logits(at.expand(HYPER, 1, -1))[:, 0], 20.7  # the logit of 1e-9
        below = (logits > -edge).int().argmax(1)
        above = (logits < edge).int().flip(1).argmax(1)
        zero = torch.zeros(HYPER)
        return factorised_tables(self.logits, zero, 64 - below, 64 - above)


class Hyperprior(nn.Module):
    """The port's hyper networks under its names."""

    def __init__(self) -> None:
        super().__init__()
        self.analysis_net = HificAnalysis()
        self.synthesis_mu, self.synthesis_std = HificSynthesis(), HificSynthesis()
        self.hyperlatent_likelihood = HificDensity()


class HiFiC(nn.Module):
    """All that a checkpoint of the port holds and decoding needs."""

    def __init__(self, blocks: int = 9) -> None:
        super().__init__()
        self.Encoder, self.Generator, self.Hyperprior = HificEncoder(), HificGenerator(blocks), Hyperprior()


class IllmBlock(nn.Module):
    """A residual block, zeros around it."""

    def __init__(self) -> None:
        super().__init__()
        n = SIZES[-1]
        self.sequence = nn.Sequential(conv(n, n, 3), ChannelNorm(n), nn.ReLU(), conv(n, n, 3), ChannelNorm(n))

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, 960, h, w]."""
        return x + self.sequence(x)  # type: ignore[no-any-return]


class IllmEncoder(nn.Module):
    """[N, 3, H, W] in 0..1 -> [N, 220, H/16, W/16]."""

    def __init__(self) -> None:
        super().__init__()
        down = [
            nn.Sequential(conv(before, after, 3, 2), ChannelNorm(after), nn.ReLU())
            for before, after in pairwise(SIZES)
        ]
        first = nn.Sequential(conv(3, SIZES[0], 7), ChannelNorm(SIZES[0]), nn.ReLU())
        self.blocks = nn.Sequential(first, *down, conv(SIZES[-1], LATENT, 3))

    def forward(self, x: Tensor) -> Tensor:
        """H and W are multiples of 16."""
        return self.blocks(x)  # type: ignore[no-any-return]


class IllmDecoder(nn.Module):
    """[N, 220, h, w] -> [N, 3, 16 h, 16 w] in about 0..1, in two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.block_0 = nn.Sequential(ChannelNorm(LATENT), conv(LATENT, SIZES[-1], 3), ChannelNorm(SIZES[-1]))
        self.resid_blocks = nn.Sequential(*(IllmBlock() for _ in range(9)))
        ups = [
            nn.Sequential(up(SIZES[4 - k], SIZES[3 - k], 3), ChannelNorm(SIZES[3 - k]), nn.ReLU())
            for k in range(4)
        ]
        self.blocks = nn.Sequential(*ups, conv(SIZES[0], 3, 7))

    def trunk(self, y: Tensor) -> Tensor:
        """[N, 220, h, w] -> [N, 960, h, w]."""
        head = self.block_0(y)
        return head + self.resid_blocks(head)  # type: ignore[no-any-return]

    def tail(self, x: Tensor) -> Tensor:
        """[N, 960, h, w] -> [N, 3, 16 h, 16 w]."""
        return self.blocks(x)  # type: ignore[no-any-return]


def _features() -> nn.Sequential:
    return nn.Sequential(
        up(HYPER, HYPER, 5), nn.ReLU(), up(HYPER, HYPER, 5), nn.ReLU(), conv(HYPER, LATENT, 3)
    )


class MSILLM(nn.Module):
    """All that a checkpoint holds and decoding needs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = IllmEncoder(), IllmDecoder()
        self.hyper_analysis = nn.Sequential(
            conv(LATENT, HYPER, 3), nn.ReLU(), conv(HYPER, HYPER, 5, 2), nn.ReLU(), conv(HYPER, HYPER, 5, 2)
        )
        self.hyper_synthesis_mean, self.hyper_synthesis_scale = _features(), _features()
        self.hyper_bottleneck = Factorised(HYPER)
