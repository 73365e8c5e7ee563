"""What realisms over 0.5 make texture from: seeded noise whose loudness is predicted.

Where the latents say nothing a synthesis is the same function at each position, so the only texture it can
make there is one that repeats, a mesh. Noise differs from place to place. A small network says how loud it
is to be for each 8x8 cell, plane and Haar band, trained by the likelihood of what is missing.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.initial import is_unfilled
from nic_cli.transform.layers import LEAK, Dense
from nic_cli.transform.low_rank import update_share
from nic_cli.transform.seeded_noise import (
    BANDS,
    CELL,
    COLOURS,
    DIRECTIONS,
    LOUDEST,
    OCTAVES,
    SIDES,
    VALUES,
    seeded,
)


def drawn(cells: int, height: int, width: int, device: torch.device) -> Tensor:
    """The same for training, [cells, height, width, VALUES], from torch's own numbers."""
    return (torch.rand(cells, height, width, VALUES, device=device) - 0.5) * sqrt(12)


class NoiseInjection(nn.Module):
    """Noise of a predicted loudness, straight into the picture: through the fine blocks it becomes lines.

    width: channels of the features that the fine blocks begin with. hidden: of the network that predicts the
    loudness from them and q.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.seen, self.deep = Dense(width, hidden), Dense(hidden, hidden)
        self.by_q = nn.Parameter(torch.zeros(hidden))
        self.loudness = Dense(hidden, OCTAVES * BANDS, gain=0.1)
        self.direct = Dense(VALUES, CELL * CELL * 3, bias=False)
        if not is_unfilled():
            with torch.no_grad():
                self.direct.weight.copy_(0.4 * inverse_haar())

    def forward(
        self,
        h: Tensor,
        noise: Tensor,
        q: Tensor,
        share: Tensor | float,
        precision: torch.dtype | None = None,
    ) -> Tensor:
        """h: [N, H, W, width]; noise: [N, H, W, VALUES] of variance 1; q: [N] or [1].

        share: of the updates that are mixed in, 0..1. Its power, not its size, rises with it: half-way half
        of the texture is there. precision: of what is returned, None for that of h.
        Returns what to add to the cells of the picture, [N, H, W, 192]. No gradient reaches the prediction
        from there: squared error pays for silence, and within 860 steps a quarter was left of it.
        """
        with torch.no_grad():
            loud = share**0.5 * self.deviation(h, q)
        parts = []
        for octave, side in enumerate(SIDES):
            bands = loud[..., octave * BANDS : (octave + 1) * BANDS]
            wide = bands[..., None].expand(*bands.shape, side * side)
            parts.append(wide.reshape(*bands.shape[:-1], -1))
        grain = (noise * torch.cat(parts, -1)).to(precision or h.dtype)
        found: Tensor = self.direct(grain)
        return found

    def deviation(self, h: Tensor, q: Tensor) -> Tensor:
        """Standard deviation of the coefficients that are missing, [N, H, W, 27]: octave, plane, direction.

        Roots and products only, which give the same digits wherever a value stands in a tensor; the
        vectors that libraries take for exponentials need not.
        """
        x = self.seen(h)
        x = F.leaky_relu(x + (q[:, None, None, None] * self.by_q).to(x.dtype), LEAK)
        x = F.leaky_relu(self.deep(x), LEAK)
        t = self.loudness(x).float()
        deviation: Tensor = LOUDEST * ((t + (t * t + 1).sqrt()) / 2).square()
        return deviation


class Injected:
    """The same by rows, at one rate, realism and place: each call goes on where the last one ended."""

    def __init__(
        self,
        layer: NoiseInjection,
        q: Tensor,
        b_decoded: Tensor,
        seed: int,
        row: int,
        column: int,
        precision: torch.dtype | None = None,
    ) -> None:
        self.layer, self.q, self.share, self.precision = layer, q, update_share(b_decoded), precision
        self.seed, self.row, self.column = seed, row, column

    def __call__(self, h: Tensor) -> Tensor:
        """h: rows [1, H, W, width] -> what to add to the picture's cells, [1, H, W, 192]."""
        _, height, width, _ = h.shape
        noise = torch.from_numpy(seeded(self.seed, self.row, self.column, height, width)).to(h)
        self.row += height
        return self.layer(h, noise[None], self.q, self.share, self.precision)  # type: ignore[no-any-return]


def haar(x: Tensor) -> Tensor:
    """Planes [N, C, H, W], sides multiples of 8 -> orthonormal coefficients [N, H/8, W/8, C * 63].

    Of each cell in the order of `VALUES`: by octave, then plane, direction, row and column.
    """
    found, planes = [], x.shape[1]
    for side in SIDES:
        a, b, c, d = (x[..., i::2, j::2] for i in (0, 1) for j in (0, 1))
        details = torch.stack((a - b + c - d, a + b - c - d, a - b - c + d), 2) / 2
        x = (a + b + c + d) / 2
        n, _, _, h, w = details.shape
        cells = details.reshape(n, planes * DIRECTIONS, h // side, side, w // side, side)
        found.append(cells.permute(0, 2, 4, 1, 3, 5).reshape(n, h // side, w // side, -1))
    return torch.cat(found, -1)


def inverse_haar() -> Tensor:
    """[192, VALUES]: the cell of pixels in red, green and blue that a coefficient of each plane makes."""
    pixels = haar(torch.eye(CELL * CELL).reshape(-1, 1, CELL, CELL))[:, 0, 0]  # [64 pixels, 63]
    cells, octave_at = torch.zeros(CELL * CELL, 3, VALUES), 0
    for octave, side in enumerate(SIDES):
        count = DIRECTIONS * side * side
        of_plane = pixels[:, octave_at : octave_at + count]
        start = sum(BANDS * s * s for s in SIDES[:octave])
        for plane, colour in enumerate(COLOURS):
            there = slice(start + plane * count, start + (plane + 1) * count)
            cells[:, :, there] = of_plane[:, None] * torch.tensor(colour)[None, :, None]
        octave_at += count
    return cells.reshape(CELL * CELL * 3, VALUES)
