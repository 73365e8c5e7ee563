"""Rate control: the q whose file has a wanted size, with latent optimisation or without."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import TypeVar

TRIES = 16  # five or six are usual
CLOSE = 0.995  # of the wanted size: near enough
LEAST = 0.99  # of the wanted size: as far below as is promised
AIM = 0.995  # of the wanted size: what the next search is to give
SEARCHES = 5  # one or two are usual
GROWTH = 0.6 / 4096  # of the logarithm of the bytes with a unit of the rate, about

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


def filled(coded: Callable[[int], tuple[int, T]], start: int, plain: T, target: int, top: int) -> T:
    """What a search for better latents makes of a file that has the wanted size without one.

    coded: as above, but dear. start: the rate at which `plain` has `target` bytes, or up to half a percent
    less. A search moves the size by a few percent, about evenly over the rates; so the next rate follows
    from the last size, and, as soon as one was too small and a higher one too large, lies between them:
    sizes of searches jump by a percent of a small file. `plain` itself if no try ends within 1 % below the
    target, or at the top rate.
    """
    at, slope, tried = start, GROWTH, dict[int, float]()
    for _ in range(SEARCHES):
        size, made = coded(at)
        if size <= target and (size >= LEAST * target or at == top):
            return made
        for other, bytes_ in tried.items():
            slope = max(GROWTH / 2, log(size / bytes_) / (at - other))
        tried[at] = size
        low = max((rate for rate, bytes_ in tried.items() if bytes_ <= target), default=-1)
        high = min((rate for rate, bytes_ in tried.items() if bytes_ > target), default=top + 1)
        if 0 <= low < high <= top:
            part = log(AIM * target / tried[low]) / log(tried[high] / tried[low])
            at = min(max(low + round((high - low) * part), low + 1), high - 1)
        else:
            at = min(max(at + round(log(AIM * target / size) / slope), 0), top)
        if at in tried:
            break
    return plain
