"""The search for a rate that gives a wanted size."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import TypeVar

TRIES = 16  # five or six are usual
CLOSE = 0.995  # of the wanted size: near enough

T = TypeVar("T")


def closest(coded: Callable[[int], tuple[int, T]], target: int, top: int) -> tuple[int, T]:
    """What `coded` makes at the rate of 0..top whose bytes come closest to `target` from below.

    coded: a rate -> bytes, and what was made of so many. Half a percent below is close enough. What rate 0
    gives if even that is larger. Bytes rise with the rate about exponentially: the next try is guessed on
    the logarithm between the nearest rates tried.
    """
    low, high = 0, top
    (below, best), (above, most) = coded(low), coded(high)
    if above <= target:
        return above, most
    for tries in range(TRIES):
        if below >= CLOSE * target or high - low <= 1:
            break
        part = log((CLOSE + 1) / 2 * target / below) / log(above / below)
        middle = low + round((high - low) * (part if tries % 3 < 2 else 0.5))
        middle = min(max(middle, low + 1), high - 1)
        size, made = coded(middle)
        if size <= target:
            low, below, best = middle, size, made
        else:
            high, above = middle, size
    return below, best
