"""Work that runs out of memory is begun anew with fewer rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nic_cli.terminal import failures

FINEST = 64

T = TypeVar("T")


def with_less_memory(work: Callable[[int], T], warn: Callable[[str], None]) -> T:
    """Do `work`, which takes so many times fewer rows at a time as it is told: 1, then 2, up to 64.

    Says so once. Raises whatever it raises, lack of memory at last too.
    """
    divisor = 1
    while True:
        try:
            return work(divisor)
        except Exception as error:
            if not failures.is_out_of_memory(error) or divisor == FINEST:
                raise
        if divisor == 1:  # outside, where what the failed work held is free
            warn("not enough memory: going on with fewer rows at a time")
        divisor *= 2
