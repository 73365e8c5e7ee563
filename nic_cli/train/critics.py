"""Critics: networks that say, patch by patch, how real a picture looks.

Scores have no unit; only differences between pictures count. They are trained against the
decoder (see adversary.py) and never shipped in a model.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from nic_cli.losses.perceptual import packaged
from nic_cli.losses.texture import haar
from nic_cli.train.projected import Backbone, Projected

SLOPE = 0.2


class Patch(nn.Module):
    """A PatchGAN (Isola et al., CVPR 2017) whose features are scaled by q.

    strides: of its layers; each stride doubles the width, up to eight times. context: channels of
    latents at 1/16 that it sees beside the picture, as HiFiC's critic does (Mentzer et al., NeurIPS
    2020); 0 for none. detail: it sees the finest Haar bands instead of the picture, so nothing but
    grain, and no pixel grid escapes it.
    """

    def __init__(
        self, strides: tuple[int, ...], width: int = 64, context: int = 0, *, detail: bool = False
    ) -> None:
        super().__init__()
        self.detail = detail
        self.context = nn.Conv2d(context, 12, 3, padding=1) if context else None
        inputs, outputs = (9 if detail else 3) + (12 if context else 0), width
        self.layers, self.by_q = nn.ModuleList(), nn.ModuleList()
        for stride in strides:
            kernel = 4 if stride == 2 else 3
            self.layers.append(spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding=1)))
            by_q = nn.Linear(1, outputs)
            nn.init.zeros_(by_q.weight)
            nn.init.zeros_(by_q.bias)
            self.by_q.append(by_q)
            inputs, outputs = outputs, min(outputs * stride, 8 * width)
        self.head = spectral_norm(nn.Conv2d(inputs, 1, 3, padding=1))

    def forward(self, x: Tensor, q: Tensor, y: Tensor) -> list[Tensor]:
        """x: [N, 3, H, W] in 0..1; q: [N] in 0..1; y: latents [N, C, H/16, W/16].

        Returns the features of each layer and, last, the scores [N, 1, h, w].
        """
        h = haar(x)[1] * 4 if self.detail else 2 * x - 1
        if self.context is not None:
            seen = F.leaky_relu(self.context(y), SLOPE)
            h = torch.cat((h, F.interpolate(seen, h.shape[2:], mode="nearest")), 1)
        features = []
        for layer, by_q in zip(self.layers, self.by_q, strict=True):
            h = F.leaky_relu(layer(h) * (1 + by_q(q[:, None]))[:, :, None, None], SLOPE)
            features.append(h)
        return [*features, self.head(h)]


class PerRate(nn.Module):
    """CRDR's critics (Iwai et al., WACV 2024): one for each of five rates, which see pictures alone.

    Nothing is normalised and nothing shared; a sample goes to the critic of the rate nearest to its own.
    """

    def __init__(self, copies: int = 5, width: int = 64) -> None:
        super().__init__()
        sizes, inputs = [], 3
        for outputs in (width, 2 * width, 4 * width, 8 * width):
            sizes += [(inputs, outputs, 1), (outputs, outputs, 2)]
            inputs = outputs
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(i, o, 3, stride, 1) for _ in range(copies)) for i, o, stride in sizes
        )
        self.heads = nn.ModuleList(nn.Conv2d(inputs, 1, 3, padding=1) for _ in range(copies))

    def forward(self, x: Tensor, q: Tensor, y: Tensor) -> list[Tensor]:
        """As of `Patch`; scores: [N, 1, H/16, W/16]."""
        nearest = (q * (len(self.heads) - 1)).round().long()
        order = nearest.argsort(stable=True)
        found: list[list[Tensor]] = []
        for copy in sorted(set(nearest.tolist())):
            h, features = 2 * x[nearest == copy] - 1, []
            for layer in self.layers:
                h = F.leaky_relu(layer[copy](h), SLOPE)  # type: ignore[index]
                features.append(h)
            found.append([*features, self.heads[copy](h)])
        back = order.argsort()
        return [torch.cat(parts)[back] for parts in zip(*found, strict=True)]


def make(name: str, latent: int, backbone: str, device: str) -> nn.Module:
    """A critic by name: `patch` sees pictures, `context` latents too, `grain` the finest details.

    `projected` sees features of EfficientNet-Lite0, whose weights lie at `backbone` or in its package;
    `per_rate` is five critics, each of one rate.
    """
    if name == "projected":
        return Projected(Backbone(Path(backbone) if backbone else packaged("efficientnet"), device))
    if name == "per_rate":
        return PerRate()
    if name == "context":
        return Patch((2, 2, 2, 1), context=latent)
    if name == "grain":
        return Patch((1, 2, 1), detail=True)
    return Patch((2, 2, 2, 1))


CRITICS = ("patch", "context", "grain", "projected", "per_rate")
