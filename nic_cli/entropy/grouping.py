"""The order of symbols in a part: by table index ascending, within one table as they lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.tables import Tables


@dataclass(frozen=True, slots=True)
class Groups:
    """How n symbols are sorted.

    index: [n] table of each symbol. order: [n] places of the symbols in coding order.
    spans: (table, start, end) of each group in that order; those of tables that code nothing too.
    """

    index: NDArray[np.uint8] | NDArray[np.uint16]
    order: NDArray[np.intp]
    spans: tuple[tuple[int, int, int], ...]


def group(indices: NDArray[Any], tables: Tables) -> Groups:
    """Sort the symbols with these table indices, [...]. Raises ModelError if one is not that of a table."""
    index = tables.narrow(indices)
    counts = np.bincount(index, minlength=len(tables))
    order = np.argsort(index, kind="stable")  # a counting sort at 8 or 16 bits
    ends = np.cumsum(counts)
    spans = tuple((int(i), int(ends[i] - counts[i]), int(ends[i])) for i in np.flatnonzero(counts))
    return Groups(index, order, spans)
