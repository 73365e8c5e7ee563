"""The search for a rate that gives a wanted size, and for a searched file that has it."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import TypeVar

TRIES = 16  # five or six are usual
CLOSE = 0.995  # of the wanted size: near enough
LEAST = 0.99  # of the wanted size: as far below as is promised
AIM = 0.997  # what a search is given to fill: it ends within some tenths of a percent of it
SEARCHES = 3

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


def filled(coded: Callable[[float], tuple[int, T]], plain: tuple[int, T], target: int) -> T:
    """What a search for better latents makes of a file of nearly `target` bytes, itself of nearly as many.

    coded: a size as a part of the plain file's -> the bytes that it came to, and what was made. `plain`
    itself if no try ends within 1 % below the target.
    """
    scale = AIM * target / plain[0]
    for _ in range(SEARCHES):
        size, made = coded(scale)
        if LEAST * target <= size <= target:
            return made
        scale *= AIM * target / size
    return plain[1]
