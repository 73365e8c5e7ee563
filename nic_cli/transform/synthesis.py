"""Latents to pixels: the analysis upside down, wider, and conditioned on two realisms.

One is what the latents were made for, which says where their bits went; the other is what the
picture shall show, which may be chosen anew for every look at a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.conditioning import ConditionedBlock
from nic_cli.transform.config import MIDDLE, ModelConfig
from nic_cli.transform.initial import normal
from nic_cli.transform.layer_order import SynthesisLayers, shuffle, synthesised
from nic_cli.transform.layers import Dense, by_blocks, flat, multiplied, product, widened
from nic_cli.transform.low_rank import LowRankUpdate, update_share
from nic_cli.transform.noise_injection import Injected, NoiseInjection
from nic_cli.transform.row_streaming import with_room, without_room
from nic_cli.types import START, Origin


class Tail(nn.Module):
    """A 3x3 convolution to the 192 values of each 8x8 square: overlaps neighbouring squares."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(192, width, 3, 3, deviation=0.1 * (9 * width) ** -0.5))
        self.bias = nn.Parameter(torch.zeros(192))
        self.realism = LowRankUpdate(192, 9 * width, rank) if rank else None

    def forward(self, x: Tensor, b_decoded: Tensor) -> Tensor:
        """x: [N, H, W, width]; b_decoded: [1] -> [N, H, W, 192], borders zero."""
        if torch.is_inference_mode_enabled():
            return self.rows_at(b_decoded)(F.pad(x, (0, 0, 0, 0, 1, 1)))
        # In training the last digit is free, and a convolution trains thrice as fast.
        weight = self._weight(b_decoded).to(x.dtype).contiguous(memory_format=torch.channels_last)
        y = F.conv2d(x.permute(0, 3, 1, 2), weight, self.bias.to(x.dtype), padding=1)
        return y.permute(0, 2, 3, 1)

    def rows_at(self, b_decoded: Tensor, precision: torch.dtype | None = None) -> Callable[[Tensor], Tensor]:
        """The layer by rows at one realism. precision: of its products, None for that of the network."""
        weight = self._weight(b_decoded)
        weight = weight.to(precision or weight.dtype)
        return lambda x: self._rows(x, weight)

    def _weight(self, b_decoded: Tensor) -> Tensor:
        if self.realism is None:
            return self.weight
        change: Tensor = self.realism()
        return self.weight + update_share(b_decoded) * change.reshape(self.weight.shape)

    def _rows(self, x: Tensor, weight: Tensor) -> Tensor:
        """x: [1, h + 2, W, width] with one row of context either side -> [1, h, W, 192].

        One product over three neighbours for each of three rows: library convolutions choose their
        order of summation by the size of the strip, and rows must not depend on their company.
        """
        height, width, channels = x.shape[1] - 2, *x.shape[2:]
        # In bfloat16 each neighbour has a product of its own: see `layers._in_parts`.
        apart = weight.dtype == torch.bfloat16
        beside = weight.new_empty(3, *x.shape) if apart else x.new_empty(*x.shape[:3], 3, channels)
        left, here, right = beside if apart else beside.unbind(3)
        left[:, :, 0] = right[:, :, -1] = 0
        left[:, :, 1:], here[:], right[:, :, :-1] = x[:, :, :-1], x, x[:, :, 1:]
        parts = beside if apart else beside.flatten(3)[None]
        rows = [flat(part[:, i : i + height]) for i in range(3) for part in parts]
        weights = weight.permute(2, 3, 0, 1) if apart else weight.permute(2, 0, 3, 1)
        weights = weights.reshape(len(rows), 192, -1)
        bias = self.bias.to(weight.dtype)

        def summed(room: Tensor, *near: Tensor) -> None:
            room.copy_(multiplied(near[0], weights[0], bias))
            for part, taps in zip(near[1:], weights[1:], strict=True):
                room += multiplied(part, taps, None)

        out = x.new_empty(*x.shape[:1], height, width, 192)
        by_blocks(summed, flat(out), *rows, precision=weight.dtype)
        return out


class Synthesis(nn.Module):
    """y: [N, h, w, latent] dequantised -> x: [N, 16 h, 16 w, 3] minus 1/2, not clamped."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        coarse, fine = config.synthesis_coarse, config.synthesis_fine
        self.stem = Dense(config.latent, coarse)
        anchors, rank = (config.b_anchors, config.b_anchors), config.realism_rank
        self.coarse = nn.ModuleList(
            ConditionedBlock(coarse, *anchors, rank=rank) for _ in range(config.synthesis_coarse_depth)
        )
        self.up = Dense(coarse, 4 * fine)
        self.fine = nn.ModuleList(
            ConditionedBlock(fine, *anchors, rank=rank) for _ in range(config.synthesis_fine_depth)
        )
        self.tail = Tail(fine, rank)
        self.skip = Dense(config.latent, 768, bias=False)
        self.realism = NoiseInjection(fine, config.noise) if config.noise else None

    def forward(
        self,
        y: Tensor,
        b_encoded: Tensor,
        b_decoded: Tensor,
        precision: torch.dtype = torch.float32,
        noise: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """The whole picture at once; b_encoded, b_decoded: [1] in 0..1.

        precision: of the deep branch. noise: its values [N, 2 h, 2 w, VALUES], and q [N]; None for no noise.
        """
        h = self.features(y, b_encoded, b_decoded, precision)
        skip = shuffle(self.skip(y), 2)
        if self.realism is not None and noise is not None:
            skip = skip + widened(self.realism(h, *noise, update_share(b_decoded)))
        for block in self.fine:
            h = block(h, b_encoded, b_decoded)
        x: Tensor = shuffle(widened(self.tail(h, b_decoded)) + skip, 8)
        return x

    def features(self, y: Tensor, b_encoded: Tensor, b_decoded: Tensor, precision: torch.dtype) -> Tensor:
        """What the fine blocks begin with: [N, 2 h, 2 w, fine]."""
        h = self.stem(y.to(precision))
        for block in self.coarse:
            h = block(h, b_encoded, b_decoded)
        features: Tensor = shuffle(self.up(h), 2)
        return features

    def stream(
        self,
        strips: Iterable[Tensor],
        b_encoded: float,
        b_decoded: float,
        q: float = 0.0,
        origin: Origin = START,
        precision: torch.dtype | None = None,
    ) -> Iterator[Tensor]:
        """The same by rows: strips [1, h, w, latent] of y -> strips [1, h', 16 w, 3] of pixels.

        q, origin: for the noise that realisms over 0.5 have. precision: of the products of the deep branch,
        None for that of the network.
        """
        realisms = [self.stem.weight.new_tensor([b]) for b in (b_encoded, b_decoded)]
        noise = None
        if self.realism is not None and b_decoded > MIDDLE:
            place = origin.seed, 2 * origin.y, 2 * origin.x
            noise = Injected(self.realism, realisms[0].new_tensor([q]), realisms[1], *place, precision)
        layers = SynthesisLayers(
            stem=lambda strip: self.stem.rows(strip, precision),
            coarse=[block.rows_at(*realisms, precision=precision) for block in self.coarse],  # type: ignore[operator]
            up=lambda rows: product(rows, *self.up.lowered(precision)),
            noise=noise,
            fine=[block.rows_at(*realisms, precision=precision) for block in self.fine],  # type: ignore[operator]
            tail=self.tail.rows_at(realisms[1], precision),
            skip=self.skip,
            with_room=with_room,
            without_room=without_room,
        )
        return synthesised(strips, layers)
