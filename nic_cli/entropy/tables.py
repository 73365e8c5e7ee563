"""Coding tables: integer frequencies that sum to 2^24, as the model file stores them.

A table of n entries stands for the values low .. low + n - 2 and, by its last entry, for an escape
that is followed by the value itself (see escape.py). A table of one entry codes nothing: its
symbols are always 0, and so is its low.

`from_probabilities` and `gaussian` run when a model is exported, never when a picture is coded:
their floats may differ in the last digit between machines, which is why tables are stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.escape import LENGTH_BITS, fold
from nic_cli.errors import ModelError, UsageError

PRECISION = 24  # bits of a probability: what constriction's coder uses by default
TOTAL = 1 << PRECISION
MAX_TABLES = 1 << 16  # indices fit into 16 bits, so that they sort in two counting passes
MAX_ENTRIES = 1 << 16  # wider tables would be slower than escapes are rare
MAX_LOW = 1 << 20  # keeps low plus any escape far inside int32
MIN_ESCAPE = 1 << 6  # 2^-18: an escape then costs 18 bits and its value, and 0.000004 of the others
SPAN = 4.9  # standard deviations to each side: one symbol in a million lies outside
_BLOCK = 1 << 16  # symbols at a time: their gathered rows stay in the cache


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables of a model, read-only. Raises ModelError if they cannot be coded with.

    lows: [n] int32, the smallest value of each table. sizes: [n] int32, its number of entries.
    frequencies: [sum of sizes] uint32, all tables one after the other; each sums to 2^24.
    """

    lows: NDArray[np.int32]
    sizes: NDArray[np.int32]
    frequencies: NDArray[np.uint32]

    def __post_init__(self) -> None:
        for name, kind in (("lows", np.int32), ("sizes", np.int32), ("frequencies", np.uint32)):
            object.__setattr__(self, name, _frozen(getattr(self, name), kind, name))
        _check_shapes(self.lows, self.sizes, self.frequencies)
        sums = np.add.reduceat(self.frequencies, self.starts, dtype=np.uint64)
        wrong = np.flatnonzero(sums != TOTAL)
        if wrong.size:
            raise ModelError(
                f"coding table {wrong[0]} sums to {sums[wrong[0]]}, not {TOTAL}: fetch the model again"
            )

    def __len__(self) -> int:
        """Count the tables."""
        return int(self.sizes.size)

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """[n] where each table starts in `frequencies`."""
        return np.concatenate([[0], np.cumsum(self.sizes[:-1], dtype=np.intp)])

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """[sum of sizes] what each entry costs in bits; an escape without the value after it."""
        return PRECISION - np.log2(self.frequencies)

    @cached_property
    def least(self) -> NDArray[np.float64]:
        """[n] what the cheapest symbol of each table costs in bits: nothing, for a table of one entry."""
        least: NDArray[np.float64] = np.minimum.reduceat(self.bits, self.starts)
        return least

    @cached_property
    def coded(self) -> NDArray[np.bool_]:
        """[n] which tables code anything."""
        return self.sizes > 1

    def table(self, index: int) -> tuple[int, NDArray[np.uint32]]:
        """Give the low value and the frequencies of one table."""
        start = int(self.starts[index])
        return int(self.lows[index]), self.frequencies[start : start + int(self.sizes[index])]

    def narrow(self, indices: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Flatten indices of tables, [...] of any integers, to the smallest type that holds these.

        Raises ModelError if one is not that of a table.
        """
        if not np.issubdtype(indices.dtype, np.integer):
            raise ModelError(
                f"table indices are {indices.dtype}, not integers: the model does not fit this program"
            )
        least, most = (int(indices.min()), int(indices.max())) if indices.size else (0, 0)
        if not 0 <= least <= most < len(self):
            raise ModelError(f"indices {least}..{most} in a model of {len(self)} tables: fetch the model")
        flat = np.ascontiguousarray(indices).reshape(-1)
        if most < 1 << 8:
            return flat.astype(np.uint8, copy=False)
        return flat.astype(np.uint16, copy=False)


def pack_tables(tables: Sequence[tuple[int, NDArray[np.uint32]]]) -> Tables:
    """Put tables, each a low value and its frequencies, into one record. Raises ModelError as it does."""
    if not tables:
        raise ModelError("a model without coding tables: give it at least one")
    return Tables(
        lows=np.array([low for low, _ in tables], np.int32),
        sizes=np.array([len(frequencies) for _, frequencies in tables], np.int32),
        frequencies=np.concatenate([frequencies for _, frequencies in tables]).astype(np.uint32),
    )


def from_probabilities(low: int, p: NDArray[Any]) -> tuple[int, NDArray[np.uint32]]:
    """Make the table of the values low .. low + k - 1, for `pack_tables`.

    p: [k] probabilities, or weights if they sum to over 1; what is missing to 1 goes to the escape.
    Returns `low` and [k + 1] frequencies, all at least 1, the escape at least 2^6, that sum to 2^24.
    Raises ModelError if p is empty, too long, negative, not finite or all zero.
    """
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or not 1 <= p.size < MAX_ENTRIES:
        raise ModelError(f"probabilities of shape {p.shape}: give 1 to {MAX_ENTRIES - 1} in one row")
    if not np.isfinite(p).all() or p.min() < 0 or p.sum() <= 0 or not np.isfinite(p.sum()):
        raise ModelError(
            "probabilities are negative, not finite or all zero: train or export the model again"
        )
    rest = max(0.0, 1.0 - float(p.sum()))
    escape = min(max(MIN_ESCAPE, round(rest * TOTAL)), TOTAL - p.size)
    shared = TOTAL - escape - p.size  # each value has 1 beforehand
    exact = p / p.sum() * shared
    whole = np.floor(exact).astype(np.int64)
    missing = shared - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return low, np.append(whole + 1, escape).astype(np.uint32)


def gaussian(sigma: float) -> tuple[int, NDArray[np.uint32]]:
    """Make the table of a rounded normal distribution around 0, 4.9 sigma and at least 1 to each side.

    Returns the low value and the frequencies. Raises ModelError if sigma is not above 0 or far too wide.
    """
    if not 0 < sigma < MAX_ENTRIES / (2 * SPAN + 1):
        raise ModelError(f"sigma is {sigma}: a table takes 0 to {MAX_ENTRIES / (2 * SPAN + 1):.0f}")
    radius = max(1, math.ceil(SPAN * sigma))
    # The tail above each edge, from the side where erfc does not cancel; then mirrored.
    tails = [0.5 * math.erfc((i - 0.5) / sigma / math.sqrt(2)) for i in range(1, radius + 2)]
    side = [near - far for near, far in pairwise(tails)]
    return from_probabilities(-radius, np.array([*side[::-1], 1 - 2 * tails[0], *side]))


def cost(tables: Tables, indices: NDArray[Any], values: NDArray[Any]) -> float:
    """Give the bits that coding `values` takes, each with the table of its index.

    indices, values: [...] of one shape, any signed integers. A stream adds 25 bits and is rounded up
    to bytes. Raises as `coder.encode` does.
    """
    flat = tables.narrow(indices)
    values = np.ascontiguousarray(values).reshape(-1)
    if flat.size != values.size or not np.issubdtype(values.dtype, np.signedinteger):
        raise UsageError(
            f"{values.size} {values.dtype} symbols, {flat.size} tables: give as many signed integers"
        )
    blocks = range(0, flat.size, _BLOCK)
    return float(sum(_block_cost(tables, flat[i : i + _BLOCK], values[i : i + _BLOCK]) for i in blocks))


def _block_cost(tables: Tables, indices: NDArray[Any], values: NDArray[Any]) -> float:
    index = indices.astype(np.intp)
    last = tables.sizes[index] - 1
    entries = values - tables.lows[index]
    # A table of one entry has no escape: its only entry lies within.
    outside = (entries < 0) | (entries >= np.maximum(last, 1))
    bits = float(tables.bits[tables.starts[index] + np.where(outside, last, entries)].sum())
    if not outside.any():
        return bits
    if not last[outside].all():
        raise UsageError("a symbol that is not coded is not 0: set it before coding")
    index = index[outside]
    n_bits, _ = fold(values[outside], tables.lows[index], tables.sizes[index])
    return bits + float(n_bits.sum() + LENGTH_BITS * n_bits.size)


def _frozen(array: Any, kind: type, name: str) -> NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype != kind or array.ndim != 1:
        raise ModelError(
            f"{name} of the coding tables are not one row of {kind.__name__}: fetch the model again"
        )
    copy: NDArray[Any] = np.array(array, dtype=kind)
    copy.flags.writeable = False
    return copy


def _check_shapes(lows: NDArray[Any], sizes: NDArray[Any], frequencies: NDArray[Any]) -> None:
    again = "fetch the model again"
    if not 1 <= sizes.size <= MAX_TABLES or lows.size != sizes.size:
        raise ModelError(f"{sizes.size} sizes and {lows.size} lows of coding tables: {again}")
    if sizes.min() < 1 or sizes.max() > MAX_ENTRIES:
        raise ModelError(
            f"coding tables have {sizes.min()} to {sizes.max()} entries, not 1 to {MAX_ENTRIES}: {again}"
        )
    if lows[sizes == 1].any():
        raise ModelError(f"a coding table of one entry does not start at 0: {again}")
    if lows.min() < -MAX_LOW or lows.max() > MAX_LOW:
        raise ModelError(f"coding tables start at {lows.min()} to {lows.max()}, over {MAX_LOW}: {again}")
    if int(sizes.sum(dtype=np.int64)) != frequencies.size:
        raise ModelError(f"{frequencies.size} frequencies in tables of {sizes.sum(dtype=np.int64)}: {again}")
    if frequencies.min() < 1 or frequencies.max() > TOTAL:
        raise ModelError(
            f"frequencies are {frequencies.min()} to {frequencies.max()}, not 1 to {TOTAL}: {again}"
        )
