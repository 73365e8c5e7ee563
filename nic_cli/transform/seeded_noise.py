"""The numbers that textures of realisms over 0.5 are made from: a function of the file's seed and the place.

In integers until the very end, so that they are the same in every strip, crop and tile, on every device. As
in the film grain of AV1 (Norkin and Birkbeck, DCC 2018) a decoder only needs to know how loud it is to be.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

CELL = 8  # pixels a side: the fine blocks see one position of it
OCTAVES, DIRECTIONS = 3, 3
COLOURS = ((1.0, 1.0, 1.0), (0.0, -0.344, 1.772), (1.402, -0.714, 0.0))
"""What a unit of luma, Cb and Cr (BT.601) is in red, green and blue: the planes that noise has."""
BANDS = len(COLOURS) * DIRECTIONS  # of one octave
SIDES = tuple(CELL >> (octave + 1) for octave in range(OCTAVES))  # of one band in a cell: 4, 2, 1
VALUES = BANDS * sum(side * side for side in SIDES)
"""Haar coefficients of a cell, 189: by octave from the finest on, then plane, direction, row and column."""
LOUDEST = 0.05
"""Deviation of a coefficient, orthonormal, of pixels in 0..1, that 4 times what 0 stands for is."""


def seeded(seed: int, row: int, column: int, height: int, width: int) -> NDArray[np.float32]:
    """Noise [height, width, VALUES] of the cells from (row, column) on: uniform, variance 1."""
    rows = np.arange(row, row + height, dtype=np.uint32)
    return noise_of(seed, rows[:, None], np.arange(column, column + width, dtype=np.uint32))


def noise_of(seed: int, rows: NDArray[np.uint32], columns: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Noise [..., VALUES] of the cells at these rows and columns, as they broadcast.

    Four bytes, the least significant first, of each hash of seed, row, column and number.
    """
    cells = _hashed(_hashed(rows + np.uint32(seed)) + columns * np.uint32(0x9E3779B1))
    words = np.arange(-(-VALUES // 4), dtype=np.uint32) * np.uint32(0x85EBCA77)
    numbers = _hashed(cells[..., None] + words).astype("<u4", copy=False)
    values = numbers.view(np.int8)[..., :VALUES].astype(np.float32)
    values += np.float32(0.5)
    values *= np.float32(1 / sqrt((256**2 - 1) / 12))
    return values


def _hashed(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """32 bits to 32 bits, each bit of the input changing each of the output in half of the cases.

    Two rounds of multiply and xor-shift, with the constants of C. Wellons' search for the least bias (2018).
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return x ^ (x >> np.uint32(16))
