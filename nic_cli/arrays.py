"""What numpy and torch spell differently, for code that is of both: arrays here are either.

torch is never imported: whoever passes its tensors has it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any
"""A numpy array, or a torch tensor on any device."""


def empty(like: Array, *shape: int) -> Array:
    """Room of this shape, of the type and on the device of another array."""
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def copied(x: Array) -> Array:
    """The same values in memory of their own, contiguous."""
    return (
        x.copy()
        if isinstance(x, np.ndarray)
        else x.clone(memory_format=sys.modules["torch"].contiguous_format)
    )


def joined(parts: Sequence[Array], axis: int) -> Array:
    """The parts one after the other along an axis."""
    first = parts[0]
    return (
        np.concatenate(parts, axis)
        if isinstance(first, np.ndarray)
        else sys.modules["torch"].cat(parts, axis)
    )


def turned(x: Array, *axes: int) -> Array:
    """The same values, a view, with the axes in another order."""
    return x.transpose(axes) if isinstance(x, np.ndarray) else x.permute(axes)
