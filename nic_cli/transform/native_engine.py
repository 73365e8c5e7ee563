"""What both engines of native models share: how tiles of symbols are made of what a stream holds."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from nic_cli.arrays import Array
from nic_cli.transform.config import WORLD, ModelConfig
from nic_cli.transform.integers import Integers
from nic_cli.types import IndexArray, IntArray, Take

POSITIONS = 2048
"""Latents that the synthesis takes at a time: many enough for products, few enough for memory."""


class NativeEngine(ABC):
    """The transforms in floats of some library, and the scale network in integers."""

    exact = True  # tables follow from integers alone
    searched = True  # better latents than those of the analysis can be looked for
    rated = False  # the analysis is the same for every q, the synthesis too
    multiple, border = WORLD, "edge"  # what pictures are extended to, and with

    def __init__(self, config: ModelConfig, integers: Integers) -> None:
        self.config, self.integers = config, integers

    def symbols(self, take: Take, height: int, width: int, q: float) -> tuple[IntArray, IntArray]:
        """Take z and r of a tile of height x width latents, in integers alone."""
        z = take(self.z_tables(height // 4, width // 4, q))
        return z, take(self.integers(z, q))

    def z_tables(self, height: int, width: int, q: float) -> IndexArray:
        """Tables of a z of [height, width, hyper]: by channel, at the anchor of q nearest to it."""
        config = self.config
        step = round(config.q_top * 4096) // (config.q_anchors - 1)
        anchor = min((round(q * 4096) + step // 2) // step, config.q_anchors - 1)
        first = config.scales + anchor * config.hyper
        channels = np.arange(first, first + config.hyper, dtype=np.uint16)
        return np.broadcast_to(channels, (height, width, config.hyper))

    @abstractmethod
    def dequantise(self, z: IntArray, r: IntArray, q: float, b: float) -> Array:
        """Symbols of one tile -> latents [1, H, W, latent], gains undone."""
