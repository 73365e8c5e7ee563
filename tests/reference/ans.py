"""Entropy coding: a stack ANS with a state of 64 bits and words of 32, in Python's integers."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

BITS = 24
ONE = 1 << BITS


class Decoder:
    """Takes symbols from a payload."""

    def __init__(self, payload: bytes) -> None:
        if payload and not payload[-1]:
            raise ValueError("a payload ends in a zero byte")
        words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").tolist()
        self.state = words.pop() if words else ONE
        if words:
            self.state = self.state << 32 | words.pop()
        self.words = words

    def symbols(self, cumulated: list[int], count: int) -> list[int]:
        """The next count entries of the table whose cumulated frequencies run from 0 to 2^24."""
        found = []
        for _ in range(count):
            s = self.state & ONE - 1
            i = bisect_right(cumulated, s) - 1
            self.advance(cumulated[i + 1] - cumulated[i], s - cumulated[i])
            found.append(i)
        return found

    def uniform(self, bits: int) -> int:
        """So many equally likely bits."""
        value, below = divmod(self.state & ONE - 1, 1 << BITS - bits)
        self.advance(1 << BITS - bits, below)
        return value

    def advance(self, frequency: int, below: int) -> None:
        """Go past an entry."""
        self.state = frequency * (self.state >> BITS) + below
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()

    def end(self) -> None:
        """Raise ValueError where anything is left."""
        if self.state != ONE or self.words:
            raise ValueError("a payload does not end with its last symbol")


def part(coder: Decoder, tables: np.ndarray, coded: np.ndarray, model) -> np.ndarray:
    """The symbols of a part, i64 as tables are; those that are not coded, or of one entry, are 0."""
    flat = tables.ravel()
    out = np.zeros(len(flat), np.int64)
    wanted = np.flatnonzero(coded.ravel() & (model.sizes[flat] > 1))
    order = wanted[np.argsort(flat[wanted], kind="stable")]
    entries = np.zeros(len(order), np.int64)
    at = 0
    for table, count in zip(*np.unique(flat[order], return_counts=True), strict=True):
        entries[at : at + count] = coder.symbols(model.cumulated(int(table)), int(count))
        at += count
    low, size = model.lows[flat[order]], model.sizes[flat[order]]
    out[order] = low + entries
    escaped = np.flatnonzero(entries == size - 1)
    lengths = [coder.uniform(5) for _ in escaped]
    if any(n > 16 for n in lengths):
        raise ValueError("a symbol is longer than 16 bits")
    for i, n in zip(escaped, lengths, strict=True):
        u = (1 << n) + (coder.uniform(n) if n else 0)
        out[order[i]] = low[i] - 1 - u // 2 if u % 2 else low[i] + size[i] - 2 + u // 2
    return out.reshape(tables.shape)
