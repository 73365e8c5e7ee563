"""Pixels to latents: a deep branch of blocks, and a linear skip around all of it.

The blocks are conditioned on the realism b that a file is made for, which moves bits between
bright and dark, busy and faint.

The skip is one 16x16 linear transform, started from the principal components of photographs; it
was worth 26 % of the rate in short trainings. A Haar packet before the first layer, tried there
too, changed nothing (it is a rotation that the layer after it absorbs), so there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from nic_cli.transform.conditioning import ConditionedBlock
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import AnalysisLayers, analysed, unshuffle
from nic_cli.transform.layers import Dense, widened
from nic_cli.transform.row_streaming import without_room


class Analysis(nn.Module):
    """x: [N, H, W, 3] minus 1/2 -> y: [N, H/16, W/16, latent]; H, W multiples of 16."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        fine, coarse = config.analysis_fine, config.analysis_coarse
        self.stem = Dense(192, fine)
        anchors, depths = config.b_anchors, (config.analysis_fine_depth, config.analysis_coarse_depth)
        self.fine = nn.ModuleList(ConditionedBlock(fine, anchors) for _ in range(depths[0]))
        self.down = Dense(4 * fine, coarse)
        self.coarse = nn.ModuleList(ConditionedBlock(coarse, anchors) for _ in range(depths[1]))
        self.tail = Dense(coarse, config.latent, gain=0.1)
        self.skip = Dense(768, config.latent, bias=False)

    def forward(self, x: Tensor, b: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
        """The whole picture at once; b: [1] in 0..1; `precision` is that of the deep branch."""
        bands = unshuffle(x, 8)
        h = self.stem(bands.to(precision))
        for block in self.fine:
            h = block(h, b)
        h = self.down(unshuffle(h, 2))
        for block in self.coarse:
            h = block(h, b)
        y: Tensor = widened(self.tail(h)) + self.skip(unshuffle(bands, 2))
        return y

    def stream(
        self, strips: Iterable[Tensor], b: float, precision: torch.dtype | None = None
    ) -> Iterator[Tensor]:
        """The same by rows: strips [1, h, W, 3], h a multiple of 16 -> rows of y [1, h', W/16, latent].

        precision: of the products of the deep branch, None for that of the network.
        """
        realism = self.stem.weight.new_tensor([b])
        layers = AnalysisLayers(
            stem=lambda bands: self.stem.rows(bands, precision),
            fine=[block.rows_at(realism, precision=precision) for block in self.fine],  # type: ignore[operator]
            down=lambda rows: self.down.rows(rows, precision),
            coarse=[block.rows_at(realism, precision=precision) for block in self.coarse],  # type: ignore[operator]
            tail=self.tail,
            skip=self.skip,
            without_room=without_room,
        )
        return analysed(strips, layers)
