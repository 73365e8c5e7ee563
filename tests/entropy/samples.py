"""Random tables and symbols for the tests."""

from __future__ import annotations

import numpy as np

from nic_cli.entropy.tables import TOTAL, Tables, gaussian, pack_tables

SIGMAS = np.exp(np.linspace(np.log(0.15), np.log(30), 64))
GAUSSIANS = pack_tables([gaussian(float(s)) for s in SIGMAS])
# A table that codes nothing, a narrow one, one with an escape as likely as not.
SMALL = pack_tables(
    [
        (0, np.array([TOTAL], np.uint32)),
        (-1, np.array([TOTAL // 4, TOTAL // 2, TOTAL // 4 - 64, 64], np.uint32)),
        (5, np.array([TOTAL // 2, TOTAL // 2], np.uint32)),
    ]
)


def random_table(rng: np.random.Generator, n: int | None = None) -> tuple[int, np.ndarray]:
    """A table of up to 80 entries of very different sizes, the smallest of mass 1."""
    n = int(rng.integers(1, 80)) if n is None else n
    weights = rng.exponential(size=n) ** rng.uniform(0.1, 8)
    frequencies = 1 + np.floor(weights / weights.sum() * (TOTAL - n)).astype(np.int64)
    frequencies[rng.integers(n)] += TOTAL - frequencies.sum()
    return int(rng.integers(-50, 50)) if n > 1 else 0, frequencies.astype(np.uint32)


def random_part(rng: np.random.Generator, tables: Tables, n: int, wild: float = 0.05):
    """n symbols over all tables, a share of them far outside."""
    indices = rng.integers(0, len(tables), n)
    low, size = tables.lows[indices], tables.sizes[indices]
    values = low + rng.integers(0, np.maximum(size - 1, 1))
    far = rng.random(n) < wild
    values = np.where(far, values + rng.integers(-30_000, 30_000, n), values)
    return indices, np.where(size == 1, low, values).astype(np.int32)


def plain(tables: Tables) -> list[tuple[int, list[int]]]:
    """The tables as Python integers."""
    return [(low, [int(f) for f in table]) for low, table in map(tables.table, range(len(tables)))]


def gaussian_part(rng: np.random.Generator, shape: tuple[int, ...]):
    """Symbols as a picture has them: mostly narrow tables, values that follow them."""
    indices = np.clip(rng.exponential(10, shape), 0, 63).astype(np.uint8)
    return indices, np.round(rng.normal(size=shape) * SIGMAS[indices]).astype(np.int32)
