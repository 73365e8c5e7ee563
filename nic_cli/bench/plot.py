"""Rate-distortion curves of one metric as inline SVG: what `nic bench` draws into its report.

Colours, widths and fonts come from the page's style sheet by class, so that light, dark and print differ
there and only there; shapes and dashes are told apart here, for eyes that cannot tell the colours.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nic_cli.bench.rows import Curve

WIDTH, HEIGHT = 480, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 24, 42  # margins around the plane of the curves
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20)  # ticks, where they are in range
COLOURS = 8  # classes c0 to c7 of the style sheet
DASHES = ("6 3", "2 3", "9 3 2 3", "1 2", "4 2 1 2", "12 4")
MARKERS = (  # around 0, 0, of about equal area
    "M-3.6,0a3.6,3.6 0 1,0 7.2,0a3.6,3.6 0 1,0 -7.2,0Z",
    "M-3.2,-3.2h6.4v6.4h-6.4Z",
    "M0,-4.4L4.2,3.2H-4.2Z",
    "M0,-4.6L4.6,0L0,4.6L-4.6,0Z",
    "M0,4.4L4.2,-3.2H-4.2Z",
    "M-1.5,-4.2h3v2.7h2.7v3h-2.7v2.7h-3v-2.7h-2.7v-3h2.7Z",
    "M0,-4.4L4.2,-1.4L2.6,3.6H-2.6L-4.2,-1.4Z",
)
LETTER, LINE = 7.2, 12.0  # width and height that a letter of a label takes, a little generously
ODD = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric to draw.

    best: the value of equal pictures, where both sides of it are worse. span: the values that there are.
    blind: what it does not see. logarithmic: its axis; values over 0.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    best: float | None = None
    span: str = ""
    blind: str = ""
    logarithmic: bool = False

    @property
    def direction(self) -> str:
        """Which values are good."""
        if self.best is not None:
            return f"best at {self.best:g}"
        return "higher is better" if self.higher_is_better else "lower is better"


def plain(text: object) -> str:
    """Text with controls, lone surrogates and marks that turn the writing direction spelled out.

    File names may hold them, and could not be written as UTF-8 or would pass for another name.
    """
    return ODD.sub(lambda match: f"\\u{ord(match[0]):04x}", str(text))


def safe(text: object) -> str:
    """Text for HTML, inert in content and in attributes."""
    return html.escape(plain(text))


def decimals(values: Sequence[float]) -> int:
    """Digits after the point that tell `values` apart, four significant ones of their range."""
    span = max(values, default=0) - min(values, default=0)
    return min(6, max(0, 3 - math.floor(math.log10(span)))) if span > 0 else 2


def number(value: float | None, digits: int) -> str:
    """As a reader expects it, with a real minus; nothing for what is not there."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def points_of(curve: Curve, metric: str) -> list[Point]:
    """Those that can be drawn on a logarithmic axis."""
    return [
        (r, v) for r, v in curve.points.get(metric, ()) if r > 0 and math.isfinite(r) and math.isfinite(v)
    ]


def style(curves: Sequence[Curve], index: int) -> tuple[str, str, str]:
    """Class, marker and dashes of a curve: the same in all plots and in the legend."""
    rank = sum(curve.published == curves[index].published for curve in curves[:index])
    if curves[index].published:
        return "published", "", DASHES[rank % len(DASHES)]
    return f"c{rank % COLOURS}", MARKERS[rank % len(MARKERS)], ""


def swatch(curves: Sequence[Curve], index: int) -> str:
    """A piece of the curve's line, for the legend."""
    name, marker, dash = style(curves, index)
    mark = f'<path class="mark" transform="translate(14 6)" d="{marker}"/>' if marker else ""
    line = f'<path class="line" d="M1,6H27" stroke-dasharray="{dash}"/>'
    return f'<svg class="{name}" width="28" height="12" aria-hidden="true">{line}{mark}</svg>'


def head(curves: Sequence[Curve], index: int, more: str = "") -> str:
    """The head of a table's row that stands for a curve."""
    return f'<th scope="row">{swatch(curves, index)}<bdi>{safe(curves[index].name + more)}</bdi></th>'


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a rate and a value lie on the drawing."""

    rates: Point
    values: Point
    logarithmic: bool = False

    def x(self, bpp: float) -> float:
        """Logarithmic."""
        low, high = (math.log(rate) for rate in self.rates)
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(bpp) - low) / (high - low)

    def y(self, value: float) -> float:
        """Upwards, linear or logarithmic."""
        low, high, value = map(math.log, (*self.values, value)) if self.logarithmic else (*self.values, value)
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    def place(self, points: Sequence[Point]) -> list[Point]:
        """All of a curve."""
        return [(self.x(rate), self.y(value)) for rate, value in points]


def plot(quantity: Quantity, curves: Sequence[Curve]) -> str:
    """The SVG of all curves that have points of this metric; empty if none has."""
    drawn = [(i, points) for i, curve in enumerate(curves) if (points := points_of(curve, quantity.name))]
    if not drawn:
        return ""
    every = [point for _, points in drawn for point in points]
    steps, plane = _decades(every) if quantity.logarithmic else _plane(every)
    digits = decimals([value for _, points in drawn for _, value in points])
    drawn.sort(key=lambda item: (not curves[item[0]].published, -item[0]))  # the first measured one on top
    body = [*_axes(plane, steps, quantity)]
    body += [_curve(curves, i, points, plane, quantity, digits) for i, points in drawn]
    body += _labels([(curves, i, plane.place(points)) for i, points in reversed(drawn)])
    names = safe(", ".join(curves[i].name + " (published)" * curves[i].published for i, _ in reversed(drawn)))
    about = f"{safe(quantity.title)} against bits per pixel, {quantity.direction}: {names}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}" class="plot">'
        f"<title>{about}</title>{''.join(body)}</svg>"
    )


def _plane(points: Sequence[Point]) -> tuple[list[float], Plane]:
    """Ticks of the values, and a plane that holds all points with some air."""
    rates, values = zip(*points, strict=True)
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 1, high + 1)
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    first, last = math.floor(low / step + 0.3), math.ceil(high / step - 0.3)
    ends = min(low - 0.1 * step, first * step), max(high + 0.2 * step, last * step)
    ticks = [i * step for i in range(first, last + 1)]
    return ticks, Plane((min(rates) / 1.12, max(rates) * 1.18), ends)


def _decades(points: Sequence[Point]) -> tuple[list[float], Plane]:
    """The same where values are shown by their logarithm: ticks at 1, 3, 10 and so on."""
    rates, values = zip(*points, strict=True)
    low, high = min(values) / 1.3, max(values) * 1.3
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [m * 10.0**k for k in range(first, last + 1) for m in (1, 3)]
    return ticks, Plane((min(rates) / 1.12, max(rates) * 1.18), (low, high), logarithmic=True)


def _axes(plane: Plane, steps: Sequence[float], quantity: Quantity) -> Iterator[str]:
    left, bottom, right = LEFT - 7, HEIGHT - BOTTOM, WIDTH - RIGHT
    digits = max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9))
    for step in steps:
        if plane.values[0] <= step <= plane.values[1]:
            y, told = plane.y(step), f"{step:g}" if plane.logarithmic else number(step, digits)
            yield f'<path class="grid" d="M{LEFT},{y:.1f}H{right}"/>'
            yield f'<text class="tick" x="{left}" y="{y + 4:.1f}" text-anchor="end">{told}</text>'
    for rate in RATES:
        if plane.rates[0] <= rate <= plane.rates[1]:
            x = plane.x(rate)
            yield f'<path class="grid" d="M{x:.1f},{TOP}V{bottom}"/>'
            yield f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{rate:g}</text>'
    yield f'<path class="axis" d="M{LEFT},{bottom}H{right}"/>'
    middle, foot = (LEFT + right) // 2, HEIGHT - 6
    yield f'<text class="tick" x="{middle}" y="{foot}" text-anchor="middle">bits per pixel</text>'
    if quantity.unit:
        yield f'<text class="tick" x="{left}" y="{TOP - 12}" text-anchor="end">{safe(quantity.unit)}</text>'


def _curve(
    curves: Sequence[Curve],
    index: int,
    points: Sequence[Point],
    plane: Plane,
    quantity: Quantity,
    digits: int,
) -> str:
    curve, (name, marker, dash) = curves[index], style(curves, index)
    line = "L".join(f"{x:.1f},{y:.1f}" for x, y in plane.place(points))
    about = f"{curve.name}, published, not measured here: {curve.source}" if curve.published else curve.name
    out = f'<g class="curve {name}" data-curve="{index}"><title>{safe(about)}</title>'
    out += f'<path class="line" d="M{line}" stroke-dasharray="{dash}"/>'
    for (rate, value), (x, y) in zip(points, plane.place(points), strict=True):
        told = f"{curve.name}: {number(value, digits)} {quantity.unit}".rstrip() + f" at {rate:.3f} bpp"
        shape = f'<path class="mark" d="{marker}"/>' if marker else ""
        out += (
            f'<g transform="translate({x:.1f} {y:.1f})"><title>{safe(told)}</title>{shape}<circle r="8"/></g>'
        )
    return out + "</g>"


def _labels(placed: Sequence[tuple[Sequence[Curve], int, list[Point]]]) -> list[str]:
    """Names beside their curves where they hide nothing; the others are in the legend.

    What was measured comes first and may stand on published lines, which are only there to compare.
    """
    measured = [given for given in placed if not given[0][given[1]].published]
    published = [given for given in placed if given[0][given[1]].published]
    taken: list[Box] = []
    out = []
    for group, around in ((measured, measured), (published, placed)):
        ink = [spot for _, _, points in around for spot in _along(points)]
        for curves, i, points in group:
            width = LETTER * len(curves[i].name)
            for x, y, anchor in _spots(points):
                left = x - (width if anchor == "end" else 0)
                box = (left - 1, y - LINE + 3, left + width + 1, y + 3)
                if _free(box, taken, ink):
                    taken.append(box)
                    out.append(
                        f'<text class="label {style(curves, i)[0]}" data-curve="{i}" x="{x:.1f}" y="{y:.1f}" '
                        f'text-anchor="{anchor}">{safe(curves[i].name)}</text>'
                    )
                    break
    return out


def _spots(points: Sequence[Point]) -> Iterator[tuple[float, float, str]]:
    """Where a label might stand: after the end, then beside the points from the end backwards."""
    x, y = points[-1]
    yield x + 7, y + 4, "start"
    for x, y in reversed(points):
        yield x - 6, y - 6, "end"
        yield x + 7, y + 12, "start"
        yield x - 6, y + 14, "end"
        yield x + 7, y - 7, "start"


def _free(box: Box, taken: Sequence[Box], ink: Sequence[Point]) -> bool:
    left, top, right, bottom = box
    if left < LEFT or right > WIDTH or top < 0 or bottom > HEIGHT - BOTTOM:
        return False
    if any(left < b[2] and right > b[0] and top < b[3] and bottom > b[1] for b in taken):
        return False
    return not any(left - 1 < x < right + 1 and top - 1 < y < bottom + 1 for x, y in ink)


def _along(points: Sequence[Point]) -> Iterator[Point]:
    """Dots on a curve near enough to each other that no label slips between."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / 3))
        for k in range(1, count + 1):
            yield x0 + (x1 - x0) * k / count, y0 + (y1 - y0) * k / count
