"""The part of the report on time: plots of it against the rate, and a row for each choice of settings."""

from __future__ import annotations

from collections.abc import Sequence

from nic_cli.bench.plot import Quantity, head, number, plot, safe
from nic_cli.bench.rows import Curve, Row
from nic_cli.bench.verdict import told

WAYS = (
    Quantity("encode", "Encoding", "s/MP", False, logarithmic=True),
    Quantity("decode", "Decoding", "s/MP", False, logarithmic=True),
)


def times(curves: Sequence[Curve]) -> str:
    """Seconds a megapixel against bits a pixel, encoding and decoding side by side."""
    out = ""
    for way in WAYS:
        drawn = plot(way, [curve for curve in curves if not curve.published])
        title = f"<h3>{safe(way.title)} <small>seconds a megapixel, lower is better</small></h3>"
        out += f'<figure class="metric">{title}{drawn}</figure>' if drawn else ""
    return f'<div class="pair">{out}</div>' if out else ""


def speeds(rows: Sequence[Row], curves: Sequence[Curve]) -> str:
    """The rows of the table of speeds."""
    out = ""
    for i, curve in enumerate(curves):
        if not curve.variants and not curve.published:  # it failed on every picture
            own = [row for row in rows if row.curve == curve.name]
            out += f"<tr>{head(curves, i)}<td>{len({row.setting for row in own})}</td><td>{len(own)}</td>"
            out += f'<td class="bad">{curve.failures}</td><td></td><td></td></tr>'
        for number_, variant in enumerate(curve.variants):
            own = [row for row in rows if (row.curve, row.variant) == (curve.name, variant.name)]
            failures = sum(bool(row.error) for row in own)
            bad = f'<td class="bad">{failures}</td>' if failures else "<td>0</td>"
            more = f" {told(variant.name, curve)}" if number_ else ""
            cells = (len({row.setting for row in own}), len(own))
            speed = (number(mps or None, 2) for mps in (variant.encode_mps, variant.decode_mps))
            out += f"<tr>{head(curves, i, more)}{''.join(f'<td>{cell}</td>' for cell in cells)}{bad}"
            out += f"{''.join(f'<td>{cell}</td>' for cell in speed)}</tr>"
    return out
