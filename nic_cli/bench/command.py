"""What `nic bench` does: a folder of pictures to rows, rows to curves, both to files."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from nic_cli import __version__, classical
from nic_cli.bench import codecs as known
from nic_cli.bench import curves, published, verdict
from nic_cli.bench.curves import Delta
from nic_cli.bench.measure import Input, Journal, Metrics, Progress, measure, survey, warm_up
from nic_cli.bench.rows import Curve, Row, Run, to_csv, to_json
from nic_cli.bench.set_metrics import SetMetrics
from nic_cli.bench.strings import numbers
from nic_cli.errors import UsageError
from nic_cli.metrics import METRICS, named
from nic_cli.types import Picture

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model

Say = Callable[[str], None]
LIBRARIES = ("torch", "numpy", "ssimulacra2")
OTHERS = ("pillow", "pillow-jxl-plugin")


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What to compare: texts as the command line gives them, None for the usual."""

    codecs: str | None
    models: tuple[str, ...]
    rates: str | None
    realisms: str | None
    metrics: tuple[str, ...]
    anchor: str | None
    device: str
    journal: Path | None


@dataclass(frozen=True, slots=True)
class Result:
    """All that the outputs are made of."""

    run: Run
    inputs: tuple[Input, ...]
    codecs: tuple[known.Codec, ...]
    metrics: Metrics
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    deltas: dict[str, dict[str, Delta]]
    verdict: tuple[str, ...]

    @property
    def left_out(self) -> int:
        """How many pictures are in no mean, since a codec failed on them."""
        return len(curves.left_out(self.rows))

    @property
    def failures(self) -> list[Row]:
        """Rows of codecs that failed."""
        return [row for row in self.rows if row.error]


def run(
    folder: Path,
    paths: Sequence[Path],
    open_: Callable[[Path], Picture],
    request: BenchRequest,
    *,
    say: Say,
    warn: Say,
    progress: Progress | None = None,
) -> Result:
    """Measure; raises UsageError in one line before anything is measured if `request` cannot be met."""
    functions = named(request.metrics)
    started = time.perf_counter()
    models = _models(request, warn)
    loading = time.perf_counter() - started
    rates = numbers(request.rates, "--quality") if request.rates else None
    realisms = numbers(request.realisms, "--realism") if request.realisms else known.REALISMS
    asked = known.parse(request.codecs or known.defaults(), models, rates, realisms, request.metrics)
    crowds = SetMetrics([name for name in request.metrics if METRICS[name].of_sets])
    if crowds.names and request.journal is not None:
        raise UsageError(f"--resume: {crowds.names[0]} is of whole sets, not of parts: leave one out")
    names = list(dict.fromkeys(codec.curve for codec in asked))
    anchor = _anchor(request.anchor, names)
    inputs, unreadable = survey(paths, folder, open_)
    for model in models if inputs else ():
        model.engine_for(max(i.width * i.height for i in inputs))  # no picture is to pay for its start
    if not inputs:
        raise UsageError(
            f"no picture to measure: {next(iter(unreadable))}: {next(iter(unreadable.values()))}"
        )
    threads = _threads()
    versions = _versions(models) | known.programs_of(asked)
    circumstances = {
        "metrics": list(request.metrics),
        "device": _device(models),
        "threads": threads,
        # What makes a file stands in its row; these decide the figures of all rows.
        "versions": {name: version for name, version in versions.items() if name in ("nic", *LIBRARIES)},
    }
    with Journal(request.journal, circumstances) as journal:
        if journal.count:
            say(f"{journal.count} rows were measured before")
        warm_up(asked)
        rows = tuple(measure(inputs, asked, functions, open_, journal, progress, crowds.see))
    measured = [crowds.joined(curve, rows) for curve in curves.curves(rows, tuple(functions))]
    rising = [name for name in request.metrics if METRICS[name].best is None]
    deltas = curves.bd_rates(measured, anchor, rising)
    lines = published.curves(item.colour for item in inputs)
    about = Run(
        folder.resolve().name,
        request.metrics,
        anchor,
        _device(models),
        threads,
        loading,
        versions,
        unreadable,
    )
    said = verdict.sentences(measured, rows, anchor, request.metrics)
    return Result(
        about, tuple(inputs), tuple(asked), functions, rows, (*measured, *lines), deltas, tuple(said)
    )


def files(
    result: Result,
    *,
    json: Path | None,
    csv: Path | None,
    html: Path | None,
    open_: Callable[[Path], Picture],
) -> Iterator[tuple[Path, Callable[[], str]]]:
    """The files that were asked for, each as (path, what makes its text)."""
    if json is not None:
        yield json, lambda: to_json(result.run, result.rows, result.verdict)
    if csv is not None:
        yield csv, lambda: to_csv(result.run, result.rows)
    if html is not None:
        yield html, lambda: _page(result, open_)


def _page(result: Result, open_: Callable[[Path], Picture]) -> str:
    from nic_cli.bench.report import Quantity, render
    from nic_cli.bench.scenes import scenes

    shown = [METRICS[name] for name in result.run.metrics]
    quantities = [
        Quantity(m.name, m.title, m.unit, m.higher_is_better, m.best, m.span, m.blind) for m in shown
    ]
    pictures = scenes(result.inputs, result.codecs, result.rows, result.run.anchor, result.metrics, open_)
    deltas = {metric: {c: str(d) for c, d in of.items()} for metric, of in result.deltas.items()}
    notes = published.told(item.colour for item in result.inputs)
    return render(
        result.run, result.rows, result.curves, quantities, list(pictures), deltas, result.verdict, notes
    )


def _anchor(asked: str | None, names: Sequence[str]) -> str:
    """The curve of that name, or of that codec if it has one curve; if none is asked AVIF's, or the first."""
    asked = asked and re.sub("[:,]", " ", asked)  # as --codecs has it
    of = [name for name in names if name.partition(" ")[0] == (asked or "avif")]
    if asked is None:
        return of[0] if of else names[0]
    if asked not in names and len(of) != 1:
        raise UsageError(f"--anchor: {asked!r} is not measured: there are {', '.join(names)}")
    return asked if asked in names else of[0]


def _models(request: BenchRequest, warn: Say) -> list[Model]:
    if request.codecs is not None and not any(
        p.partition(":")[0] == "nic" for p in request.codecs.split(",")
    ):
        return []
    from nic_cli.zoo.load import load

    models = [load(name, request.device, warn) for name in request.models or (None,)]
    if len({model.name for model in models}) < len(models):
        raise UsageError("--model: two models of one name: give each its own in config.json")
    return models


def _device(models: Sequence[Model]) -> str:
    return models[0].device if models else "cpu"


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _versions(models: Sequence[Model]) -> dict[str, str]:
    found = {"nic": __version__, "python": platform.python_version()}
    for library in (*LIBRARIES, *OTHERS):
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    found |= classical.libraries()
    return found | {f"model {model.name}": model.id.hex() for model in models}
