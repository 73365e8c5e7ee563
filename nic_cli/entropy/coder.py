"""The symbols of one entropy tile to one stream of an asymmetric numeral system (ANS), and back.

A tile is made of parts in decoding order: z first, then r, whose tables follow from z. A part is

    its symbols, in the order of grouping.py
    the lengths of those that escaped, 5 bits each, in the same order
    the rests of those that escaped, in the same order

The coder is a stack with a state of 64 bits, words of 32 bits and probabilities of 24 bits. The
encoder pushes all this backwards onto SEED. Decoding a symbol makes a state of 2^24 or more
smaller, and lets none below grow, so a decoder is back at SEED after the last symbol and never
again: one symbol too many, or a stream that was cut, shows. Words are stored little-endian without
the zero bytes at the top of the last one, and a tile in which nothing is coded has no bytes.

constriction does the arithmetic, and nothing that decides on bits is left to it: its tables come
out exactly as ours (see `_model`), so the format is that of the 30 lines in the tests. It answers
bad input with silence, or with a panic that is no Exception: hence all checks stand before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import constriction
import numpy as np
from numpy.typing import NDArray

from nic_cli.entropy.escape import LENGTH_BITS, check_lengths, fold, unfold
from nic_cli.entropy.grouping import Groups, counted, group
from nic_cli.entropy.tables import PRECISION, Tables
from nic_cli.errors import DamagedFile, NicError, UsageError

SEED = 1 << PRECISION
_WORD_BYTES = 4

# Its submodules exist once it is imported, and cannot be imported by name.
AnsCoder = constriction.stream.stack.AnsCoder
Categorical = constriction.stream.model.Categorical
Uniform = constriction.stream.model.Uniform

_BAD_TILE = "a tile cannot be decoded: fetch the file again"
_BAD_SYMBOLS = "the symbols cannot be coded: report this as a bug"

# What coder.encode_reverse takes: symbols, their model, and its parameters if they differ by symbol.
_Call = tuple[Any, ...]

_models: WeakKeyDictionary[Tables, dict[int, Any]] = WeakKeyDictionary()


def encode(parts: Sequence[tuple[NDArray[Any], NDArray[Any]]], tables: Tables) -> bytes:
    """Code `parts`, pairs of table indices and int32 values, each pair of one shape [...].

    Raises ModelError if an index is not that of a table, and UsageError if shapes differ, values are
    not int32 or too far from their table, or one that is not coded is not 0.
    """
    with _guarded(NicError, _BAD_SYMBOLS):
        calls = [call for indices, values in parts for call in _part_calls(indices, values, tables)]
        if not calls:
            return b""
        coder = AnsCoder(np.array([SEED], np.uint32))
        for symbols, model, *parameters in reversed(calls):
            coder.encode_reverse(symbols, model, *parameters)
        words = coder.get_compressed()
    return bytes(words.astype("<u4").tobytes().rstrip(b"\0"))


class Decoder:
    """Takes the parts back, one by one, from what `encode` gave.

    data: the stored bytes. Raises DamagedFile here, in `take` or in `finish` if they are not right;
    values taken before `finish` has returned must not be trusted.
    """

    def __init__(self, data: bytes, tables: Tables) -> None:
        if data.endswith(b"\0"):
            raise DamagedFile("a tile ends in a zero byte, which is never written: fetch the file again")
        if data == SEED.to_bytes(_WORD_BYTES, "little"):
            raise DamagedFile("a tile of no symbols has bytes, which are never written: fetch the file again")
        words = np.frombuffer(data + bytes(-len(data) % _WORD_BYTES), "<u4").astype(np.uint32)
        self._tables = tables
        with _guarded(DamagedFile, _BAD_TILE):
            self._coder = AnsCoder(words if words.size else np.array([SEED], np.uint32))

    def take(self, indices: NDArray[Any]) -> NDArray[np.int32]:
        """Decode the next part: int32 values in the shape of its table indices, [...].

        Raises ModelError if an index is not that of a table, DamagedFile for an impossible escape.
        """
        index = self._tables.narrow(indices)
        counts = counted(index, self._tables)
        words, state = self._coder.pos()
        if not affords(8 * _WORD_BYTES * words + state.bit_length(), float(counts @ self._tables.least)):
            raise DamagedFile("a tile ends before its symbols: fetch the file again")
        groups = group(index, counts, self._tables)
        with _guarded(DamagedFile, _BAD_TILE):
            symbols = self._take_symbols(groups)
        values = np.zeros(indices.size, np.int32)  # only now: of a damaged tile there are none
        values[groups.order] = symbols
        return values.reshape(indices.shape)

    def finish(self) -> None:
        """Raise DamagedFile unless exactly the symbols that were coded have been taken."""
        if self._coder.pos() != (0, SEED):
            raise DamagedFile("a tile holds more or fewer symbols than it should: fetch the file again")

    def _take_symbols(self, groups: Groups) -> NDArray[np.int32]:
        symbols = np.empty(groups.order.size, np.int32)
        escaped = np.empty(symbols.size, np.bool_)
        for index, start, end in groups.spans:
            entries = self._coder.decode(_model(self._tables, index), end - start)
            np.add(entries, self._tables.lows[index], out=symbols[start:end])
            np.equal(entries, self._tables.sizes[index] - 1, out=escaped[start:end])
        places = np.flatnonzero(escaped)
        if places.size:
            symbols[places] = self._take_escapes(groups.index[groups.order[places]])
        return symbols

    def _take_escapes(self, index: NDArray[Any]) -> NDArray[np.int32]:
        n_bits = self._coder.decode(Uniform(1 << LENGTH_BITS), index.size)
        check_lengths(n_bits)
        rest = np.zeros(index.size, np.int32)
        long = n_bits > 0
        if long.any():
            rest[long] = self._coder.decode(Uniform(), 1 << n_bits[long])
        return unfold(n_bits, rest, self._tables.lows[index], self._tables.sizes[index])


def affords(n_bits: int, least: float) -> bool:
    """Whether n_bits of a stream may hold symbols that cost `least` bits: asked before they take memory.

    Divisions round away at most (M - f) / 2^32 of a state above 2^32, M = 2^24, for a symbol of frequency f;
    that is under 0.4 % of what the symbol costs. Below, on the way up from SEED, it is under 8 bits in all.
    """
    return 0.99 * least <= n_bits + 64


def _part_calls(indices: NDArray[Any], values: NDArray[Any], tables: Tables) -> list[_Call]:
    """Give the calls that code one part, in decoding order."""
    if indices.shape != values.shape or values.dtype != np.int32:
        raise UsageError(
            f"{values.dtype} symbols {values.shape}, tables {indices.shape}: give int32 of one shape"
        )
    flat_index = tables.narrow(indices)
    groups = group(flat_index, counted(flat_index, tables), tables)
    flat = np.ascontiguousarray(values).reshape(-1)
    symbols = flat[groups.order]
    if np.count_nonzero(symbols) != np.count_nonzero(flat):
        raise UsageError("a symbol that is not coded is not 0: set it first")
    escaped = np.empty(symbols.size, np.bool_)
    calls: list[_Call] = []
    for index, start, end in groups.spans:
        last = np.uint32(tables.sizes[index] - 1)
        entries = symbols[start:end] - tables.lows[index]
        # As unsigned numbers, those below the table are above it too, even where the difference wrapped.
        outside = np.greater_equal(entries.view(np.uint32), last, out=escaped[start:end])
        entries[outside] = last
        calls.append((entries, _model(tables, index)))
    places = np.flatnonzero(escaped)
    if places.size:
        calls += _escape_calls(symbols[places], groups.index[groups.order[places]], tables)
    return calls


def _escape_calls(values: NDArray[Any], index: NDArray[Any], tables: Tables) -> list[_Call]:
    n_bits, rest = fold(values, tables.lows[index], tables.sizes[index])
    long = n_bits > 0
    calls: list[_Call] = [(n_bits, Uniform(1 << LENGTH_BITS))]
    return [*calls, (rest[long], Uniform(), 1 << n_bits[long])] if long.any() else calls


def _model(tables: Tables, index: int) -> Any:
    """Give constriction's model of a table of two or more entries.

    It gives each of n entries the mass 1 and shares the other 2^24 - n by weight. Weights that
    are whole numbers with exactly that sum make its scale 1.0, its partial sums exact, and its table ours.
    """
    known = _models.setdefault(tables, {})
    if index not in known:
        _, frequencies = tables.table(index)
        known[index] = Categorical(frequencies.astype(np.float64) - 1, perfect=False)
    return known[index]


@contextmanager
def _guarded(error: type[NicError], message: str) -> Iterator[None]:
    """Turn what constriction raises, panics included, into `error`; let our own errors through."""
    try:
        yield
    except NicError:
        raise
    except (KeyError, OverflowError, TypeError, ValueError) as fault:
        raise error(message) from fault
    except BaseException as fault:
        # pyo3 makes a class of its own for this in each library, out of reach of an import.
        if type(fault).__name__ != "PanicException":
            raise
        raise error(message) from fault
