"""`noise_injection` in numpy: noise of a predicted loudness, added row after row."""

from __future__ import annotations

import numpy as np

from nic_cli.transform.plain.layers import LEAK, by_blocks
from nic_cli.transform.plain.products import BLOCK, Floats, Product
from nic_cli.transform.plain.weights import Weights, update_share
from nic_cli.transform.seeded_noise import BANDS, LOUDEST, SIDES, noise_of


class Injected:
    """Noise by rows, at one rate, realism and place: each call goes on where the last one ended.

    name: of the network's tensors. seed, row, column: of the noise, in cells of 8x8 pixels.
    """

    def __init__(
        self, weights: Weights, name: str, q: float, b_decoded: float, seed: int, row: int, column: int
    ) -> None:
        self._seen, self._deep, self._loudness = (
            weights.dense(f"{name}.{layer}") for layer in ("seen", "deep", "loudness")
        )
        self._made, _ = weights.dense(f"{name}.direct")
        self._by_q = np.float32(q) * weights(f"{name}.by_q")
        self._share, self._seed = np.sqrt(update_share(b_decoded)), seed
        self._row, self._column = row, np.uint32(column)

    def __call__(self, h: Floats) -> Floats:
        """h: rows [1, H, W, width] -> what to add to the picture's cells, [1, H, W, 192]."""
        _, height, width, channels = h.shape
        first, self._row = np.uint32(self._row), self._row + height
        flat = h.reshape(-1, channels)
        made = np.empty((len(flat), self._made.shape[1]), np.float32)

        def block(out: Floats, at: int, count: int) -> None:
            places = np.arange(at, at + BLOCK, dtype=np.uint32)
            noise = noise_of(self._seed, places // width + first, places % width + self._column)
            seen = flat[at : at + count]
            if count < BLOCK:
                seen = np.concatenate((seen, np.zeros((BLOCK - count, channels), np.float32)))
            self._scale(noise, self._share * self._deviation(seen))
            room = out if count == BLOCK else np.empty((BLOCK, out.shape[1]), np.float32)
            out[:] = self._made(noise, room)[:count]

        by_blocks(block, made)
        return made.reshape(1, height, width, -1)

    @staticmethod
    def _scale(noise: Floats, loud: Floats) -> None:
        at = 0
        for octave, side in enumerate(SIDES):
            for band in range(octave * BANDS, (octave + 1) * BANDS):
                noise[:, at : at + side * side] *= loud[:, band, None]
                at += side * side

    def _deviation(self, h: Floats) -> Floats:
        """Standard deviation of the coefficients that are missing, [BLOCK, 27]."""
        x = _dense(h, *self._seen) + self._by_q
        t = _dense(_rectified(_dense(_rectified(x), *self._deep)), *self._loudness)
        deviation: Floats = np.float32(LOUDEST) * np.square((t + np.sqrt(t * t + 1)) / 2)
        return deviation


def _dense(x: Floats, weight: Product, bias: Floats | None) -> Floats:
    found = weight(x, np.empty((BLOCK, weight.shape[1]), np.float32))
    return found if bias is None else found + bias


def _rectified(x: Floats) -> Floats:
    found: Floats = np.maximum(x, x * LEAK)
    return found
