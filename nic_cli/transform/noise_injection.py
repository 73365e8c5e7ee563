"""What realisms over 0.5 make texture from: seeded noise whose loudness is predicted.

Where the latents say nothing a synthesis is the same function at each position, so the only texture it can
make there is one that repeats, a mesh. Noise differs from place to place; as a function of the absolute
position and the file's seed alone it is the same in every strip, crop and tile, on every device. As in the
film grain of AV1 (Norkin and Birkbeck, DCC 2018) decoders only need to know how loud it is to be: here a
small network says so for each 8x8 cell, plane and Haar band, trained by the likelihood of what is missing.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.layers import LEAK, Dense, is_unfilled
from nic_cli.transform.low_rank import update_share

CELL = 8  # pixels a side: the fine blocks see one position of it
OCTAVES, DIRECTIONS = 3, 3
COLOURS = ((1.0, 1.0, 1.0), (0.0, -0.344, 1.772), (1.402, -0.714, 0.0))
"""What a unit of luma, Cb and Cr (BT.601) is in red, green and blue: the planes that noise has."""
BANDS = len(COLOURS) * DIRECTIONS  # of one octave
SIDES = tuple(CELL >> (octave + 1) for octave in range(OCTAVES))  # of one band in a cell: 4, 2, 1
VALUES = BANDS * sum(side * side for side in SIDES)
"""Haar coefficients of a cell, 189: by octave from the finest on, then plane, direction, row and column."""
LOUDEST = (
    0.05  # deviation of a coefficient, orthonormal, of pixels in 0..1, that 4 times what 0 stands for is
)


def seeded(seed: int, row: int, column: int, height: int, width: int, device: torch.device) -> Tensor:
    """Noise [height, width, VALUES] of the cells from (row, column) on: uniform, variance 1, float32.

    Four bytes of each hash of seed, row, column and number; integers only, so equal everywhere.
    """
    rows, columns = (
        torch.arange(first, first + count, dtype=torch.int32, device=device)
        for first, count in ((row, height), (column, width))
    )
    words = torch.arange(-(-VALUES // 4), dtype=torch.int32, device=device)
    cells = _hashed(_hashed(rows + _signed(seed))[:, None] + columns * _signed(0x9E3779B1))
    numbers = _hashed(cells[..., None] + words * _signed(0x85EBCA77))
    values = numbers.view(torch.int8)[..., :VALUES].float()
    return values.add_(0.5).mul_(1 / sqrt((256**2 - 1) / 12))


def drawn(cells: int, height: int, width: int, device: torch.device) -> Tensor:
    """The same for training, [cells, height, width, VALUES], from torch's own numbers."""
    return (torch.rand(cells, height, width, VALUES, device=device) - 0.5) * sqrt(12)


def _hashed(x: Tensor) -> Tensor:
    """int32 -> int32, each bit of the input changing each of the output in half of the cases.

    Two rounds of multiply and xor-shift, with the constants of C. Wellons' search for the least bias (2018).
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ ((x >> shift) & ((1 << (32 - shift)) - 1))) * _signed(factor)
    return x ^ ((x >> 16) & 0xFFFF)


def _signed(x: int) -> int:
    """The int32 of the same 32 bits."""
    return (x + 2**31) % 2**32 - 2**31


class NoiseInjection(nn.Module):
    """Noise of a predicted loudness into the features of the fine blocks, and straight into the picture.

    width: channels of the features. hidden: of the network that predicts the loudness from them and q.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.seen, self.deep = Dense(width, hidden), Dense(hidden, hidden)
        self.by_q = nn.Parameter(torch.zeros(hidden))
        self.loudness = Dense(hidden, OCTAVES * BANDS, gain=0.1)
        self.into = Dense(VALUES, width, bias=False, gain=0.3)
        self.direct = Dense(VALUES, CELL * CELL * 3, bias=False)
        if not is_unfilled():
            with torch.no_grad():
                self.direct.weight.copy_(0.4 * inverse_haar())

    def forward(self, h: Tensor, noise: Tensor, q: Tensor, share: Tensor | float) -> tuple[Tensor, Tensor]:
        """h: [N, H, W, width]; noise: [N, H, W, VALUES] of variance 1; q: [N] or [1].

        share: of the updates that are mixed in, 0..1. Its power, not its size, rises with it: half-way half
        of the texture is there.
        Returns what to add to h, and to the cells [N, H, W, 192] of the picture. No gradient reaches the
        prediction from there: squared error pays for silence, and within 860 steps a quarter was left of it.
        """
        with torch.no_grad():
            loud = share**0.5 * self.deviation(h, q)
        parts = []
        for octave, side in enumerate(SIDES):
            bands = loud[..., octave * BANDS : (octave + 1) * BANDS]
            wide = bands[..., None].expand(*bands.shape, side * side)
            parts.append(wide.reshape(*bands.shape[:-1], -1))
        grain = (noise * torch.cat(parts, -1)).to(h.dtype)
        return self.into(grain), self.direct(grain)

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
        self, layer: NoiseInjection, q: Tensor, b_decoded: Tensor, seed: int, row: int, column: int
    ) -> None:
        self.layer, self.q, self.share = layer, q, update_share(b_decoded)
        self.seed, self.row, self.column = seed, row, column

    def __call__(self, h: Tensor) -> Tensor:
        """h: rows [1, H, W, width], to which noise is added; returns that of the picture [1, H, W, 192]."""
        _, height, width, _ = h.shape
        noise = seeded(self.seed, self.row, self.column, height, width, h.device).to(h.dtype)
        self.row += height
        into, direct = self.layer(h, noise[None], self.q, self.share)
        h += into
        return direct  # type: ignore[no-any-return]


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
