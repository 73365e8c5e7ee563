"""The tables of `nic bench` in a terminal of 80 columns: values at fixed rates, not raw settings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from nic_cli.bench.command import Result

WIDTH = 80


def text(result: Result) -> str:
    """A table a metric, then one of speed and failures, and who wins by how much.

    Published curves stand below the measured ones.
    """
    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, width=WIDTH, color_system=None, legacy_windows=False)
    for metric in result.run.metrics:
        console.print(Text(_title(result, metric)), _metric(result, metric), sep="\n")
        console.print(Text("".join(f"{line}\n" for line in _leaders(result, metric))))
    console.print(Text("Speed in megapixels a second"), _speed(result), "", sep="\n")
    kodak = any(curve.published for curve in result.curves)
    console.print(Text(_footnote(result, kodak)))
    for sentence in result.verdict:
        console.print("", Text(sentence), sep="\n")
    return stream.getvalue()


def _title(result: Result, metric: str) -> str:
    from nic_cli.metrics import METRICS

    about = METRICS[metric]
    better = "" if about.higher_is_better else ", lower is better"
    better = better if about.best is None else f", best at {about.best:g}"
    return f"{about.title}{f' ({about.unit})' if about.unit else ''} at bits per pixel{better}"


def _metric(result: Result, metric: str) -> Table:
    from nic_cli.bench.curves import RATES, at
    from nic_cli.metrics import METRICS, SSIMULACRA2

    about = METRICS[metric]
    table = _table()
    for rate in RATES:
        table.add_column(f"{rate:g}", justify="right")
    table.add_column(f"rate vs {result.run.anchor}", justify="right")
    digits = 2 if about.unit or metric == SSIMULACRA2 else 4
    for curve in result.curves:
        points = curve.points.get(metric, ())
        if not points:
            continue
        values = (at(points, rate) for rate in RATES)
        delta = result.deltas.get(metric, {}).get(curve.name)
        table.add_row(
            f"{curve.name}*" if curve.published else curve.name,
            *("" if value is None else f"{value:.{digits}f}" for value in values),
            "" if delta is None or curve.name == result.run.anchor else str(delta),
        )
    return table


def _leaders(result: Result, metric: str) -> Iterator[str]:
    """Which settings the values of a codec are of, where it was tried at several."""
    from nic_cli.bench.verdict import leaders

    for curve in result.curves:
        if said := leaders(curve, metric):
            yield f"{curve.name}: {said}"


def _speed(result: Result) -> Table:
    from nic_cli.bench.verdict import told

    table = _table()
    for name in ("encode", "decode", "failures"):
        table.add_column(name, justify="right")
    for curve in result.curves:
        for number, variant in enumerate(curve.variants):
            more = told(variant.name, curve) if len(curve.variants) > 1 else ""
            name = f"{curve.name} {more}".strip()
            failures = str(curve.failures or "") if number == 0 else ""
            table.add_row(name, f"{variant.encode_mps:.2f}", f"{variant.decode_mps:.2f}", failures)
        if not curve.variants and not curve.published:  # it failed on every picture
            table.add_row(curve.name, "", "", str(curve.failures))
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("codec")
    return table


def _footnote(result: Result, kodak: bool) -> str:
    run = result.run
    models = " ".join(name for name in run.versions if name.startswith("model "))
    counts = _count(len(result.inputs), "picture"), _count(run.threads, "thread")
    lines = [
        f"{counts[0]}, whole files, on {run.device} with {counts[1]}"
        + (f"; {models} loaded in {run.load_seconds:.1f} s" if models else "")
    ]
    if result.left_out:
        pictures = _count(result.left_out, "picture")
        lines.append(f"{pictures} in no mean or comparison, since a codec failed there")
    if run.unreadable:
        lines.append(f"{_count(len(run.unreadable), 'file')} could not be read")
    if kodak:
        from nic_cli.bench import published

        lines += ["* published, not measured here", *published.told(item.colour for item in result.inputs)]
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
