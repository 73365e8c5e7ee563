"""A native model at work: strips of pixels to tiles of symbols, and the same way back.

Arrays go in and come out as numpy; the latent plane in between stays a tensor on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.transform.config import WORLD, ModelConfig
from nic_cli.transform.context_model import merged, phase_of
from nic_cli.transform.network import Network
from nic_cli.transform.row_streaming import taken
from nic_cli.transform.scale_network import Z_LIMIT, Integers
from nic_cli.types import START, IndexArray, IntArray, Notes, Origin, Symbols, Take

if TYPE_CHECKING:
    from nic_cli.transform.latent_optimisation import StepCallback, Window

R_LIMIT = 32767  # residuals are clamped to what an escape can say
POSITIONS = (
    2048  # latents that the synthesis takes at a time: many enough for products, few enough for memory
)


class Native:
    """The transforms in floats and the scale network in integers, on one device."""

    exact = True  # tables follow from integers alone
    searched = True  # better latents than those of the analysis can be looked for
    rated = False  # the analysis is the same for every q, the synthesis too
    multiple, border = WORLD, "edge"  # what pictures are extended to, and with

    def __init__(
        self, network: Network, integers: Integers, device: str, dtype: torch.dtype = torch.float32
    ) -> None:
        self.config: ModelConfig = network.config
        self.network = network.to(device, dtype).eval().requires_grad_(False)
        self.dtype = dtype
        self.integers, self.device = integers, device
        self.reach = self.network.synthesis.reach

    @torch.inference_mode()
    def analyse(self, strips: Iterable[NDArray[np.float32]], q: float, b: float) -> Iterator[Tensor]:
        """Strips [h, W, 3] in 0..1 -> strips of latents [1, h', W/16, latent] for realism b, ungained."""
        tensors = (
            torch.from_numpy(strip - np.float32(0.5)).to(self.device, self.dtype)[None] for strip in strips
        )
        yield from self.network.analysis.stream(tensors, b)

    @torch.inference_mode()
    def quantise(self, y: Tensor, q: float, b: float, hyper: IntArray | None = None) -> Symbols:
        """One tile of latents [1, H, W, latent], made for realism b -> its symbols at rate q.

        hyper: hyper-latents [H/4, W/4, hyper] to be taken instead of those that follow from y.
        """
        y = y * self.network.gains(self._tensor(q), self._tensor(b))[0]
        if hyper is None:
            z = self.network.hyper_analysis(y, self.dtype).round().clamp(-Z_LIMIT, Z_LIMIT)
        else:
            z = torch.from_numpy(hyper).to(self.device, self.dtype)[None]
        tables = self.integers(z, q)
        skipped = (tables < self.config.skip).to(self.device)
        residuals: list[Tensor] = []

        def reveal(phase: int, means: Tensor) -> Tensor:
            r = (phase_of(y, phase) - means).round().clamp(-R_LIMIT, R_LIMIT)
            residuals.append(r.masked_fill_(phase_of(skipped, phase), 0))
            return means + r

        features = self.network.hyper_synthesis(z, self._tensor(q), self.dtype)
        self.network.context(features, reveal)
        z_array = _integers(z)
        r_array = _integers(merged(residuals))
        z_tables = self._z_tables(z_array.shape[0], z_array.shape[1], q)
        return Symbols(z_array, r_array, ((z_tables, z_array), (_indices(tables), r_array)))

    def parse(
        self, take: Take, notes: Notes, height: int, width: int, q: float, b: float
    ) -> tuple[IntArray, IntArray, Callable[[], Tensor]]:
        """Take the symbols of a tile of height x width latents; its latents when called for."""
        z = take(self._z_tables(height // 4, width // 4, q))
        r = take(self._r_tables(z, q))
        return z, r, lambda: self.dequantise(z, r, q, b)

    def _z_tables(self, height: int, width: int, q: float) -> IndexArray:
        """Tables of a z of [height, width, hyper]: by channel, at the anchor of q nearest to it."""
        step = round(self.config.q_top * 4096) // (self.config.q_anchors - 1)
        anchor = min((round(q * 4096) + step // 2) // step, self.config.q_anchors - 1)
        first = self.config.scales + anchor * self.config.hyper
        return np.broadcast_to(
            np.arange(first, first + self.config.hyper, dtype=np.uint16), (height, width, self.config.hyper)
        )

    @torch.inference_mode()
    def _r_tables(self, z: IntArray, q: float) -> IndexArray:
        """Tables of the residuals, from the integers of z [h, w, hyper] alone: exact."""
        return _indices(self.integers(torch.from_numpy(z)[None], q))

    @torch.inference_mode()
    def dequantise(self, z: IntArray, r: IntArray, q: float, b: float) -> Tensor:
        """Symbols of one tile -> latents [1, H, W, latent], gains undone."""
        residuals = torch.from_numpy(r).to(self.device, self.dtype)[None]
        z_tensor = torch.from_numpy(z).to(self.device, self.dtype)[None]
        features = self.network.hyper_synthesis(z_tensor, self._tensor(q), self.dtype)
        _, y = self.network.context(features, lambda phase, means: means + phase_of(residuals, phase))
        latents: Tensor = y * self.network.gains(self._tensor(q), self._tensor(b))[1]
        return latents

    def search(
        self, window: Window, q: float, b: float, steps: int, seed: int, on_step: StepCallback
    ) -> Tensor:
        """Latents [1, H, W, latent] of a tile for which the whole costs less; see `search`."""
        from nic_cli.transform.latent_optimisation import search  # only the few who wait for it pay for it

        return search(self.network, window, q, b, steps, seed, on_step)

    @torch.inference_mode()
    def synthesise(
        self,
        strips: Iterable[Tensor],
        q: float,
        b_encoded: float,
        b_decoded: float,
        divisor: int = 1,
        origin: Origin = START,
    ) -> Iterator[NDArray[np.float32]]:
        """Strips of latents [1, h, W/16, latent] -> strips of pixels [h', W, 3] in about 0..1.

        b_encoded: the realism that the latents are made for; b_decoded: the one that the pixels shall have.
        divisor: so many times fewer latents are taken at a time. origin: for the noise of b over 0.5.
        """
        even = _even(strips, POSITIONS // divisor)
        for strip in self.network.synthesis.stream(even, b_encoded, b_decoded, q, origin):
            yield (strip[0] + 0.5).float().cpu().numpy()

    def _tensor(self, dial: float) -> Tensor:
        return torch.tensor([dial], device=self.device, dtype=self.dtype)


def _even(strips: Iterable[Tensor], positions: int) -> Iterator[Tensor]:
    """The same rows in strips of about so many latents each, whatever they came in."""
    held: list[Tensor] = []
    for strip in strips:
        rows = max(1, positions // strip.shape[2])
        held.append(strip)
        while sum(part.shape[1] for part in held) > rows:
            yield taken(held, rows)
    if held:
        yield torch.cat(held, 1)


def _integers(x: Tensor) -> IntArray:
    """[1, h, w, C] -> [h, w, C] int32."""
    return np.ascontiguousarray(x[0].cpu().numpy().astype(np.int32))


def _indices(tables: Tensor) -> IndexArray:
    return tables[0].cpu().numpy()
