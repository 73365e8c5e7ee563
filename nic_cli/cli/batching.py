"""`nic batch`: archives of any size, between folders or object stores, by several processes or machines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated

import typer

from nic_cli.cli import batch, cluster, options, settings, wishes
from nic_cli.cli.coder import Item, Order, Receipt
from nic_cli.cli.console import Console
from nic_cli.cli.decode import Decoded
from nic_cli.cli.encoder import Encoded
from nic_cli.cli.options import ADVANCED, COMMON, General
from nic_cli.cli.outputs import NIC, PICTURES
from nic_cli.errors import FormatError, ModelError, NicError, OutputExists, UsageError
from nic_cli.storage.naming import shown
from nic_cli.storage.plan import already_there
from nic_cli.storage.store import find, open_store

EXAMPLES = (
    ("nic batch photos/ -o packed/ --actors 2", "two processes of this machine"),
    ("nic batch s3://archive/photos -o s3://archive/packed --skip-existing", "goes on where it stopped"),
    ("nic batch s3://archive/photos -o packed/ --address auto --gpus 0.5", "on a cluster, two to each GPU"),
    ("nic batch packed/ -o photos/ --decode --json > receipts.jsonl", "back to pictures"),
)
TOGETHER = (16, 1)
"""Items that one process takes at a time; those without a receipt are tried once more, each by itself."""
KILLED = "its process was killed time and again: look at the memory of the machine, or leave it out"
KINDS = {kind.code: kind for kind in (UsageError, FormatError, ModelError, OutputExists)}


@dataclass(frozen=True, slots=True)
class Ends:
    """What an item is called in reports."""

    source: str
    target: str


def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="A folder with all below it, or a file: a path, s3://, hf:// or what else fsspec knows.",
        ),
    ],
    output: Annotated[
        str,
        options.value(
            "-o", "--output", metavar="OUT", panel=COMMON, help="The folder for the outputs, as INPUT."
        ),
    ],
    quality: Annotated[
        float | None,
        options.value("-q", "--quality", metavar="F", panel=COMMON, help="As for nic encode. Default: 2."),
    ] = None,
    realism: Annotated[
        float | None,
        options.value(
            "-b", "--realism", metavar="F", panel=COMMON, help="As for nic encode, or nic decode. 0 to 1."
        ),
    ] = None,
    effort: Annotated[
        int | None,
        options.value("-e", "--effort", metavar="N", panel=COMMON, help="As for nic encode. Default: 1."),
    ] = None,
    bpp: Annotated[
        float | None,
        options.value("--bpp", metavar="F", panel=COMMON, help="As for nic encode. Instead of -q."),
    ] = None,
    model: Annotated[
        str | None,
        options.value(
            "-m",
            "--model",
            metavar="NAME",
            panel=COMMON,
            help="As for nic encode; every machine of a cluster has to have it.",
        ),
    ] = None,
    decode: Annotated[
        bool, options.flag("--decode", panel=COMMON, help="From .nic files to PNG instead.")
    ] = False,
    actors: Annotated[
        int | None,
        options.value(
            "--actors",
            metavar="N",
            panel=ADVANCED,
            help="Processes, each with a model of its own, 1 to 1024. Default: as many as fit.",
        ),
    ] = None,
    gpus: Annotated[
        float,
        options.value(
            "--gpus", metavar="F", panel=ADVANCED, help="GPUs for each process, or a part of one. Default: 0."
        ),
    ] = 0,
    address: Annotated[
        str | None,
        options.value(
            "--address",
            metavar="ADDRESS",
            panel=ADVANCED,
            help="A Ray cluster that runs, auto for the one of this machine. Default: one is started, here.",
        ),
    ] = None,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    color: options.Color = None,
    offline: options.Offline = False,
) -> int:
    """Encode or decode a whole archive by several processes or machines, on Ray.

    The tree is kept. Each item is done by itself, and its output is there as a whole or not at all: if a
    process is killed, its items are given to another; if all is killed, --skip-existing goes on.
    """
    general = General(force, skip_existing, quiet=quiet, json=as_json)
    chosen = settings.load(
        model=model,
        device="cuda" if gpus else "cpu",
        quality=quality,
        realism=realism,
        effort=effort,
        color=color,
        offline=offline or None,
    )
    if not 0 <= gpus <= 64 or not math.isfinite(gpus):
        raise UsageError(f"--gpus: {gpus:g} cannot be used: give a number from 0 to 64")
    if actors is not None and not 1 <= actors <= 1024:
        raise UsageError(f"--actors: {actors} cannot be used: give a whole number from 1 to 1024")
    if decode and (quality is not None or bpp is not None or effort is not None or model is not None):
        raise UsageError("--decode: -q, --bpp, -e and -m are for encoding: leave them out")
    wish = None if decode else wishes.of_rate(chosen, quality, bpp, None)
    chosen.apply()
    cluster.check()
    start, places = find(source, frozenset({NIC}) if decode else PICTURES)
    order = Order(start, open_store(output), chosen, wish, realism, quiet)
    items = plan(places, order, general)
    with general.console.progress("files", len(items)) as bar:
        tally = batch.Tally(general.console, general.console.say, batch.Failure, False, bar)
        pending = _refused(items, order, general, tally)
        if pending:
            with cluster.joined(address, actors, gpus) as count:
                settle(pending, order, tally, lambda some, n: cluster.run(some, order, count, gpus, n))
    return tally.end(len(items))


def plan(places: Sequence[str], order: Order, general: General) -> list[Item]:
    """From places to items. Raises UsageError where two outputs would be one."""
    suffix = ".png" if order.wish is None else NIC
    targets = [str(PurePosixPath(place).with_suffix(suffix)) for place in places]
    there = set() if general.force else order.target.present(targets)
    taken: dict[str, str] = {}
    for place, target in zip(places, targets, strict=True):
        first = taken.setdefault(order.target.key(target), place)
        if first != place:
            both = " and ".join(shown(order.source.name(p)) for p in (first, place))
            name = shown(order.target.name(target))
            raise UsageError(f"{both} would both become {name}; encode them apart")
    pairs = zip(places, targets, strict=True)
    return [Item(n, source, target, target in there) for n, (source, target) in enumerate(pairs)]


def settle(
    items: Sequence[Item],
    order: Order,
    tally: batch.Tally,
    work: Callable[[Sequence[Item], int], Iterable[Receipt]],
) -> None:
    """Have `work` done on all items, so many together, and report each of them once."""
    left = {item.number: item for item in items}
    for together in TOGETHER:
        for receipt in work(list(left.values()), together) if left else ():
            item = left.pop(receipt.number, None)
            if item is not None:
                tally.settle(_ends(item, order), partial(_outcome, receipt), Console(held=receipt.told))
    for item in left.values():
        tally.settle(_ends(item, order), partial(_outcome, Receipt(item.number, error=KILLED, code=1)))


def _refused(items: Sequence[Item], order: Order, general: General, tally: batch.Tally) -> list[Item]:
    """Report the items whose outputs exist and are neither replaced nor passed over; give the others."""
    for item in items:
        if item.exists and not general.skip_existing:
            ends = _ends(item, order)
            error, code = str(already_there(ends.target)), OutputExists.code
            tally.settle(ends, partial(_outcome, Receipt(item.number, error=error, code=code)))
    return [item for item in items if general.skip_existing or not item.exists]


def _ends(item: Item, order: Order) -> Ends:
    return Ends(order.source.name(item.source), order.target.name(item.target))


def _outcome(receipt: Receipt) -> batch.Report | None:
    if receipt.error:
        error = KINDS.get(receipt.code, NicError)(receipt.error)
        raise batch.Stop(error) if receipt.stops else error
    if not receipt.line:
        return None
    kind = Encoded if "bpp" in receipt.record else Decoded
    return batch.Report(receipt.line, kind(**receipt.record))
