"""Products of a block of positions, in which no sum depends on the place of its position in the block.

Else a part of a picture would not be that of the whole to the last bit. OpenBLAS takes care of that on most
processors, not with its kernel for AVX2 (its core Haswell, for Zen 1 to 3 as well; 0.3.29 to 0.3.31.188): it
cuts the weights into panels of up to 320 columns, and adds up the first and the last eight of each in another
order for six positions of twelve. So there the columns that count are kept from the edges of panels, by
columns of zeros: a picture of 768x512 decodes in 1.14 times the time, by blocks of eight positions in 1.85.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nic_cli.transform.plain.threads import Buffers, one_thread_a_product

Floats = NDArray[np.float32]
BLOCK = 96
"""Positions of every product. OpenBLAS multiplies 1,024 at a time a tenth faster, but 96 share the work
evenly and stay in the cache: 0.88 of the time that 256 take for a picture of 768x512."""
EDGE, PANEL, FEW = 8, 320, 8
SHAPES = ((64, 27), (64, 400), (300, 64))
"""Inputs and outputs of the products that are tried."""
_buffers = Buffers()


class Product:
    """x: [BLOCK, inputs] @ weight: [inputs, outputs], float32."""

    def __init__(self, weight: Floats, way: str = "") -> None:
        self.shape = weight.shape
        self._run = WAYS[way or the_way()](weight)

    def __call__(self, x: Floats, out: Floats) -> Floats:
        """Write the product into `out`, [BLOCK, outputs], and return it."""
        self._run(x, out)
        return out


def _plain(weight: Floats) -> Callable[[Floats, Floats], None]:
    weight = np.ascontiguousarray(weight)

    def run(x: Floats, out: Floats) -> None:
        np.matmul(x, weight, out=out)

    return run


def _framed(weight: Floats) -> Callable[[Floats, Floats], None]:
    outputs = weight.shape[1]
    count = -(-outputs // (PANEL - 2 * EDGE))
    ends = [outputs * i // count for i in range(count + 1)]
    parts = [np.pad(weight[:, a:b], ((0, 0), (EDGE, EDGE + (a - b) % EDGE))) for a, b in pairwise(ends)]

    def run(x: Floats, out: Floats) -> None:
        for part, (start, end) in zip(parts, pairwise(ends), strict=True):
            made = _buffers("framed", BLOCK, part.shape[1])
            np.matmul(x, part, out=made)
            out[:, start:end] = made[:, EDGE : EDGE + end - start]

    return run


def _few(weight: Floats) -> Callable[[Floats, Floats], None]:
    weight = np.ascontiguousarray(weight)

    def run(x: Floats, out: Floats) -> None:
        for at in range(0, BLOCK, FEW):
            np.matmul(x[at : at + FEW], weight, out=out[at : at + FEW])

    return run


WAYS = {"plain": _plain, "framed": _framed, "few": _few}


@lru_cache(maxsize=1)
def the_way() -> str:
    """The first way in which equal positions give equal sums wherever they stand: a millisecond, once."""
    return next((way for way in WAYS if is_even(way)), "few")


def is_even(way: str) -> bool:
    """Whether products made this way, of a few shapes, give each position the same wherever it stands."""
    random = np.random.RandomState(0)
    with one_thread_a_product():
        for inputs, outputs in SHAPES:
            weight = random.standard_normal((inputs, outputs)).astype(np.float32)
            x = np.tile(random.standard_normal(inputs).astype(np.float32), (BLOCK, 1))
            found = Product(weight, way)(x, np.empty((BLOCK, outputs), np.float32))
            if (found != found[0]).any():
                return False
    return True
