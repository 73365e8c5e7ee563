"""Running a stack of layers over a picture by strips of rows, with no seam and no halo computed twice.

A generator of strips goes in, a generator of strips comes out. A layer that looks one row up and
down keeps the last two rows it saw; memory grows with the width of the picture only. Products
over positions do not mix rows, so the values are those of the whole-picture run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F


def through(layer: Callable[[Tensor], Tensor], strips: Iterable[Tensor]) -> Iterator[Tensor]:
    """Strips [1, 2 + h, W, C] through a layer of reach one; rows outside the picture are zero.

    The first two rows of a strip are room for the last two of the strip before it, so that a strip is
    not copied to get its context. layer: [1, h + 2, W, C], one row of context either side -> its output.
    """
    held: Tensor | None = None
    for strip in strips:
        if held is None:
            strip = strip[:, 1:]
            strip[:, 0] = 0
        else:
            strip[:, :2] = held
        held = strip[:, -2:].clone()
        if strip.shape[1] > 2:
            strip = layer(strip)
            yield strip
        del strip  # a layer that waits keeps its two rows, not a whole strip
    if held is not None:
        yield layer(torch.cat((held, torch.zeros_like(held[:, :1])), 1))


def with_room(strip: Tensor) -> Tensor:
    """[1, h, W, C] -> [1, 2 + h, W, C], as `through` wants it."""
    return F.pad(strip, (0, 0, 0, 0, 2, 0))


def without_room(strip: Tensor) -> Tensor:
    """[1, 2 + h, W, C], as a block's `rows` gives it -> [1, h, W, C]."""
    return strip[:, 2:]


def paired(strips: Iterable[Tensor]) -> Iterator[Tensor]:
    """The same rows in strips of even height, for a layer that halves the resolution."""
    odd: Tensor | None = None
    for strip in strips:
        if odd is not None:
            strip = torch.cat((odd, strip), 1)
        even = strip.shape[1] // 2 * 2
        odd = strip[:, even:] if even < strip.shape[1] else None
        if even:
            yield strip[:, :even]


def taken(queue: list[Tensor], count: int) -> Tensor:
    """The first `count` rows of a queue of strips, which loses them."""
    held = torch.cat(queue, 1) if len(queue) > 1 else queue[0]
    queue[:] = [held[:, count:]]
    return held[:, :count]
