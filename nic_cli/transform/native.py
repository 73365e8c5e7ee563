"""A native model at work in torch: strips of pixels to tiles of symbols, and the same way back.

Arrays go in and come out as numpy; the latent plane in between stays a tensor on the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.transform.config import R_LIMIT, Z_LIMIT, ModelConfig
from nic_cli.transform.context_model import merged, phase_of
from nic_cli.transform.initial import unfilled
from nic_cli.transform.integers import Integers
from nic_cli.transform.native_engine import POSITIONS, NativeEngine
from nic_cli.transform.network import Network
from nic_cli.transform.row_streaming import even
from nic_cli.types import START, IntArray, Origin, Symbols

if TYPE_CHECKING:
    from nic_cli.transform.latent_optimisation import StepCallback, Window


def filled(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> Network:
    """The network with the float tensors of a model file; what only training needs has no values."""
    with unfilled():
        network = Network(config)
    given = {name: torch.from_numpy(t.astype(np.float32)) for name, t in tensors.items()}
    network.load_state_dict(given, strict=False, assign=True)
    return network


class Native(NativeEngine):
    """The transforms in floats on one device.

    fast: what the deep branch of the synthesis is computed in, for large pictures; see `precision`.
    """

    def __init__(
        self,
        network: Network,
        integers: Integers,
        device: str,
        dtype: torch.dtype = torch.float32,
        fast: torch.dtype | None = None,
    ) -> None:
        super().__init__(network.config, integers)
        for part in ("scales", "prior"):  # integers and tables stand for them
            if hasattr(network, part):
                delattr(network, part)
        self.network = network.to(device, dtype).eval().requires_grad_(False)
        self.dtype, self.fast, self.device = dtype, fast or dtype, device

    @torch.inference_mode()
    def analyse(self, strips: Iterable[NDArray[np.float32]], q: float, b: float) -> Iterator[Tensor]:
        """Strips [h, W, 3] in 0..1 -> strips of latents [1, h', W/16, latent] for realism b, ungained."""
        tensors = (
            torch.from_numpy(strip - np.float32(0.5)).to(self.device, self.dtype)[None] for strip in strips
        )
        yield from self.network.analysis.stream(tensors, b, self.fast)

    @torch.inference_mode()
    def quantise(self, y: Tensor, q: float, b: float, hyper: IntArray | None = None) -> Symbols:
        """One tile of latents [1, H, W, latent], made for realism b -> its symbols at rate q.

        hyper: hyper-latents [H/4, W/4, hyper] to be taken instead of those that follow from y.
        """
        y = y * self.network.gains(self._tensor(q), self._tensor(b))[0]
        if hyper is None:
            z = self.network.hyper_analysis(y, self.dtype).round().clamp(-Z_LIMIT, Z_LIMIT)
            hyper = _integers(z)
        else:
            z = torch.from_numpy(hyper).to(self.device, self.dtype)[None]
        tables = self.integers(hyper, q)
        skipped = torch.from_numpy(tables < self.config.skip).to(self.device)[None]
        residuals: list[Tensor] = []

        def reveal(phase: int, means: Tensor) -> Tensor:
            r = (phase_of(y, phase) - means).round().clamp(-R_LIMIT, R_LIMIT)
            residuals.append(r.masked_fill_(phase_of(skipped, phase), 0))
            return means + r

        features = self.network.hyper_synthesis(z, self._tensor(q), self.dtype)
        self.network.context(features, reveal)
        r_array = _integers(merged(residuals))
        z_tables = self.z_tables(hyper.shape[0], hyper.shape[1], q)
        return Symbols(hyper, r_array, ((z_tables, hyper), (tables, r_array)))

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
        synthesis, rows = self.network.synthesis, even(strips, POSITIONS // divisor)
        for strip in synthesis.stream(rows, b_encoded, b_decoded, q, origin, self.fast):
            yield (strip[0] + 0.5).float().cpu().numpy()

    def _tensor(self, dial: float) -> Tensor:
        return torch.tensor([dial], device=self.device, dtype=self.dtype)


def _integers(x: Tensor) -> IntArray:
    """[1, h, w, C] -> [h, w, C] int32."""
    return np.ascontiguousarray(x[0].cpu().numpy().astype(np.int32))
