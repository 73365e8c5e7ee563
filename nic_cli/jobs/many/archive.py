"""The work of `nic batch`: items planned between two stores, handed out, and each reported once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from nic_cli.errors import FormatError, ModelError, NicError, OutputExists, UsageError
from nic_cli.jobs.decoding import Decoded, suffix_of
from nic_cli.jobs.encoding import Encoded
from nic_cli.jobs.files.outputs import NIC
from nic_cli.jobs.files.plan import already_there
from nic_cli.jobs.many.worker import Item, Order, Receipt
from nic_cli.jobs.outcome import Report, Stop
from nic_cli.jobs.run_options import RunOptions
from nic_cli.jobs.runner import Tally
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console

TOGETHER = (16, 1)
"""Items that one process takes at a time; those without a receipt are tried once more, each by itself."""


KILLED = "its process was killed time and again: look at the memory of the machine, or leave it out"


KINDS = {kind.code: kind for kind in (UsageError, FormatError, ModelError, OutputExists)}


@dataclass(frozen=True, slots=True)
class Ends:
    """What an item is called in reports."""

    source: str
    target: str


def plan(places: Sequence[str], order: Order, run_options: RunOptions) -> list[Item]:
    """From places to items; outputs that would be one keep the suffix of their input, as in `jobs.plan`.

    Raises UsageError where they would be one nonetheless, since the file system ignores case.
    """
    suffix = suffix_of(order.format) if order.target_rate is None else NIC
    targets = [str(PurePosixPath(place).with_suffix(suffix)) for place in places]
    counts = Counter(map(order.target.key, targets))
    targets = [
        place + suffix if run_options.keep_suffix or counts[order.target.key(target)] > 1 else target
        for place, target in zip(places, targets, strict=True)
    ]
    there = set() if run_options.force else order.target.present(targets)
    taken: dict[str, str] = {}
    for place, target in zip(places, targets, strict=True):
        first = taken.setdefault(order.target.key(target), place)
        if first != place:
            both = " and ".join(printable(order.source.name(p)) for p in (first, place))
            name = printable(order.target.name(target))
            raise UsageError(f"{both} would both become {name}; rename one")
    pairs = zip(places, targets, strict=True)
    return [Item(n, source, target, target in there) for n, (source, target) in enumerate(pairs)]


def settle(
    items: Sequence[Item],
    order: Order,
    tally: Tally,
    work: Callable[[Sequence[Item], int], Iterable[Receipt]],
) -> None:
    """Have `work` done on all items, so many together, and report each of them once."""
    left = {item.number: item for item in items}
    for together in TOGETHER:
        for receipt in work(list(left.values()), together) if left else ():
            item = left.pop(receipt.number, None)
            if item is not None:
                tally.settle(
                    _ends(item, order), partial(_outcome, receipt), Console(buffered=receipt.notices)
                )
    for item in left.values():
        tally.settle(_ends(item, order), partial(_outcome, Receipt(item.number, error=KILLED, code=1)))


def refused(items: Sequence[Item], order: Order, run_options: RunOptions, tally: Tally) -> list[Item]:
    """Report the items whose outputs exist and are neither replaced nor passed over; give the others."""
    for item in items:
        if item.exists and not run_options.skip_existing:
            ends = _ends(item, order)
            error, code = str(already_there(ends.target)), OutputExists.code
            tally.settle(ends, partial(_outcome, Receipt(item.number, error=error, code=code)))
    return [item for item in items if run_options.skip_existing or not item.exists]


def _ends(item: Item, order: Order) -> Ends:
    return Ends(order.source.name(item.source), order.target.name(item.target))


def _outcome(receipt: Receipt) -> Report | None:
    if receipt.error:
        error = KINDS.get(receipt.code, NicError)(receipt.error)
        raise Stop(error) if receipt.stops else error
    if not receipt.line:
        return None
    kind = Encoded if "bpp" in receipt.record else Decoded
    record = kind(**receipt.record)
    return Report(receipt.line, record, receipt.before, record.bytes, record.width * record.height)
