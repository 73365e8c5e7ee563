"""The order of symbols in a part: by table index ascending, within one table as they lie in memory.

Symbols of tables that code nothing have no place in it. They are most of a picture, so they are
set aside before anything is sorted or gathered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.tables import Tables

Indices = NDArray[np.uint8] | NDArray[np.uint16]

BLOCK = 1 << 16
"""Symbols looked at together: numpy makes 8 bytes of each small index that it takes with."""


@dataclass(frozen=True, slots=True)
class Groups:
    """How the m coded ones of n symbols are sorted.

    index: [n] table of each symbol. order: [m] places of the coded symbols in coding order.
    spans: (table, start, end) of each group in that order.
    """

    index: Indices
    order: NDArray[np.intp]
    spans: tuple[tuple[int, int, int], ...]


def counted(index: Indices, tables: Tables) -> NDArray[np.intp]:
    """[n] how many symbols each table has, of a flat `index` [m]."""
    counts = np.zeros(len(tables), np.intp)
    for at in range(0, index.size, BLOCK):
        found = np.bincount(index[at : at + BLOCK])
        counts[: found.size] += found
    return counts


def group(index: Indices, counts: NDArray[np.intp], tables: Tables) -> Groups:
    """Sort the symbols with these table indices, [m], of which `counted` gave the counts."""
    blocks = range(0, index.size, BLOCK)
    parts = [np.flatnonzero(tables.coded.take(index[at : at + BLOCK])) + at for at in blocks]
    places = np.concatenate(parts) if parts else np.empty(0, np.intp)
    del parts  # of millions, each of these arrays counts
    order = np.argsort(index[places], kind="stable")  # a counting sort at 8 or 16 bits
    np.take(places, order, out=order, mode="clip")
    counts = np.where(tables.coded, counts, 0)
    ends = np.cumsum(counts)
    spans = tuple((int(i), int(ends[i] - counts[i]), int(ends[i])) for i in np.flatnonzero(counts))
    return Groups(index, order, spans)
