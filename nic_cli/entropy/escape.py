"""Values outside their table: a positive number, sent as its bit length and its lower bits.

Below the table, numbers are odd (1, 3, 5, ... downwards); above it, even (2, 4, 6, ... upwards).
The length minus 1 is sent with 5 bits, the bits under the leading one as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.errors import DamagedFile, UsageError

LENGTH_BITS = 5
MAX_REST = 16  # bits under the leading one: 65,535 beyond a table is beyond any sane latent


def fold(values: NDArray[Any], lows: NDArray[Any], sizes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the number of bits under the leading one, and these bits, of each escaped value.

    values, lows, sizes: [m], the value and the low and entries of its table. Returns two [m] int32.
    Raises UsageError if a value is too far out.
    """
    values, lows = values.astype(np.int64), lows.astype(np.int64)
    above = values - (lows + sizes - 2)
    numbers = np.where(values < lows, 2 * (lows - values) - 1, 2 * above)
    if numbers.size and int(numbers.max()) >> MAX_REST + 1:
        worst = values[numbers.argmax()]
        raise UsageError(f"the symbol {worst} is too far from its table to be coded: choose a smaller q")
    n_bits = np.frexp(numbers)[1].astype(np.int32) - 1
    return n_bits, (numbers - (1 << n_bits)).astype(np.int32)


def unfold(
    n_bits: NDArray[Any], rest: NDArray[Any], lows: NDArray[Any], sizes: NDArray[Any]
) -> NDArray[np.int32]:
    """Give the values back, [m] int32. `n_bits` must have passed `check_lengths`."""
    numbers = (1 << n_bits.astype(np.int64)) + rest
    half = numbers >> 1
    values: NDArray[np.int64] = np.where(numbers & 1, lows - 1 - half, lows + sizes - 2 + half)
    return values.astype(np.int32)


def check_lengths(n_bits: NDArray[Any]) -> None:
    """Raise DamagedFile if a decoded length is longer than any that `fold` gives."""
    if n_bits.size and int(n_bits.max()) > MAX_REST:
        raise DamagedFile(f"an escaped symbol has {n_bits.max()} bits: the file was changed, fetch it again")
