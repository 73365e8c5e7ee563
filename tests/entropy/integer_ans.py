"""The stream format in pure integers: what `coder.py` must agree with, and what another program needs."""

from __future__ import annotations

SEED, PRECISION = 1 << 24, 24


def push(state: int, words: list[int], start: int, frequency: int) -> int:
    """Put an entry of the mass start .. start + frequency onto the stack."""
    if state >> 64 - PRECISION >= frequency:
        words.append(state & 0xFFFFFFFF)
        state >>= 32
    return (state // frequency << PRECISION) + state % frequency + start


def pop(state: int, words: list[int], table: list[int]) -> tuple[int, int]:
    """Take an entry of `table` off the stack."""
    rest, entry = state % (1 << PRECISION), 0
    while rest >= table[entry]:
        rest, entry = rest - table[entry], entry + 1
    state = table[entry] * (state >> PRECISION) + rest
    return (state << 32 | words.pop() if state < 1 << 32 and words else state), entry


def pop_uniform(state: int, words: list[int], n_bits: int) -> tuple[int, int]:
    """Take a number of `n_bits` bits off the stack."""
    shift = PRECISION - n_bits
    entry = state % (1 << PRECISION) >> shift
    state = (state >> PRECISION << shift) + state % (1 << shift)
    return (state << 32 | words.pop() if state < 1 << 32 and words else state), entry


def order(indices: list[int], sizes: list[int]) -> list[int]:
    return sorted((i for i in range(len(indices)) if sizes[indices[i]] > 1), key=lambda i: indices[i])


def encode(parts, tables: list[tuple[int, list[int]]]) -> bytes:
    """Code parts (indices, values), flat lists, with tables (low, frequencies)."""
    pushes = []
    for indices, values in parts:
        lengths, rests = [], []
        for i in order(indices, [len(f) for _, f in tables]):
            low, table = tables[indices[i]]
            last = len(table) - 1
            entry = values[i] - low
            if not 0 <= entry < last:
                number = 2 * (low - values[i]) - 1 if entry < 0 else 2 * (entry - last + 1)
                n = number.bit_length() - 1
                lengths.append((n << 19, 1 << 19))
                rests += [(number - (1 << n) << 24 - n, 1 << 24 - n)] if n else []
                entry = last
            pushes.append((sum(table[:entry]), table[entry]))
        pushes += lengths + rests
    state, words = SEED, []
    for start, frequency in reversed(pushes):
        state = push(state, words, start, frequency)
    data = b"".join(w.to_bytes(4, "little") for w in words) + state.to_bytes(8, "little")
    return data.rstrip(b"\0") if pushes else b""


def decode(data: bytes, parts, tables: list[tuple[int, list[int]]]) -> list[list[int]]:
    """Decode the parts with these flat lists of table indices; fails unless nothing is left."""
    padded = (data or SEED.to_bytes(4, "little")) + bytes(-len(data) % 4)
    words = [int.from_bytes(padded[i : i + 4], "little") for i in range(0, len(padded), 4)]
    state = words.pop()
    state = state << 32 | words.pop() if words else state
    out = []
    for indices in parts:
        values, escaped = [tables[i][0] for i in indices], []
        for i in order(indices, [len(f) for _, f in tables]):
            low, table = tables[indices[i]]
            state, entry = pop(state, words, table)
            values[i] = low + entry
            escaped += [i] if entry == len(table) - 1 else []
        lengths = []
        for _ in escaped:
            state, n = pop_uniform(state, words, 5)
            lengths.append(n)
        for i, n in zip(escaped, lengths, strict=True):
            state, rest = pop_uniform(state, words, n) if n else (state, 0)
            number, (low, table) = (1 << n) + rest, tables[indices[i]]
            values[i] = low - 1 - number // 2 if number % 2 else low + len(table) - 2 + number // 2
        out.append(values)
    assert (state, words) == (SEED, [])
    return out
