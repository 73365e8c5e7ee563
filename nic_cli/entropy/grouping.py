"""The order of symbols in a part: by table index ascending, within one table as they lie in memory.

Symbols of tables that code nothing have no place in it. They are most of a picture, so they are
set aside before anything is sorted or gathered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.tables import Tables


@dataclass(frozen=True, slots=True)
class Groups:
    """How the m coded ones of n symbols are sorted.

    index: [n] table of each symbol. order: [m] places of the coded symbols in coding order.
    spans: (table, start, end) of each group in that order.
    """

    index: NDArray[np.uint8] | NDArray[np.uint16]
    order: NDArray[np.intp]
    spans: tuple[tuple[int, int, int], ...]


def group(indices: NDArray[Any], tables: Tables) -> Groups:
    """Sort the symbols with these table indices, [...]. Raises ModelError if one is not that of a table."""
    index = tables.narrow(indices)
    places = np.flatnonzero(tables.coded.take(index))
    found = index[places]
    order = places[np.argsort(found, kind="stable")]  # a counting sort at 8 or 16 bits
    counts = np.bincount(found)
    ends = np.cumsum(counts)
    spans = tuple((int(i), int(ends[i] - counts[i]), int(ends[i])) for i in np.flatnonzero(counts))
    return Groups(index, order, spans)
