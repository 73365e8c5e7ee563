"""The report of `nic bench`: one HTML file that loads nothing, with curves, tables and pictures.

The page is `report.html`, its style and script included; here it is filled. Its content security policy
allows that one style, that one script (both by hash) and pictures inside the file, so that even a name
which slipped through `safe` could not run or fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from nic_cli.bench.curves import RATES, at, left_out
from nic_cli.bench.plot import Quantity, decimals, head, number, plain, plot, points_of, safe, swatch
from nic_cli.bench.rows import Curve, Row, Run
from nic_cli.bench.speed import speeds, times
from nic_cli.bench.verdict import leaders

__all__ = ["Quantity", "Scene", "Shown", "render"]

PERCENT = re.compile(r"[+-]?\d+(\.\d+)? ?%")


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as one codec gave it back; image: lossless WebP."""

    curve: str
    setting: str
    bpp: float
    metrics: Mapping[str, float]
    image: bytes


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture to compare by eye; width x height pixels are those of the images, which may be cut-outs."""

    picture: str
    width: int
    height: int
    original: bytes
    shown: tuple[Shown, ...]


def render(
    run: Run,
    rows: Sequence[Row],
    curves: Sequence[Curve],
    quantities: Sequence[Quantity],
    scenes: Sequence[Scene],
    bd_rates: Mapping[str, Mapping[str, str]],
    verdict: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page. bd_rates: metric -> curve -> percent or the reason why there is none, as text.

    verdict: sentences for its top. notes: of codecs of which others published no curve, under that of PSNR.
    """
    template = resources.files("nic_cli.bench").joinpath("report.html").read_text("utf-8")
    digits = {q.name: decimals([v for row in rows if math.isfinite(v := row.metrics.get(q.name, math.nan))])
              for q in quantities}  # fmt: skip
    parts = {
        "csp": _policy(template),
        "folder": safe(run.folder),
        "count": _count(rows, curves),
        "legend": _legend(curves),
        "metrics": "".join(
            _metric(q, curves, bd_rates.get(q.name, {}), run, digits, notes if q.name == "psnr" else ())
            for q in quantities
        ),
        "verdict": "".join(f"<p>{safe(sentence)}</p>" for sentence in verdict),
        "times": times(curves),
        "speed": speeds(rows, curves),
        "compare": "" if scenes else "hidden",
        "codecs": "".join(f"<option>{safe(name)}</option>" for name in dict.fromkeys(r.curve for r in rows)),
        "heads": _heads(quantities),
        "rows": "".join(_row(row, quantities, digits) for row in rows),
        "facts": _facts(run, rows, quantities),
        "scenes": _scenes(scenes, quantities, digits),
    }
    # One pass: what is filled in is never searched for places again.
    return re.sub(r"<!--([a-z]+)-->", lambda match: parts[match[1]], template)


def _policy(template: str) -> str:
    """Nothing but this style, this script and pictures inside the file."""
    hashes = {}
    for tag in ("style", "script"):
        text = template.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        hashes[tag] = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    allowed = [f"{tag}-src 'sha256-{value}'" for tag, value in hashes.items()]
    return "; ".join(
        ["default-src 'none'", "img-src data:", *allowed, "base-uri 'none'", "form-action 'none'"]
    )


def _plural(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _count(rows: Sequence[Row], curves: Sequence[Curve]) -> str:
    pictures = {row.picture: row.width * row.height for row in rows}
    failures, out = sum(bool(row.error) for row in rows), len(left_out(rows))
    said = [
        _plural(len(pictures), "picture"),
        f"{sum(pictures.values()) / 1e6:.1f} megapixels",
        _plural(sum(not curve.published for curve in curves), "codec"),
        _plural(len(rows), "file") + " encoded and decoded again",
        f'<strong class="bad">{_plural(failures, "failure")}</strong>' if failures else "no failure",
        *([f"{_plural(out, 'picture')} in no mean or comparison, since a codec failed there"] if out else []),
    ]
    return ", ".join(said)


def _legend(curves: Sequence[Curve]) -> str:
    out = ""
    for published, title in ((False, "Measured here"), (True, "Published, not measured here")):
        found = [(i, curve) for i, curve in enumerate(curves) if curve.published == published]
        items = "".join(
            f'<li><button type="button" data-curve="{i}" aria-pressed="false" title="{safe(curve.source)}">'
            f"{swatch(curves, i)}<bdi>{safe(curve.name)}</bdi></button></li>"
            for i, curve in found
        )
        out += f'<div><h3>{title}</h3><ul class="legend">{items}</ul></div>' if found else ""
    return out


def _metric(
    quantity: Quantity,
    curves: Sequence[Curve],
    rates: Mapping[str, str],
    run: Run,
    digits: Mapping[str, int],
    more: Sequence[str],
) -> str:
    """A plot and, beside it, its curves as numbers; more: lines under them."""
    unit = f", {quantity.unit}" if quantity.unit else ""
    title = f"<h3>{safe(quantity.title)} <small>{safe(quantity.direction + unit)}</small></h3>"
    title += f"<p>{safe(_character(quantity))}</p>" if quantity.blind else ""
    drawn = plot(quantity, curves)
    if not drawn:
        return f'<figure class="metric">{title}<p>No values.</p></figure>'
    values = {
        i: [at(points_of(curve, quantity.name), rate) for rate in RATES] for i, curve in enumerate(curves)
    }
    best = [_best([values[i][k] for i, c in enumerate(curves) if not c.published], quantity)
            for k in range(len(RATES))]  # fmt: skip
    lines, notes = "", "".join(f"<p>{safe(line)}</p>" for line in more)
    for i, curve in enumerate(curves):
        if not points_of(curve, quantity.name):
            continue
        shown = [number(value, digits[quantity.name]) for value in values[i]]
        cells = "".join(
            f'<td class="best">{text}</td>'
            if text and value == top and not curve.published
            else f"<td>{text}</td>"
            for text, value, top in zip(shown, values[i], best, strict=True)
        )
        rate = rates.get(curve.name, "")
        if curve.published:
            rate = ""
        elif curve.name == run.anchor:
            rate = "anchor"
        elif rate and not PERCENT.fullmatch(rate):
            notes += f"<p>No BD-rate of <bdi>{safe(curve.name)}</bdi>: {safe(rate)}.</p>"
            rate = "–"
        rate = safe(rate.replace("-", "−"))
        kind = ' class="published"' if curve.published else ""
        lines += f'<tr data-curve="{i}"{kind}>{head(curves, i)}{cells}<td>{rate}</td></tr>'
    for curve in curves:  # which settings the values of a codec are of, where it was tried at several
        if said := leaders(curve, quantity.name):
            notes += f"<p><bdi>{safe(curve.name)}</bdi>: {safe(said)} bits a pixel.</p>"
    heads = "".join(f'<th scope="col">{rate:g}</th>' for rate in RATES)
    return (
        f'<figure class="metric">{title}<div>{drawn}<div class="wide" tabindex="0" role="region" '
        f'aria-label="{safe(quantity.title)} at five rates"><table><thead><tr><th scope="col">bpp</th>{heads}'
        f'<th scope="col">BD-rate</th></tr></thead><tbody>{lines}</tbody></table>{notes}</div></div></figure>'
    )


def _character(quantity: Quantity) -> str:
    """Which values there are and what they do not show, as a sentence each."""
    return f"Values: {quantity.span}. Blind to: {quantity.blind}."


def _best(values: Iterable[float | None], quantity: Quantity) -> float | None:
    found = [value for value in values if value is not None]
    if len(found) < 2:  # alone is not best
        return None
    if quantity.best is not None:
        return min(found, key=lambda value: abs(value - (quantity.best or 0)))
    return max(found) if quantity.higher_is_better else min(found)


def _heads(quantities: Sequence[Quantity]) -> str:
    names = ["Picture", "Codec", "Setting", "Bytes", "bpp"]
    names += [f"{q.title} {q.unit}".rstrip() for q in quantities] + ["Encode s", "Decode s", "Error"]
    return "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{safe(name)}</button></th>' for name in names
    )


def _cell(value: float | None, digits: int) -> str:
    """A number to read, with the exact one for sorting and for who takes the table apart."""
    return f'<td data-v="{value!r}">{number(value, digits)}</td>' if value is not None else "<td></td>"


def _row(row: Row, quantities: Sequence[Quantity], digits: Mapping[str, int]) -> str:
    size = "<td></td><td></td>" if row.error else f"<td>{row.bytes}</td>{_cell(row.bpp, 3)}"
    measured = "".join(_cell(row.metrics.get(q.name), digits[q.name]) for q in quantities)
    times = "".join(_cell(None if row.error else s, 3) for s in (row.encode_seconds, row.decode_seconds))
    return (
        f'<tr><th scope="row"><bdi>{safe(row.picture)}</bdi></th><td><bdi>{safe(row.curve)}</bdi></td>'
        f"<td><bdi>{safe(row.setting)}</bdi></td>{size}{measured}{times}"
        f'<td class="bad">{safe(row.error)}</td></tr>\n'
    )


def _facts(run: Run, rows: Sequence[Row], quantities: Sequence[Quantity]) -> str:
    facts = {
        "Folder": run.folder,
        "Metrics": ", ".join(f"{q.title} ({q.direction})" for q in quantities),
        "BD-rate against": run.anchor,
        "Device": f"{run.device}, {_plural(run.threads, 'thread')}",
        "Loading of models": f"{run.load_seconds:.2f} s, not part of the times and speeds",
        **run.versions,
    }
    out = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in facts.items() if value)
    out = f"<dl>{out}</dl>"
    if run.unreadable:
        bad = "".join(f"<li><bdi>{safe(n)}</bdi>: {safe(why)}</li>" for n, why in run.unreadable.items())
        out += f'<h3 class="bad">Left out, because it could not be read</h3><ul>{bad}</ul>'
    inputs = {row.picture: row for row in rows}
    hashes = "".join(
        f'<tr><th scope="row"><bdi>{safe(name)}</bdi></th><td>{row.width} × {row.height}</td>'
        f"<td><code>{safe(row.sha256)}</code></td></tr>"
        for name, row in inputs.items()
    )
    return out + (
        '<details><summary>Pictures and their hashes</summary><div class="wide" tabindex="0" role="region" '
        'aria-label="Pictures"><table><thead><tr><th scope="col">Picture</th><th scope="col">Pixels</th>'
        f'<th scope="col">SHA-256 of the file</th></tr></thead><tbody>{hashes}</tbody></table></div>'
        "</details>"
    )


def _scenes(scenes: Sequence[Scene], quantities: Sequence[Quantity], digits: Mapping[str, int]) -> str:
    """What the script compares, as JSON that cannot end its element; equal images stand in it once."""
    images: dict[bytes, int] = {}

    def side(
        curve: str, setting: str, bpp: float | None, metrics: Mapping[str, float], image: bytes
    ) -> dict[str, object]:
        told = [f"{q.title} {number(metrics[q.name], digits[q.name])} {q.unit}".rstrip()
                for q in quantities if q.name in metrics]  # fmt: skip
        place = images.setdefault(image, len(images))
        name = plain(f"{curve} {setting}".rstrip())
        return {"name": name, "curve": plain(curve), "bpp": bpp, "told": told, "image": place}

    table = [
        {
            "picture": plain(scene.picture),
            "width": scene.width,
            "height": scene.height,
            "sides": [
                side("original", "", None, {}, scene.original),
                *(side(s.curve, s.setting, s.bpp, s.metrics, s.image) for s in scene.shown),
            ],
        }
        for scene in scenes
    ]
    data = {"scenes": table, "images": [base64.b64encode(image).decode() for image in images]}
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
