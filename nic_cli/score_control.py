"""Score control: the lowest rate at which a picture has a wanted score, in few codings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

CODINGS = 8  # at most; three or four are usual
CLOSE = 0.25  # points over the wish: near enough
WITHIN = 1.0  # points over the wish: as far as is promised of scores that rise with the rate
STEEP = 4.0  # times as fast as usual, or as slow: as far as a slope from two tries is believed

T = TypeVar("T")
Usual = Sequence[tuple[int, float]]
"""(rate, score) that pictures have on average, both rising; two at least."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A rate, its score and what was made at it; how many codings that took."""

    rate: int
    score: float
    made: T
    codings: int


def lowest(
    coded: Callable[[int], tuple[float, T]], wish: float, usual: Usual, top: int, close: float = CLOSE
) -> Found[T]:
    """What `coded` makes at the lowest rate of 0..top, of those tried, whose score is at least `wish`.

    coded: a rate -> the score, and what was made. Up to `close` over the wish is near enough, and after
    CODINGS it is the best so far, one up to WITHIN over before a lower rate that is further. If even `top`
    does not reach the wish: the highest score there was.
    Tries are guessed on the scale of the usual score at each rate, on which that of one picture is nearly a
    line: first where pictures usually have it, then along that line, then between the nearest tries on either
    side of the wish.
    """
    tried: dict[int, float] = {}
    best: Found[T] | None = None
    at = round(min(max(_rate(wish, usual), 0), top))
    while True:
        score, made = coded(at)
        tried[at] = score
        if best is None or _better(at, score, best, wish):
            best = Found(at, score, made, 0)
        following = _following(tried, wish, usual, top, close)
        if following is None or len(tried) == CODINGS:
            return Found(best.rate, best.score, best.made, len(tried))
        at = following


def _better(rate: int, score: float, best: Found[T], wish: float) -> bool:
    if score >= wish:  # where scores jump, a lower rate may be further over than is promised
        far, best_far = score > wish + WITHIN, best.score > wish + WITHIN
        return best.score < wish or (far, rate) < (best_far, best.rate)
    return best.score < wish and score > best.score


def _following(tried: Mapping[int, float], wish: float, usual: Usual, top: int, close: float) -> int | None:
    """The rate to try next, None if no other could be better."""
    aim = wish + close / 2
    above = min((rate for rate, score in tried.items() if score >= wish), default=None)
    below = max(
        (r for r, score in tried.items() if score < wish and (above is None or r < above)), default=None
    )
    if above is None:
        return None if top in tried else _beyond(tried, aim, usual, top)
    if tried[above] <= wish + close or above == 0:
        return None
    if below is None:
        return _beyond(tried, aim, usual, 0)
    if above - below <= 1:
        return None
    # Regula falsi, where tries that keep falling on one side weigh the other side the less (Illinois).
    *earlier, last = (score >= wish for score in tried.values())
    row = next((n for n, side in enumerate(reversed(earlier)) if side != last), len(earlier))
    short, over = aim - tried[below], tried[above] - aim
    short, over = (short / 2**row, over) if last else (short, over / 2**row)
    x, end = _score(below, usual), _score(above, usual)
    between = _rate(x + (end - x) * short / (short + over), usual)
    return min(max(round(between), below + 1), above - 1)


def _beyond(tried: Mapping[int, float], aim: float, usual: Usual, end: int) -> int:
    """Where to look beyond all rates tried, towards `end`, which is the third such try at the latest."""
    if len(tried) > 2:
        return end
    nearest, slope = (max if end else min)(tried), 1.0
    if len(tried) == 2:
        (a, score_a), (b, score_b) = tried.items()
        slope = (score_b - score_a) / (_score(b, usual) - _score(a, usual))
        slope = min(max(slope, 1 / STEEP), STEEP) / 1.5  # rather past the wish than short of it again
    rate = round(_rate(_score(nearest, usual) + (aim - tried[nearest]) / slope, usual))
    return min(max(rate, nearest + 1), end) if end else max(min(rate, nearest - 1), 0)


def _score(rate: float, usual: Usual) -> float:
    return _on(rate, usual)


def _rate(score: float, usual: Usual) -> float:
    return _on(score, [(y, x) for x, y in usual])


def _on(at: float, points: Sequence[tuple[float, float]]) -> float:
    """The value at `at` of the lines through `points`, beyond whose ends the last ones go on."""
    index = next((i for i, (x, _) in enumerate(points[1:-1], 1) if at < x), len(points) - 1)
    (x, y), (to_x, to_y) = points[index - 1], points[index]
    return y + (to_y - y) * (at - x) / (to_x - x)
