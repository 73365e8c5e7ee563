"""The layers of `transform.layers` in numpy.

Always a block of positions at a time, so that no row depends on its company, nor on the number of threads.
Rows that a block of the network sees are framed: a column of zeros stands on either side, so that rows lie
in memory one after the other as one long line of positions, of which the eight neighbours are the same line
from another place on. 96 positions of 256 channels stay in the cache from the first layer of a block to
the last. The same values as torch's to about the sixth digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nic_cli.transform.plain.products import BLOCK, Floats, Product
from nic_cli.transform.plain.threads import Buffers, one_thread_a_product, run

TILED = 4  # positions that the depthwise layer takes as one
LEAK = np.float32(0.01)
_buffers = Buffers()


def framed(x: Floats) -> Floats:
    """[1, h, W, C] -> [1, 2 + h + 1, 1 + W + 1, C]: with room and with its frame, the room not filled."""
    _, height, width, channels = x.shape
    found = np.empty((1, height + 3, width + 2, channels), x.dtype)
    found[:, 2:-1, 1:-1] = x
    _clear(found)
    return found


def unframed(x: Floats) -> Floats:
    """The inverse: a view."""
    return x[:, 2:-1, 1:-1]


def _clear(x: Floats) -> None:
    x[:, :, 0] = 0
    x[:, :, -1] = 0


def product(x: Floats, weight: Floats | Product, bias: Floats | None = None) -> Floats:
    """x: [..., inputs] @ weight: [inputs, outputs] -> [..., outputs].

    A weight that is no `Product` is for exact integers, of which no order of adding up gives another sum.
    """
    flat = x.reshape(-1, x.shape[-1])
    found = np.empty((len(flat), weight.shape[1]), x.dtype)

    def block(out: Floats, at: int, count: int) -> None:
        part = flat[at : at + count]
        if count < BLOCK:
            out[:] = multiplied(_padded(part), weight, np.empty((BLOCK, out.shape[1]), x.dtype))[:count]
        else:
            multiplied(part, weight, out)

    by_blocks(block, found)
    if bias is not None:
        found += bias
    return found.reshape(*x.shape[:-1], weight.shape[1])


def multiplied(x: Floats, weight: Floats | Product, out: Floats) -> Floats:
    """A block [BLOCK, inputs] by a weight, into out."""
    found: Floats = weight(x, out) if isinstance(weight, Product) else np.matmul(x, weight, out=out)
    return found


def by_blocks(layer: Callable[[Floats, int, int], None], out: Floats) -> None:
    """layer(room, first, count) for blocks of `out` [n, C]; fewer than a block are one alone.

    The last one begins early enough to be whole, in a room of its own: a product adds up in place, so two
    threads must not be at the same rows.
    """
    count = len(out)
    if count < BLOCK:
        with one_thread_a_product():
            layer(out, 0, count)
        return
    whole, rest = divmod(count, BLOCK)

    def work(number: int) -> None:
        if number < whole:
            at = number * BLOCK
            layer(out[at : at + BLOCK], at, BLOCK)
        else:
            room = np.empty((BLOCK, out.shape[1]), out.dtype)
            layer(room, count - BLOCK, BLOCK)
            out[-rest:] = room[-rest:]

    run(work, whole + (rest > 0))


def _padded(x: Floats) -> Floats:
    """Fewer positions than a block, [n, C] -> [BLOCK, C]."""
    return np.concatenate((x, np.zeros((BLOCK - len(x), x.shape[1]), x.dtype)))


def _line(x: Floats) -> tuple[Floats, int, int]:
    """Framed rows [1, h + 2, P, C] -> their line [n, C], and in it the first position of the rows between.

    And how many positions there are from there to the end of these rows. Too few for a block are followed by
    zeros.
    """
    _, height, pitch, channels = x.shape
    line, count = x.reshape(-1, channels), (height - 3) * pitch + pitch - 2
    if count < BLOCK:
        line = np.concatenate((line, np.zeros((BLOCK - count, channels), x.dtype)))
    return line, pitch + 1, count


def depthwise(out: Floats, line: Floats, first: int, pitch: int, kernel: Floats) -> None:
    """Positions of a line from `first` on, with their neighbours in it -> out [n, C], n a multiple of 4.

    kernel: [3, 3, 4 C], of each four times the same, for longer inner loops. As one sum over a view of all
    neighbours, which adds them in one order: a third of the time of nine shifted products and as many sums.
    """
    wide, step = kernel.shape[2], line.strides[0]
    near = as_strided(
        line[first - pitch - 1 :],
        (out.size // wide, 3, 3, wide),
        (TILED * step, pitch * step, step, line.strides[1]),
        writeable=False,
    )
    np.einsum("pijc,ijc->pc", near, kernel, out=out.reshape(-1, wide))


def rectify(x: Floats) -> None:
    """What is below zero times LEAK, in place."""
    low = _buffers("low", *x.shape)
    np.multiply(x, LEAK, out=low)
    np.maximum(x, low, out=x)


def _taps(kernel: Floats) -> Floats:
    """[C, 1, 3, 3] -> [3, 3, TILED * C]."""
    return np.ascontiguousarray(np.tile(kernel[:, 0].transpose(1, 2, 0), TILED))


class Block:
    """`layers.Block` by rows: x + reduce(rectify(expand(depthwise3x3(x)))).

    weights: as `layers.Block.weights` has them.
    """

    def __init__(self, weights: Sequence[Floats]) -> None:
        kernel, bias, expand, expand_bias, reduce, reduce_bias = weights
        self.kernel = _taps(kernel)
        self.expand, self.reduce = Product(expand.T), Product(reduce.T)
        self.expand_bias, self.reduce_bias = expand_bias + expand @ bias, reduce_bias

    def rows(self, x: Floats) -> Floats:
        """x: framed, [1, h + 2, P, C], with one row of context either side -> [1, 2 + h + 1, P, C]."""
        _, height, pitch, channels = x.shape
        found = np.empty((1, height + 1, pitch, channels), np.float32)
        line, first, count = _line(x)
        start = 2 * pitch + 1
        room = found.reshape(-1, channels)[start : start + count]
        short = np.empty((BLOCK, channels), np.float32) if count < BLOCK else None

        def block(out: Floats, at: int, _: int) -> None:
            near = _buffers("near", BLOCK, channels)
            depthwise(near, line, first + at, pitch, self.kernel)
            wide = _buffers("wide", BLOCK, 2 * channels)
            self.expand(near, wide)
            wide += self.expand_bias
            rectify(wide)
            made = _buffers("made", BLOCK, channels)
            self.reduce(wide, made)
            made += self.reduce_bias
            np.add(made, line[first + at : first + at + BLOCK], out=out)

        if short is None:
            by_blocks(block, room)
        else:
            with one_thread_a_product():
                block(short, 0, BLOCK)
            room[:] = short[:count]
        _clear(found)
        return found

    def whole(self, x: Floats) -> Floats:
        """x: [1, h, W, C], borders zero -> the same shape."""
        rows = framed(x)
        rows[:, 1] = rows[:, -1] = 0
        return self.rows(rows[:, 1:])[:, 2:-1, 1:-1]


def neighbours(x: Floats, kernel: Floats) -> Floats:
    """x: [1, h, W, C] and a 3x3 kernel [C, 1, 3, 3] for each channel, borders zero -> the same shape."""
    rows = framed(x)
    rows[:, 1] = rows[:, -1] = 0
    pitch, channels = rows.shape[2:]
    line, first, count = _line(rows[:, 1:])
    taps = _taps(kernel)
    found = np.empty((max(x.shape[1] * pitch, BLOCK + 1), channels), x.dtype)
    room = found[1 : 1 + max(count, BLOCK)]

    by_blocks(lambda out, at, _: depthwise(out, line, first + at, pitch, taps), room)
    whole: Floats = found[: x.shape[1] * pitch].reshape(1, x.shape[1], pitch, channels)
    return whole[:, :, 1:-1]


class Tail:
    """`synthesis.Tail` by rows: a 3x3 convolution as one product over nine neighbours.

    weight: [outputs, C, 3, 3]; bias: [outputs].
    """

    def __init__(self, weight: Floats, bias: Floats) -> None:
        outputs, channels = weight.shape[:2]
        self.weight = Product(weight.transpose(2, 3, 1, 0).reshape(9 * channels, outputs))
        self.bias = bias

    def rows(self, x: Floats) -> Floats:
        """x: framed, [1, h + 2, P, C], with one row of context either side -> [1, h, W, outputs]."""
        _, height, pitch, channels = x.shape
        outputs = self.weight.shape[1]
        found = np.empty(((height - 2) * pitch + BLOCK, outputs), np.float32)
        line, first, count = _line(x)

        def block(out: Floats, at: int, _: int) -> None:
            beside = _buffers("beside", BLOCK, 9 * channels)
            for row in range(3):
                start = line[first + at + (row - 1) * pitch - 1 :]
                three = as_strided(start, (BLOCK, 3 * channels), start.strides, writeable=False)
                beside[:, 3 * row * channels : 3 * (row + 1) * channels] = three
            made = _buffers("made", BLOCK, outputs)
            self.weight(beside, made)
            np.add(made, self.bias, out=out)

        by_blocks(block, found[1 : 1 + max(count, BLOCK)])
        rows: Any = found[: (height - 2) * pitch].reshape(1, height - 2, pitch, outputs)
        return rows[:, :, 1:-1]  # type: ignore[no-any-return]
