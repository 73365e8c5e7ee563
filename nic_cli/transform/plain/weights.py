"""The weights of a native model as the numpy engine wants them: floats by name, folded at given realisms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.transform.config import MIDDLE
from nic_cli.transform.plain.layers import Block, Tail
from nic_cli.transform.plain.products import Floats, Product
from nic_cli.transform.plain.threads import one_thread_a_product

PARTS = ("depthwise", "depthwise_bias", "expand", "expand_bias", "reduce", "reduce_bias")


def interpolate(anchors: Floats, at: float, top: float) -> Floats:
    """anchors: [A, ...] at 0..top -> [...], linear in between, as `conditioning.interpolate`."""
    last = len(anchors) - 1
    place = min(max(np.float32(at) / np.float32(top) * np.float32(last), np.float32(0)), np.float32(last))
    low = min(int(place), last - 1)
    part = np.float32(place - low)
    mixed: Floats = anchors[low] * (np.float32(1) - part) + anchors[low + 1] * part
    return mixed


class Weights:
    """Tensors of a model file, half precision as it is stored, widened as they are asked for."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors

    def __call__(self, name: str) -> Floats:
        """One tensor in float32."""
        return self._tensors[name].astype(np.float32)

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._tensors

    def dense(self, name: str) -> tuple[Product, Floats | None]:
        """The weight [inputs, outputs] of a dense layer, and its bias."""
        bias = self(f"{name}.bias") if self.has(f"{name}.bias") else None
        return Product(self(f"{name}.weight").T), bias

    def block(self, name: str) -> Block:
        """A block that knows no realism."""
        return Block([self(f"{name}.{part}") for part in PARTS])

    def conditioned(self, name: str, *b: float) -> Block:
        """A block at one realism for each axis of anchors, everything folded in: see `ConditionedBlock`."""
        kernel, bias, *rest = self._updated(name, b[-1])
        scale, shift = self(f"{name}.scale"), self(f"{name}.shift")
        for at in b:
            scale, shift = interpolate(scale, at, 1.0), interpolate(shift, at, 1.0)
        return Block([kernel * scale[:, None, None, None], bias * scale + shift, *rest])

    def tail(self, name: str, b: float) -> Tail:
        """The last layer at the realism shown."""
        weight, share = self(f"{name}.weight"), update_share(b)
        if share and self.has(f"{name}.realism.wide"):
            weight = weight + share * self._low_rank(f"{name}.realism").reshape(weight.shape)
        return Tail(weight, self(f"{name}.bias"))

    def _updated(self, name: str, b: float) -> Sequence[Floats]:
        weights, share = [self(f"{name}.block.{part}") for part in PARTS], update_share(b)
        update = f"{name}.realism"
        if not share or not self.has(f"{update}.depthwise"):
            return weights
        changes = [
            self._low_rank(f"{update}.{part}") if part in ("expand", "reduce") else self(f"{update}.{part}")
            for part in PARTS
        ]
        return [weight + share * change for weight, change in zip(weights, changes, strict=True)]

    def _low_rank(self, name: str) -> Floats:
        with one_thread_a_product():
            found: Floats = self(f"{name}.wide") @ self(f"{name}.narrow")
        return found


def update_share(b: float) -> np.float32:
    """As `low_rank.update_share`."""
    share = (np.float32(b) - np.float32(MIDDLE)) / np.float32(1 - MIDDLE)
    return np.float32(min(max(share, np.float32(0)), np.float32(1)))
