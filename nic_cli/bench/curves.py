"""Curves from rows, values between their points, and the Bjontegaard delta of two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from nic_cli.bench.rows import SECONDS, Curve, Row, Variant
from nic_cli.bench.rows import Points as RatePoints
from nic_cli.metrics import METRICS

RATES = (0.1, 0.2, 0.3, 0.5, 1.0)  # bits a pixel at which tables give values
FEWEST = 4  # points that a delta needs where two curves overlap

Points = Sequence[tuple[float, float]]
Floats = NDArray[np.float64]


def curves(rows: Iterable[Row], metrics: Sequence[str]) -> list[Curve]:
    """One curve a codec, in the order of the rows: means over the pictures, a point each setting.

    Means over different pictures do not compare, so those of `left_out` are in no curve. A codec that failed
    on every picture has a curve without points; `failures` counts its rows. A picture that is too small for
    a metric (nan) is left out of that metric.
    """
    table = list(rows)
    out = left_out(table)
    groups: dict[str, list[Row]] = {}
    for row in table:
        groups.setdefault(row.curve, []).append(row)
    return [_curve(name, group, metrics, out) for name, group in groups.items()]


def left_out(rows: Iterable[Row]) -> set[str]:
    """The names of pictures on which a codec failed that did not fail on all of them."""
    failed: dict[str, set[str]] = {}
    sound: dict[str, set[str]] = {}
    for row in rows:
        (failed if row.error else sound).setdefault(row.curve, set()).add(row.picture)
    lost = [pictures for curve, pictures in failed.items() if sound.get(curve, set()) - pictures]
    return set().union(*lost)


def _curve(name: str, rows: Sequence[Row], metrics: Sequence[str], out: set[str]) -> Curve:
    failed = {row.picture for row in rows if row.error}
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.picture not in failed | out:
            groups.setdefault(row.variant, []).append(row)
    variants = tuple(_variant(variant, group, metrics) for variant, group in groups.items())
    times = {way: variants[0].points[way] for way in SECONDS} if variants else {}
    curve = Curve(name, times, failures=sum(bool(row.error) for row in rows), variants=variants)
    return with_hulls(curve, metrics)


def _variant(name: str, rows: Sequence[Row], metrics: Sequence[str]) -> Variant:
    settings: dict[str, list[Row]] = {}
    for row in rows:
        settings.setdefault(row.setting, []).append(row)

    def of(metric: str) -> Callable[[Row], float]:
        return lambda row: row.metrics[metric]

    def time(way: str) -> Callable[[Row], float]:
        return lambda row: float(getattr(row, f"{way}_seconds")) * 1e6 / (row.width * row.height)

    points = {metric: _means(settings, of(metric)) for metric in metrics}
    points |= {way: _means(settings, time(way)) for way in SECONDS}
    megapixels = sum(row.width * row.height for row in rows) / 1e6
    totals = [sum(getattr(row, f"{way}_seconds") for row in rows) for way in SECONDS]
    encode, decode = (megapixels / seconds if seconds else 0.0 for seconds in totals)
    return Variant(name, points, encode, decode)


def _means(settings: Mapping[str, Sequence[Row]], value: Callable[[Row], float]) -> RatePoints:
    found = []
    for group in settings.values():
        pairs = [(row.bpp, number) for row in group if isfinite(number := value(row))]
        if pairs:
            found.append((fmean(bpp for bpp, _ in pairs), fmean(number for _, number in pairs)))
    return tuple(sorted(found))


def with_hulls(curve: Curve, metrics: Iterable[str]) -> Curve:
    """The curve with points of these metrics, each from those of its variants."""
    points, leaders = dict(curve.points), dict(curve.leaders)
    for metric in metrics:
        about = METRICS.get(metric)
        given = {variant.name: variant.points.get(metric, ()) for variant in curve.variants}
        if about is not None and about.best is not None:  # no side of it is the better one
            given = dict(list(given.items())[:1])
        best = hull(given, rising=about is None or about.higher_is_better)
        points[metric] = tuple(point for point, _ in best)
        leaders[metric] = tuple(name for _, name in best)
    return replace(curve, points=points, leaders=leaders)


def hull(variants: Mapping[str, Points], *, rising: bool) -> list[tuple[tuple[float, float], str]]:
    """The points of several curves that no other curve and no cheaper point beats, with whose they are.

    rising: whether higher values are better. A single curve stays as it is, dents and all.
    """
    every = sorted((point, name) for name, points in variants.items() for point in points)
    if len(variants) < 2:
        return every
    sign = 1 if rising else -1
    found: list[tuple[tuple[float, float], str]] = []
    for (bpp, value), name in every:
        others = (at(points, bpp) for other, points in variants.items() if other != name)
        beaten = any(other is not None and sign * other > sign * value for other in others)
        if not beaten and (not found or sign * value > sign * found[-1][0][1]):
            found.append(((bpp, value), name))
    return found


def at(points: Points, bpp: float) -> float | None:
    """The value at a rate, linear in the logarithm of bpp between neighbours; None beyond the ends."""
    if not points or not points[0][0] <= bpp <= points[-1][0]:
        return None
    rates, values = np.array(points).T
    return float(np.interp(np.log(bpp), np.log(rates), values))


@dataclass(frozen=True, slots=True)
class Delta:
    """A Bjontegaard delta: percent of rate against the anchor at equal value, or why there is none.

    rates: bits a pixel of the anchor between which the two are compared.
    """

    percent: float | None = None
    reason: str = ""
    rates: tuple[float, float] = (0.0, 0.0)

    def __str__(self) -> str:
        return f"{self.percent:+.1f} %" if self.percent is not None else self.reason


def bd_rate(anchor: Points, points: Points) -> Delta:
    """The mean difference in rate over the values that both curves reach (Bjontegaard, VCEG-M33, 2001).

    log(rate) is interpolated over the metric by piecewise cubic Hermite polynomials (pchip), which do not
    overshoot as the single cubic of the original does.
    """
    if min(len(anchor), len(points)) < FEWEST:
        return Delta(reason=f"under {FEWEST} points")
    one, other = _by_value(anchor), _by_value(points)
    if one is None or other is None:
        return Delta(reason="not monotonic")
    low, high = max(one[0][0], other[0][0]), min(one[0][-1], other[0][-1])
    inside = [int(((x >= low) & (x <= high)).sum()) for x, _ in (one, other)]
    if low >= high or sum(inside) < FEWEST:
        return Delta(reason="no overlap")
    areas = [_integral(x, y, low, high) for x, y in (one, other)]
    ends = np.exp(np.interp((low, high), *one))
    percent = 100 * (np.exp((areas[1] - areas[0]) / (high - low)) - 1)
    return Delta(float(percent), rates=(float(ends[0]), float(ends[1])))


def bd_rates(measured: Sequence[Curve], anchor: str, metrics: Sequence[str]) -> dict[str, dict[str, Delta]]:
    """Of each metric, each curve against the anchor; nothing without an anchor."""
    base = next((curve for curve in measured if curve.name == anchor), None)
    if base is None:
        return {metric: {} for metric in metrics}
    return {m: {c.name: bd_rate(base.points[m], c.points.get(m, ())) for c in measured} for m in metrics}


def _by_value(points: Points) -> tuple[Floats, Floats] | None:
    """(value, log rate), values rising; None if they do not rise or fall throughout with the rate."""
    rates, values = np.array(sorted(points), dtype=np.float64).T
    if values[-1] < values[0]:  # better is lower: the same curve upside down
        values = -values
    if not (np.diff(values) > 0).all():
        return None
    return values, np.log(rates)


def _slopes(x: Floats, y: Floats) -> Floats:
    """Slopes of a monotone Hermite interpolant (Fritsch and Butland, SIAM J. Sci. Stat. Comput., 1984)."""
    width, steep = np.diff(x), np.diff(y) / np.diff(x)
    slope = np.zeros_like(x)
    before, after = steep[:-1], steep[1:]
    turning = before * after <= 0
    left, right = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope[1:-1] = np.where(turning, 0, (left + right) / (left / before + right / after))
    for end, a, b, s, t in ((0, width[0], width[1], steep[0], steep[1]),
                            (-1, width[-1], width[-2], steep[-1], steep[-2])):  # fmt: skip
        guess = ((2 * a + b) * s - a * t) / (a + b)  # a parabola through three points, kept monotone
        if guess * s <= 0:
            guess = 0.0
        elif s * t <= 0 and abs(guess) > 3 * abs(s):
            guess = 3 * s
        slope[end] = guess
    return slope


def _integral(x: Floats, y: Floats, low: float, high: float) -> float:
    """Of the interpolant through (x, y) from low to high, exactly."""
    slope, total = _slopes(x, y), 0.0
    for i in range(len(x) - 1):
        a, b = max(low, x[i]), min(high, x[i + 1])
        if a >= b:
            continue
        h = x[i + 1] - x[i]
        steep = (y[i + 1] - y[i]) / h
        second = (3 * steep - 2 * slope[i] - slope[i + 1]) / h
        third = (slope[i] + slope[i + 1] - 2 * steep) / h**2
        poly = np.polynomial.Polynomial([y[i], slope[i], second, third]).integ()
        total += float(poly(b - x[i]) - poly(a - x[i]))
    return total
