"""What weights are when a network is made: random, or nothing where a file is to fill them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_empty: ContextVar[bool] = ContextVar("_empty", default=False)


@contextmanager
def unfilled() -> Iterator[None]:
    """Networks are made with room for their weights only, for a file to fill.

    torch's own way, the device "meta", takes 1.4 s the first time that something random is made there: it
    imports torch's compiler and sympy, 822 modules of 2.13.
    """
    token = _empty.set(True)
    try:
        yield
    finally:
        _empty.reset(token)


def is_unfilled() -> bool:
    """Whether networks are made without values."""
    return _empty.get()


def normal(*shape: int, deviation: float = 1.0) -> Tensor:
    """Random weights to start a training from, or room for those of a file."""
    return torch.empty(shape) if is_unfilled() else torch.randn(shape) * deviation
