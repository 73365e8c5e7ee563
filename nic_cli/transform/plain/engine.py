"""A native model at work without torch: on a CPU, in float32, for what is done before torch is imported.

The same layers in the same order as `native`, with values that differ in about the sixth digit. Its
symbols are read by integers, so they are the same; pixels are within one level of 255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.arrays import Array
from nic_cli.transform.config import MIDDLE, R_LIMIT, Z_LIMIT, ModelConfig
from nic_cli.transform.integers import Integers
from nic_cli.transform.layer_order import (
    PHASES,
    AnalysisLayers,
    SynthesisLayers,
    analysed,
    shuffle,
    synthesised,
    unshuffle,
)
from nic_cli.transform.native_engine import POSITIONS, NativeEngine
from nic_cli.transform.plain.layers import Block, framed, neighbours, product, unframed
from nic_cli.transform.plain.noise import Injected
from nic_cli.transform.plain.products import Floats
from nic_cli.transform.plain.weights import Weights, interpolate
from nic_cli.transform.row_streaming import even
from nic_cli.types import START, IntArray, Origin, Symbols


class PlainNative(NativeEngine):
    """The transforms in numpy."""

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]], integers: Integers) -> None:
        super().__init__(config, integers)
        self._weights = Weights(tensors)
        self._hypers: dict[str, dict[str, Callable[[Floats], Floats]]] = {}
        self._analysis_at = lru_cache(2)(self._analysis)  # at the realisms used last
        self._synthesis_at = lru_cache(2)(self._synthesis)

    # -- pixels to symbols ---------------------------------------------------------------------

    def analyse(self, strips: Iterable[Floats], q: float, b: float) -> Iterator[Floats]:
        """Strips [h, W, 3] in 0..1 -> strips of latents [1, h', W/16, latent] for realism b, ungained."""
        return analysed(((strip - np.float32(0.5))[None] for strip in strips), self._analysis_at(b))

    def _analysis(self, b: float) -> AnalysisLayers:
        config = self.config
        return AnalysisLayers(
            stem=self._framed("analysis.stem"),
            fine=[
                self._weights.conditioned(f"analysis.fine.{i}", b).rows
                for i in range(config.analysis_fine_depth)
            ],
            down=self._framed("analysis.down"),
            coarse=[
                self._weights.conditioned(f"analysis.coarse.{i}", b).rows
                for i in range(config.analysis_coarse_depth)
            ],
            tail=self._dense("analysis.tail"),
            skip=self._dense("analysis.skip"),
            without_room=unframed,
        )

    def quantise(self, y: Array, q: float, b: float) -> Symbols:
        """One tile of latents [1, H, W, latent], made for realism b -> its symbols at rate q."""
        y = y * self._gains("inward", q, b)
        z = np.clip(np.rint(self._hyper_analysis(y)), -Z_LIMIT, Z_LIMIT)
        z_array = np.ascontiguousarray(z[0].astype(np.int32))
        tables = self.integers(z_array, q)
        skipped = (tables < self.config.skip)[None]
        r = np.empty(y.shape, np.int32)

        def reveal(phase: int, means: Floats) -> Floats:
            row, column = PHASES[phase]
            found = np.clip(np.rint(y[:, row::2, column::2] - means), -R_LIMIT, R_LIMIT)
            found[skipped[:, row::2, column::2]] = 0
            r[:, row::2, column::2] = found
            latents: Floats = means + found
            return latents

        self._context(self._features(z, q), reveal)
        z_tables = self.z_tables(z_array.shape[0], z_array.shape[1], q)
        return Symbols(z_array, r[0], ((z_tables, z_array), (tables, r[0])))

    # -- symbols to pixels ---------------------------------------------------------------------

    def dequantise(self, z: IntArray, r: IntArray, q: float, b: float) -> Floats:
        """Symbols of one tile -> latents [1, H, W, latent], gains undone."""
        residuals = r.astype(np.float32)[None]

        def reveal(phase: int, means: Floats) -> Floats:
            row, column = PHASES[phase]
            return means + residuals[:, row::2, column::2]

        y = self._context(self._features(z.astype(np.float32)[None], q), reveal)
        y *= self._gains("outward", q, b)
        return y

    def synthesise(
        self,
        strips: Iterable[Array],
        q: float,
        b_encoded: float,
        b_decoded: float,
        divisor: int = 1,
        origin: Origin = START,
    ) -> Iterator[Floats]:
        """Strips of latents [1, h, W/16, latent] -> strips of pixels [h', W, 3] in about 0..1.

        See `native.Native.synthesise`.
        """
        noise = None
        if self.config.noise and b_decoded > MIDDLE:
            place = origin.seed, 2 * origin.y, 2 * origin.x
            noise = Injected(self._weights, "synthesis.realism", q, b_decoded, *place)
        layers = self._synthesis_at(b_encoded, b_decoded)(noise)
        for strip in synthesised(even(strips, POSITIONS // divisor), layers):
            strip += np.float32(0.5)
            yield strip[0]

    def _synthesis(self, b_encoded: float, b_decoded: float) -> Callable[[Injected | None], SynthesisLayers]:
        weights, config = self._weights, self.config

        def blocks(part: str, depth: int) -> list[Callable[[Floats], Floats]]:
            names = (f"synthesis.{part}.{i}" for i in range(depth))
            return [weights.conditioned(name, b_encoded, b_decoded).rows for name in names]

        stem, up, skip = (
            self._framed("synthesis.stem"),
            self._dense("synthesis.up"),
            self._dense("synthesis.skip"),
        )
        coarse, fine = (
            blocks("coarse", config.synthesis_coarse_depth),
            blocks("fine", config.synthesis_fine_depth),
        )
        tail = weights.tail("synthesis.tail", b_decoded).rows
        return lambda noise: SynthesisLayers(
            stem, coarse, up, noise, fine, tail, skip, with_room=framed, without_room=unframed
        )

    # -- tiles ---------------------------------------------------------------------------------

    def _gains(self, name: str, q: float, b: float) -> Floats:
        anchors = interpolate(self._weights(f"gains.{name}"), b, 1.0)
        gains: Floats = np.exp(interpolate(anchors, q, self.config.q_top))
        return gains

    def _hyper_analysis(self, y: Floats) -> Floats:
        part = self._hyper("hyper_analysis", ("stem", "down", "tail"))
        h = part["down"](unshuffle(part["fine"](part["stem"](y)), 2))
        return part["tail"](unshuffle(part["coarse"](h), 2))

    def _features(self, z: Floats, q: float) -> Floats:
        part = self._hyper("hyper_synthesis", ("stem", "up"))
        h = part["stem"](z) + interpolate(self._weights("hyper_synthesis.q_bias"), q, self.config.q_top)
        h = part["up"](part["coarse"](shuffle(h, 2)))
        return part["fine"](shuffle(h, 2))

    def _hyper(self, name: str, dense: tuple[str, ...]) -> dict[str, Callable[[Floats], Floats]]:
        if name not in self._hypers:
            blocks = {part: self._weights.block(f"{name}.{part}").whole for part in ("fine", "coarse")}
            self._hypers[name] = blocks | {part: self._dense(f"{name}.{part}") for part in dense}
        return self._hypers[name]

    @cached_property
    def _steps(self) -> list[_Step]:
        return [
            _Step(self._weights, f"context.steps.{i}", self.config.context_depth if i else 0)
            for i in range(len(PHASES))
        ]

    def _context(self, features: Floats, reveal: Callable[[int, Floats], Floats]) -> Floats:
        """Latents [1, H, W, latent], in the phases of `context_model`."""
        found = np.empty((*features.shape[:3], self.config.latent), np.float32)
        seen: list[Floats] = []
        for phase, (row, column) in enumerate(PHASES):
            means = self._steps[phase](np.ascontiguousarray(features[:, row::2, column::2]), seen)
            seen.append(reveal(phase, means))
            found[:, row::2, column::2] = seen[-1]
        return found

    def _dense(self, name: str) -> Callable[[Floats], Floats]:
        weight, bias = self._weights.dense(name)
        return lambda x: product(x, weight, bias)

    def _framed(self, name: str) -> Callable[[Floats], Floats]:
        weight, bias = self._weights.dense(name)
        return lambda x: framed(product(x, weight, bias))


class _Step:
    """`context_model.Step`: means of one phase from the features there and the latents of earlier phases."""

    def __init__(self, weights: Weights, name: str, depth: int) -> None:
        self._reduce = weights.dense(f"{name}.reduce") if weights.has(f"{name}.reduce.weight") else None
        self._stem, self._tail = weights.dense(f"{name}.stem"), weights.dense(f"{name}.tail")
        self._blocks: list[Block] = [weights.block(f"{name}.blocks.{i}") for i in range(depth)]
        self._linear = weights(f"{name}.linear") if self._reduce else None

    def __call__(self, features: Floats, before: list[Floats]) -> Floats:
        """features: [1, h, w, hyper_fine]; before: phases [1, h, w, latent] -> means."""
        h = features
        if self._reduce is not None:
            h = np.concatenate((h, product(np.concatenate(before, 3), *self._reduce)), 3)
        h = product(h, *self._stem)
        for block in self._blocks:
            h = block.whole(h)
        means = product(h, *self._tail)
        if self._linear is not None:
            around = neighbours(np.concatenate(before, 3), self._linear)
            means += around.reshape(*around.shape[:3], len(before), -1).sum(3)
        return means
