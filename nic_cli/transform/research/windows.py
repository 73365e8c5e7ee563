"""Local networks on pictures of any height: in bands of rows that bring along what they see around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor


def banded(
    strips: Iterable[Tensor], run: Callable[[Tensor], Tensor], unit: int, reach: int, area: int
) -> Iterator[Tensor]:
    """`run` on strips [1, h, W, C], as on all of them put together but for the order of summation.

    unit: rows that one row of the coarsest grid stands for; h is a multiple of it. reach: rows of that grid
    that an output depends on, to each side. area: positions of a band without those, about.
    What `run` pads with, at borders that are not the picture's, is cut off.
    """
    held: list[Tensor] = []
    first = done = total = 0  # rows of the coarsest grid: held from, given, and there in all

    def band(rows: int) -> Tensor:
        nonlocal held, first, done
        plane = held[0] if len(held) == 1 else torch.cat(held, 1)
        top, bottom, last = max(0, done - reach), min(total, done + rows + reach), min(total, done + rows)
        found = run(plane[:, (top - first) * unit : (bottom - first) * unit])
        scale = found.shape[1] // (bottom - top)
        found = found[:, (done - top) * scale : (last - top) * scale]
        done = last
        keep = max(0, done - reach)
        held = [plane[:, (keep - first) * unit :].clone()]
        first = keep
        return found

    for strip in strips:
        held.append(strip)
        total += strip.shape[1] // unit
        rows = max(1, area // (strip.shape[2] * unit), 2 * reach)
        while total >= done + rows + reach:
            yield band(rows)
    while done < total:
        yield band(max(1, area // (held[0].shape[2] * unit), 2 * reach))
