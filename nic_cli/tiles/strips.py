"""A picture as strips of rows in the values the network takes, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.tiles.grid import HYPER
from nic_cli.types import PixelArray

AREA = 2**18
"""Pixels a strip, about: enough for the matrix products, few enough for the cache."""

Strip = NDArray[np.float32]


def split(
    pixels: PixelArray, area: int = AREA, *, multiple: int = HYPER, border: str = "edge"
) -> Iterator[Strip]:
    """pixels: [H, W, 1 or 3] uint8 or uint16 -> strips [h, W', 3] in 0..1.

    W' and the sum of all h are multiples of `multiple`, 64 at least, each h one of 16. border: what the
    picture is extended with on its right and below: its edge, its mirror image (reflect), or zero.
    """
    height, width, _ = pixels.shape
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    mode: Any = "edge" if border == "zero" else border
    columns, lines = (
        np.pad(np.arange(size), (0, max(-size % multiple, HYPER - size)), mode) for size in (width, height)
    )
    rows = max(1, area // len(columns) // 16) * 16
    for top in range(0, len(lines), rows):
        chosen = lines[top : top + rows]
        first = chosen.min()
        strip = pixels[first : chosen.max() + 1][chosen - first][:, columns] * scale
        if border == "zero":
            strip[:, width:] = 0
            strip[max(0, height - top) :] = 0
        yield np.broadcast_to(strip, (*strip.shape[:2], 3))


def join(strips: Iterable[Strip], width: int, height: int, channels: int, bit_depth: int) -> PixelArray:
    """Strips [h, W', 3] in 0..1 or a little beyond -> pixels [height, width, channels], rounded."""
    kind: Any = np.uint8 if bit_depth == 8 else np.uint16
    pixels = np.empty((height, width, channels), kind)
    at = 0
    for strip in strips:
        used = strip[: max(0, height - at), :width]
        if channels == 1:
            used = used.mean(2, keepdims=True)
        pixels[at : at + len(used)] = np.rint(np.clip(used, 0, 1) * np.iinfo(kind).max)
        at += len(strip)
    return pixels
