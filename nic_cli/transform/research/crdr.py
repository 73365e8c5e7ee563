"""CRDR: controllable rate, distortion and realism in one model (Iwai, Miyazaki, Omachi, WACV 2024).

An ELIC-like transform whose layers carry gains by q, slices of channels that predict each other, and a
decoder whose blocks are shifted by a vector of the realism beta, 0..5.12.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.research.density import Factorised
from nic_cli.transform.research.layers import Wide, conv, up

LATENT, HYPER = 320, 192
SLICES, SUPPORT = 10, 5  # slices of 32 channels; the first five support all later ones

Reveal = Callable[[slice, Tensor, Tensor], Tensor]
"""(channels, means, scales) -> the rounded latents less their means, in the means' precision."""


class Gain(nn.Module):
    """Scale and shift of channels by q: stored for five rates, interpolated between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(5, 1, width, 1, 1))

    def forward(self, x: Tensor, q: float) -> Tensor:
        """x: [N, C, H, W]; q: 0..4."""
        low = int(q)
        high, part = min(low + 1, 4), q - low
        weight, bias = ((1 - part) * p[low] + part * p[high] for p in (self.weight, self.bias))
        return torch.addcmul(bias, x, F.softplus(weight))


class Bottleneck(nn.Module):
    """`x + 1x1( relu( 3x3( relu( 1x1(x)))))`, in the decoder with the condition added in three places."""

    def __init__(self, width: int, inner: int, condition: int = 0) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            conv(width, inner, 1), nn.ReLU(), conv(inner, inner, 3), nn.ReLU(), conv(inner, width, 1)
        )
        if condition:
            self.proj_1, self.proj_2 = conv(condition, inner, 1), conv(condition, inner, 1)
            self.proj_3 = conv(condition, width, 1)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """x: [N, C, H, W]; c: [1, 512, 1, 1], None where the model has no realism."""
        if c is None:
            return self.conv(x).add_(x)  # type: ignore[no-any-return]
        y = F.relu(self.conv[0](x)) + self.proj_1(c)  # after the rectifier, as trained
        y = F.relu(self.conv[2](y)) + self.proj_2(c)
        return self.conv[4](y).add_(self.proj_3(c)).add_(x)  # type: ignore[no-any-return]


class Bottlenecks(nn.Module):
    """Three in a row."""

    def __init__(self, width: int, inner: int, condition: int = 0) -> None:
        super().__init__()
        self.block0, self.block1, self.block2 = (Bottleneck(width, inner, condition) for _ in range(3))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """As one."""
        return self.block2(self.block1(self.block0(x, c), c), c)  # type: ignore[no-any-return]


class Unit(nn.Module):
    """A bottleneck under other names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1, self.c2, self.c3 = (
            conv(width, width // 2, 1), conv(width // 2, width // 2, 3), conv(width // 2, width, 1)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]; no rectifier after the sum."""
        return self.c3(F.relu(self.c2(F.relu(self.c1(x))))).add_(x)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """`x + trunk(x) sigmoid(1x1(gate(x)))`: simplified attention, local (Cheng et al., CVPR 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk_block = nn.Sequential(*(Unit(width) for _ in range(3)))
        self.attention_block = nn.Sequential(*(Unit(width) for _ in range(3)))
        self.conv = conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W]."""
        return torch.addcmul(x, self.trunk_block(x), torch.sigmoid(self.conv(self.attention_block(x))))


class Encoder(nn.Module):
    """[N, 3, H, W] in -1..1 -> latents [N, 320, H/16, W/16]; each layer is followed by its gain."""

    names = ("conv1", "block1", "conv2", "block2", "attn2", "conv3", "block3", "conv4", "attn4")

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.block1 = conv(3, 192, 5, 2), Bottlenecks(192, 96)
        self.conv2, self.block2, self.attn2 = conv(192, 192, 5, 2), Bottlenecks(192, 96), Attention(192)
        self.conv3, self.block3 = conv(192, 192, 5, 2), Bottlenecks(192, 96)
        self.conv4, self.attn4 = conv(192, LATENT, 5, 2), Attention(LATENT)
        self.interp_ca_list = nn.ModuleList(Gain(LATENT if i > 6 else 192) for i in range(9))

    def forward(self, x: Tensor, q: float) -> Tensor:
        """q: 0..4."""
        for name, gain in zip(self.names, self.interp_ca_list, strict=True):
            x = gain(getattr(self, name)(x), q)
        return x


class Decoder(nn.Module):
    """[N, 320, h, w] -> [N, 3, 16 h, 16 w] in about -1..1; each layer is preceded by its gain."""

    names = ("attn1", "conv1", "block1", "conv2", "attn2", "block2", "conv3", "block3", "conv4")

    def __init__(self, realistic: bool) -> None:
        super().__init__()
        condition = 512 if realistic else 0
        self.attn1, self.conv1 = Attention(LATENT), up(LATENT, 256, 5)
        self.block1, self.conv2 = Bottlenecks(256, 128, condition), up(256, 256, 5)
        self.attn2, self.block2 = Attention(256), Bottlenecks(256, 128, condition)
        self.conv3, self.block3, self.conv4 = up(256, 256, 5), Bottlenecks(256, 128, condition), up(256, 3, 5)
        self.interp_ca_list = nn.ModuleList(Gain(LATENT if i < 2 else 256) for i in range(9))
        if realistic:
            self.mlp = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 512))
        self.realistic = realistic

    def forward(self, y: Tensor, q: float, b: float) -> Tensor:
        """q: 0..4; b: 0..1, of which the authors' beta is 5.12 times."""
        c = self.condition(b).to(y) if self.realistic else None
        for name, gain in zip(self.names, self.interp_ca_list, strict=True):
            layer, y = getattr(self, name), gain(y, q)
            y = layer(y, c) if isinstance(layer, Bottlenecks) else layer(y)
        return y

    def condition(self, b: float) -> Tensor:
        """[1, 512, 1, 1]: sines and cosines of beta at ten octaves (without pi), through two layers."""
        at = (2 * b - 1) * torch.exp2(torch.arange(10)).to(self.conv4.weight.device)
        found: Tensor = self.mlp(torch.cat([at.sin(), at.cos()])[None])
        return found[:, :, None, None]


class Slice(nn.Module):
    """One of the thirty networks of the context model."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            Wide(inputs, 224, 5, padding=2), nn.ReLU(), Wide(224, 128, 5, padding=2), nn.ReLU(),
            Wide(128, 32, 3, padding=1),
        )  # fmt: skip

    def forward(self, *parts: Tensor) -> Tensor:
        """parts: [N, C, h, w] each, in the precision that the result shall have."""
        return self.model(torch.cat(parts, 1))  # type: ignore[no-any-return]


class Charm(nn.Module):
    """Channels in ten slices, each predicted from the hyper features and the first five slices."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [LATENT + 32 * min(i, SUPPORT) for i in range(SLICES)]
        self.mean_slice_transforms = nn.ModuleList(Slice(n) for n in sizes)
        self.scale_slice_transforms = nn.ModuleList(Slice(n) for n in sizes)
        self.lrp_slice_transforms = nn.ModuleList(Slice(n + 32) for n in sizes)

    def forward(self, mean: Tensor, scale: Tensor, reveal: Reveal) -> Tensor:
        """mean, scale: hyper features [1, 320, h, w] in float64 -> latents with their predicted rest.

        What only the picture depends on, not the coding of later slices, is computed in float32.
        """
        support: list[Tensor] = []
        found = []
        for i in range(SLICES):
            wide = torch.float64 if i < SUPPORT else torch.float32
            known = [s.to(wide) for s in support]
            scales = self.scale_slice_transforms[i](scale, *support)
            means = self.mean_slice_transforms[i](mean.to(wide), *known)
            y = means + reveal(slice(32 * i, 32 * (i + 1)), means, scales)
            y = y + 0.5 * torch.tanh(self.lrp_slice_transforms[i](mean.to(wide), *known, y))
            support += [y] if i < SUPPORT else []
            found.append(y.float())
        return torch.cat(found, 1)


class HyperEncoder(nn.Module):
    """[N, 320, h, w] -> [N, 192, h/4, w/4]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            conv(LATENT, LATENT, 3),
            conv(LATENT, 256, 5, 2),
            conv(256, HYPER, 5, 2),
        )

    def forward(self, y: Tensor) -> Tensor:
        """The signed latents go in."""
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(y)))))  # type: ignore[no-any-return]


class Tower(nn.Module):
    """[N, 192, h/4, w/4] -> features [N, 320, h, w]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = up(HYPER, HYPER, 5), up(HYPER, 256, 5)
        self.conv3 = nn.ConvTranspose2d(256, LATENT, 3, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        """In the precision of z and of the weights."""
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(z)))))  # type: ignore[no-any-return]


class HyperDecoder(nn.Module):
    """Two towers: of means and of deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.hd_mu, self.hd_std = Tower(), Tower()


class CRDR(nn.Module):
    """All that a checkpoint of stage 2 or 3 holds and decoding needs."""

    def __init__(self, realistic: bool = True) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder(realistic)
        self.hyperencoder, self.hyperdecoder = HyperEncoder(), HyperDecoder()
        self.entropy_model_z = Factorised(HYPER)
        self.context_model = Charm()
