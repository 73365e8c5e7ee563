"""Who wins by how much, in sentences: the top of the page and the end of the terminal's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from nic_cli.bench.curves import Points, bd_rate, left_out
from nic_cli.bench.rows import SECONDS, Curve, Row, Variant
from nic_cli.classical import CLASSICAL
from nic_cli.metrics import METRICS

EQUAL = 0.5  # percent of bytes: as many


def sentences(curves: Sequence[Curve], rows: Iterable[Row], anchor: str, metrics: Sequence[str]) -> list[str]:
    """One a metric: the better curve of nic against another codec, and one of the time that both take.

    The other is the anchor, or where that is nic itself AVIF, or the first there is; without one, or without
    nic, nothing is said. Curves of papers do not count, nor what failed on every picture.
    """
    measured = [curve for curve in curves if curve.variants]
    ours = [curve for curve in measured if _is_nic(curve)]
    others = [curve for curve in measured if not _is_nic(curve)]
    others.sort(key=lambda curve: (curve.name != anchor, curve.name.partition(" ")[0] != "avif"))
    if not ours or not others:
        return []
    table = list(rows)
    out = left_out(table)
    table = [row for row in table if row.picture not in out]
    said = [_sentence(ours, others[0], table, metric) for metric in metrics if METRICS[metric].best is None]
    return [*said, _time(ours, others[0])] if said else []


def _is_nic(curve: Curve) -> bool:
    return curve.name.partition(" ")[0] == "nic"


@dataclass(frozen=True, slots=True)
class _Duel:
    """One curve of ours against the usual settings of another and, if there are others, its best ones."""

    ours: Curve
    usual: float
    best: float | None
    rates: tuple[float, float]


def _sentence(ours: Sequence[Curve], rival: Curve, rows: Sequence[Row], metric: str) -> str:
    duels, reasons = [], []
    usual = rival.variants[0]
    for curve in ours:
        found = _duel(curve, rival, metric)
        if isinstance(found, str):
            reasons.append(found)
        else:
            duels.append(found)
    title = METRICS[metric].title
    if not duels:
        return f"{title}: {_title(rival)} and nic cannot be compared: {reasons[0]}."
    duel = min(duels, key=lambda duel: duel.usual)
    low, high = duel.rates
    said = f"{title}: {_nic(duel.ours)} needs {_bytes(duel.usual)} {_title(rival)}{_settings(usual, rival)}"
    said += f" at equal quality, over {low:.2g} to {high:.2g} bits a pixel"
    said += _agreement(_each(rows, duel.ours.name, rival.name, usual.name, metric), duel.usual)
    if duel.best is not None:
        leaders = dict.fromkeys(rival.leaders[metric])
        made = [variant for variant in rival.variants if variant.name in leaders]
        tuned = _settings(made[0], rival) if len(made) == 1 else ""
        said += f"; {_bytes(duel.best)} {_title(rival)} at the best of its settings for this{tuned}"
    return f"{said}."


def _duel(ours: Curve, rival: Curve, metric: str) -> _Duel | str:
    points = ours.points.get(metric, ())
    usual = rival.variants[0].points.get(metric, ())
    delta = bd_rate(usual, points)
    if delta.percent is None:
        return delta.reason
    best = bd_rate(rival.points[metric], points).percent if len(rival.variants) > 1 else None
    return _Duel(ours, delta.percent, best, delta.rates)


def _each(rows: Sequence[Row], ours: str, rival: str, usual: str, metric: str) -> list[float]:
    """The difference on every picture that has one, in percent of bytes."""
    found = []
    for picture in dict.fromkeys(row.picture for row in rows):
        own = [row for row in rows if row.picture == picture and not row.error]
        a = _points([row for row in own if row.curve == rival and row.variant == usual], metric)
        delta = bd_rate(a, _points([row for row in own if row.curve == ours], metric))
        if delta.percent is not None:
            found.append(delta.percent)
    return found


def _agreement(each: Sequence[float], mean: float) -> str:
    """On how many pictures the difference has the sign of the mean; where that is none, how far they go."""
    if len(each) < 2:
        return ""
    if abs(mean) < EQUAL:
        return f", {min(each):+.0f} to {max(each):+.0f} % on single pictures"
    return f", and so on {sum(percent * mean > 0 for percent in each)} of {len(each)} pictures"


def _points(rows: Iterable[Row], metric: str) -> Points:
    """Of one picture; a metric of sets has none."""
    found = ((row.bpp, row.metrics.get(metric, float("nan"))) for row in rows)
    return tuple(sorted(point for point in found if isfinite(point[1])))


def _bytes(percent: float) -> str:
    if abs(percent) < EQUAL:
        return f"as many bytes ({percent:+.1f} %) as"
    return f"{abs(percent):.1f} % {'fewer' if percent < 0 else 'more'} bytes than"


def _nic(curve: Curve) -> str:
    """`nic b0.75 e5` -> `nic -b 0.75 -e 5`, a model's name as it is."""
    words = curve.name.split(" ")
    return " ".join(f"-{w[0]} {w[1:]}" if w[:1] in "be" and w[1:2].isdigit() else w for w in words)


def _title(curve: Curve) -> str:
    name, _, settings = curve.name.partition(" ")
    title = CLASSICAL[name].title if name in CLASSICAL else name
    return f"{title} {settings}".strip()


def told(variant: str, curve: Curve) -> str:
    """What tells a variant from the others of its curve, as `tune psnr, 4:4:4`, or all where it is alone."""
    others = [other.name.split(",") for other in curve.variants if other.name != variant]
    pairs = [
        pair for pair in variant.split(",") if pair and (not others or any(pair not in o for o in others))
    ]
    words = [pair.partition("=") for pair in pairs]
    return ", ".join(":".join(value) if key == "sub" else f"{key} {value}" for key, _, value in words)


def _settings(variant: Variant, curve: Curve) -> str:
    words = told(variant.name, curve)
    return f" ({words})" if words else ""


def _time(ours: Sequence[Curve], rival: Curve) -> str:
    """Seconds a megapixel, the least and the most where there are several."""
    said = []
    for way in SECONDS:
        own, other = (
            _range(getattr(variant, f"{way}_mps") for curve in some for variant in curve.variants)
            for some in (ours, [rival])
        )
        said.append(f"to {way} nic {own}, {_title(rival)} {other}")
    return f"Seconds a megapixel: {'; '.join(said)}."


def _range(speeds: Iterable[float]) -> str:
    seconds = sorted(1 / speed for speed in speeds if speed)
    if not seconds:
        return "unknown"
    words = [f"{value:.2g}" for value in (seconds[0], seconds[-1])]
    return words[0] if words[0] == words[1] else " to ".join(words)


def leaders(curve: Curve, metric: str) -> str:
    """Of a curve of several variants: which one is the best at which rates, in words; empty of others."""
    points, names = curve.points.get(metric, ()), curve.leaders.get(metric, ())
    if len(curve.variants) < 2 or not points:
        return ""
    pieces, start = [], 0
    for i in range(1, len(names) + 1):
        if i == len(names) or names[i] != names[start]:
            low, high = points[start][0], points[i - 1][0]
            rates = f"at {low:.2g}" if start == i - 1 else f"from {low:.2g} to {high:.2g}"
            pieces.append(f"{told(names[start], curve)} {rates}")
            start = i
    return "; ".join(pieces)
