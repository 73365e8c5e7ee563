"""The order of the layers that rows of a picture go through while coding, the same for every engine.

A layer is a function of arrays: of a module of torch, or numpy's. Activations stand as [N, H, W, C]; rows
"with room" are what `row_streaming` describes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from nic_cli.arrays import Array, turned
from nic_cli.transform.row_streaming import Strip, marked, paired, taken, through

Layer = Callable[[Array], Array]

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Rows and columns of each 2x2 cell of latents, in the order in which their means are predicted: the second
phase lies diagonally between the first, the others between both."""


@dataclass(frozen=True, slots=True)
class AnalysisLayers:
    """stem, down, and blocks of one row of context either side give rows with room; skip and tail do not."""

    stem: Layer
    fine: Sequence[Layer]
    down: Layer
    coarse: Sequence[Layer]
    tail: Layer
    skip: Layer
    without_room: Layer


@dataclass(frozen=True, slots=True)
class SynthesisLayers:
    """stem and blocks, of one row of context either side, give rows with room; up, tail and skip do not.

    noise: rows before the fine blocks to what to add to their pixels; or None.
    """

    stem: Layer
    coarse: Sequence[Layer]
    up: Layer
    noise: Layer | None
    fine: Sequence[Layer]
    tail: Layer
    skip: Layer
    with_room: Layer
    without_room: Layer


def unshuffle(x: Array, side: int) -> Array:
    """[N, H, W, C] -> [N, H/side, W/side, side*side*C]: each square of positions becomes channels."""
    n, h, w, c = x.shape
    x = turned(x.reshape(n, h // side, side, w // side, side, c), 0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // side, w // side, side * side * c)


def shuffle(x: Array, side: int) -> Array:
    """[N, h, w, side*side*C] -> [N, side*h, side*w, C]: the inverse of `unshuffle`."""
    n, h, w, c = x.shape
    x = turned(x.reshape(n, h, w, side, side, c // (side * side)), 0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * side, w * side, c // (side * side))


def analysed(strips: Iterable[Array], layers: AnalysisLayers) -> Iterator[Array]:
    """Strips [1, h, W, 3] of pixels minus 1/2, h a multiple of 16 -> strips of y [1, h', W/16, latent]."""
    skips: list[Array] = []

    def deep() -> Iterator[Strip]:
        for strip, last in marked(strips):
            bands = unshuffle(strip, 8)
            skips.append(layers.skip(unshuffle(bands, 2)))
            yield layers.stem(bands), last

    def halved(fine: Iterable[Strip]) -> Iterator[Strip]:
        for rows, last in paired((layers.without_room(strip), last) for strip, last in fine):
            yield layers.down(unshuffle(rows, 2)), last

    h = deep()
    for block in layers.fine:
        h = through(block, h)
    h = halved(h)
    for block in layers.coarse:
        h = through(block, h)
    for strip, _ in h:
        rows = layers.without_room(strip)
        yield layers.tail(rows) + taken(skips, rows.shape[1])


def synthesised(strips: Iterable[Array], layers: SynthesisLayers) -> Iterator[Array]:
    """Strips [1, h, w, latent] of y -> strips [1, h', 16 w, 3] of pixels minus 1/2."""
    skips: list[Array] = []
    direct: list[Array] = []

    def deep() -> Iterator[Strip]:
        for strip, last in marked(strips):
            skips.append(shuffle(layers.skip(strip), 2))
            yield layers.stem(strip), last

    def doubled(coarse: Iterable[Strip]) -> Iterator[Strip]:
        for strip, last in coarse:
            rows = shuffle(layers.up(layers.without_room(strip)), 2)
            if layers.noise is not None:
                direct.append(layers.noise(rows))
            yield layers.with_room(rows), last

    h = deep()
    for block in layers.coarse:
        h = through(block, h)
    h = doubled(h)
    for block in layers.fine:
        h = through(block, h)
    for rows, _ in through(layers.tail, h):
        skip = taken(skips, rows.shape[1])
        if layers.noise is not None:
            skip = skip + taken(direct, rows.shape[1])
        yield shuffle(rows + skip, 8)
