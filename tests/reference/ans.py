"""Entropy coding: a stack ANS with a state of 64 bits and words of 32, in Python's integers."""

from bisect import bisect_right

import numpy as np

from tests.reference.container import check
from tests.reference.model import Model

ONE = 1 << 24


class Decoder:
    """Takes symbols from a payload."""

    def __init__(self, payload: bytes) -> None:
        check(not payload or payload[-1] > 0, "a payload ends in a zero byte")
        self.words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").tolist()
        self.state = self.words.pop() if self.words else ONE
        if self.words:
            self.state = self.state << 32 | self.words.pop()

    def entries(self, cumulated: list[int], count: int) -> list[int]:
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
        value, below = divmod(self.state & ONE - 1, ONE >> bits)
        self.advance(ONE >> bits, below)
        return value

    def advance(self, frequency: int, below: int) -> None:
        """Go past an entry."""
        self.state = frequency * (self.state >> 24) + below
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()

    def part(self, tables: np.ndarray, coded: np.ndarray, model: Model) -> np.ndarray:
        """The symbols of a part, i64 as tables are; those that are not coded, or of one entry, are 0."""
        flat, out = tables.ravel(), np.zeros(tables.size, np.int64)
        wanted = np.flatnonzero(coded.ravel() & (model.sizes[flat] > 1))
        order = wanted[np.argsort(flat[wanted], kind="stable")]
        low, size = model.lows[flat[order]], model.sizes[flat[order]]
        groups = zip(*np.unique(flat[order], return_counts=True), strict=True)
        entries = [i for table, count in groups for i in self.entries(model.cumulated(table), count)]
        out[order] = low + np.array(entries, np.int64)
        escaped = np.flatnonzero(np.array(entries, np.int64) == size - 1)
        lengths = [self.uniform(5) for _ in escaped]
        check(max(lengths, default=0) <= 16, "a symbol is longer than 16 bits")
        for i, n in zip(escaped, lengths, strict=True):
            u = (1 << n) + (self.uniform(n) if n else 0)
            out[order[i]] = low[i] - 1 - u // 2 if u % 2 else low[i] + size[i] - 2 + u // 2
        return out.reshape(tables.shape)

    def end(self) -> None:
        """Raise ValueError where anything is left, or lacking."""
        check(self.state == ONE and not self.words, "a payload does not end with its last symbol")
