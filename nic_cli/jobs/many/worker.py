"""The work of `nic batch` on one item, in whatever process it runs: between two stores, with a receipt.

Doing an item again, since its process was killed, doubles nothing: outputs are written whole, and come out
the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from nic_cli.container.file import unpack
from nic_cli.jobs import option_values
from nic_cli.jobs.decoding import Decoder
from nic_cli.jobs.encoding import Encoder
from nic_cli.jobs.files import existing_output, outputs, streams
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.outcome import Stop
from nic_cli.jobs.run_options import RunOptions
from nic_cli.jobs.settings import Settings
from nic_cli.storage.store import Store
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console


@dataclass(frozen=True, slots=True)
class Item:
    """An input and its output, by their places. exists: there is an output, to be kept if it is sound."""

    number: int
    source: str
    target: str
    exists: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What is done with every item.

    target_rate: None to decode. b: None for what each file says. format: of decoded pictures, None for PNG.
    """

    source: Store
    target: Store
    settings: Settings
    target_rate: option_values.RateTarget | None
    b: float | None
    quiet: bool
    strip: frozenset[str] = frozenset()
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an item came to. line: empty if it was left out. stops: no other item could fare better."""

    number: int
    notices: list[str] = field(default_factory=list)
    line: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    code: int = 0
    stops: bool = False
    before: int = 0  # bytes of the input


class Coder:
    """Does items, one at a time, with models that are loaded when the first item needs them."""

    def __init__(self, order: Order) -> None:
        order.settings.apply()
        self._order = order
        self._console = Console(quiet=order.quiet)
        self._work: Any = _worker(order, self._console)

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        """Do the item of a row, and give the row of its receipt, whatever happens."""
        item, order = Item(**json.loads(row["item"])), self._order
        console = self._console.buffering()
        with TemporaryDirectory(prefix="nic-") as folder:
            source = _local(order.source, item.source, Path(folder, "input"))
            target = _local(order.target, item.target, Path(folder, "output"))
            try:
                receipt = self._done(item, source, target, console)
            except Exception as error:
                stops = isinstance(error, Stop)
                line, code = failures.explain(error.reason if isinstance(error, Stop) else error)
                receipt = Receipt(item.number, error=line, code=code, stops=stops)
        text = json.dumps(asdict(replace(receipt, notices=console.buffered or [])))
        text = text.replace(_quoted(source), _quoted(order.source.name(item.source)))
        return {"receipt": text.replace(_quoted(target), _quoted(order.target.name(item.target))).encode()}

    def _done(self, item: Item, source: Path, target: Path, console: Console) -> Receipt:
        job = Job(source, target)
        if item.exists and outputs.is_kept(job, lambda: self._check(item, source, target), console):
            return Receipt(item.number)
        self._order.source.fetch(item.source, source)
        report = self._work.write(job, self._work.code(self._work.read(job, console)), console)
        self._order.target.put(target, item.target)
        return Receipt(item.number, line=report.line, record=asdict(report.record), before=report.before)

    def _check(self, item: Item, source: Path, target: Path) -> None:
        self._order.target.fetch(item.target, target)
        if self._order.target_rate is not None:
            existing_output.check_nic(Job(source, target))  # its size only where the input is at hand
            return
        self._order.source.fetch(item.source, source)
        header = unpack(streams.read_nic(source)).header
        existing_output.check_picture(Job(source, target), header.width, header.height)


def _worker(order: Order, console: Console) -> Encoder | Decoder:
    models, run_options = Models(order.settings, console), RunOptions(force=True)
    if order.target_rate is None:
        return Decoder(order.b, order.format, run_options, console, models, False)
    return Encoder(order.target_rate, order.strip, order.settings, run_options, console, models, False)


def _local(store: Store, place: str, copy: Path) -> Path:
    """The file of a place, or of its copy."""
    return store.path(place) if store.is_local else copy.with_suffix(PurePosixPath(place).suffix)


def _quoted(text: str | Path) -> str:
    return json.dumps(str(text))[1:-1]
