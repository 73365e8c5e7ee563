"""The order of symbols in a part: by table index ascending, within one table as they lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.tables import Tables


@dataclass(frozen=True, slots=True)
class Groups:
    """How the m coded ones among n symbols are sorted.

    index: [n] table of each symbol. order: [m] places of the coded ones in coding order.
    spans: (table, start, end) of each group in that order. skipped: [n - m] places of the others.
    """

    index: NDArray[np.uint8] | NDArray[np.uint16]
    order: NDArray[np.intp]
    spans: tuple[tuple[int, int, int], ...]
    skipped: NDArray[np.intp]


def group(indices: NDArray[Any], tables: Tables) -> Groups:
    """Sort the symbols with these table indices, [...]. Raises ModelError if one is not that of a table."""
    index = tables.narrow(indices)
    counts = np.bincount(index, minlength=len(tables))
    skipped = np.empty(0, np.intp)
    if (counts[~tables.coded] == 0).all():
        order = np.argsort(index, kind="stable")  # a counting sort at 8 or 16 bits
    else:
        coded = tables.coded[index]
        places, skipped = np.flatnonzero(coded), np.flatnonzero(~coded)
        order = places[np.argsort(index[places], kind="stable")]
        counts[~tables.coded] = 0
    ends = np.cumsum(counts)
    used = np.flatnonzero(counts)
    spans = tuple((int(i), int(ends[i] - counts[i]), int(ends[i])) for i in used)
    return Groups(index, order, spans, skipped)
