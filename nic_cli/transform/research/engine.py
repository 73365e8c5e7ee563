"""A research system at work: pixels to symbols and back, exactly enough for other machines.

Its networks are floats, and what table a symbol is coded with follows from them. So they run in float64
on the CPU, where machines differ in the 13th digit; and where a scale lies so near to a step of the table
that this could matter, the encoder notes which table it took. Symbol checksums show whatever is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.errors import ModelError
from nic_cli.transform.research.density import SCALES, scale_table
from nic_cli.transform.research.systems import SYSTEMS, System
from nic_cli.transform.research.windows import banded
from nic_cli.types import START, IndexArray, IntArray, Notes, Origin, Symbols, Take

LIMIT = 32767  # what an escape can say
MARGIN = 1e-8  # of a scale: a hundred thousand times what float64 differs by between machines
AREA = 2**20  # pixels of a window without what it sees around it, about
UNKNOWN = 255


class Engine:
    """One system on one device."""

    exact = False  # tables follow from floats: tiles carry notes
    searched = False  # in float64, through coding tables that take no gradients

    def __init__(self, kind: str, members: Sequence[Callable[[], System]], device: str) -> None:
        """members: what loads each checkpoint; several are one each whole q, and one is held at a time."""
        self.members, self.device = members, device
        self.held: tuple[int, System] | None = None
        self.edges = scale_table().double().numpy()
        system = SYSTEMS[kind]
        self.multiple, self.border = system.multiple, system.border
        self.rated = system.rated or len(members) > 1

    def system(self, q: float) -> System:
        """The one that codes at rate q."""
        index = self._member(q)
        if self.held is None or self.held[0] != index:
            self.held = None  # its memory is free before the next one comes
            system = self.members[index]().eval().requires_grad_(False).to(self.device)
            system.widen()
            self.held = index, system
        return self.held[1]

    def _member(self, q: float) -> int:
        return min(round(q), len(self.members) - 1) if len(self.members) > 1 else 0

    @torch.inference_mode()
    def analyse(self, strips: Iterable[NDArray[np.float32]], q: float, b: float) -> Iterator[Tensor]:
        """Strips [h, W, 3] in 0..1 -> strips of latents [1, h', W/16, latent]."""
        tensors = (torch.from_numpy(np.ascontiguousarray(strip)).to(self.device)[None] for strip in strips)
        system = self.system(q)
        run = _channels_first(lambda x: system.encode(x, q))
        found = banded(tensors, run, 16, system.encoder_reach, AREA)
        return iter([_mirrored(torch.cat(list(found), 1))]) if system.mirrors else found

    def quantise(self, y: Tensor, q: float, b: float) -> Symbols:
        """One tile of latents [1, h, w, latent] -> its symbols at rate q."""
        return self.coded(y, q)[0]

    @torch.inference_mode()
    def coded(self, y: Tensor, q: float) -> tuple[Symbols, Tensor]:
        """One tile of latents [1, h, w, latent] -> its symbols at rate q, and what they decode to."""
        system = self.system(q)
        _, height, width, channels = y.shape
        medians = system.medians[None, :, None, None].cpu()
        z = system.hyper_latents(y.permute(0, 3, 1, 2)).cpu() - medians
        z = system.rounded(z).clamp(-LIMIT, LIMIT)
        rows = y.reshape(-1, channels).cpu()
        r = np.zeros((height * width, channels), np.int32)
        notes = np.full(r.shape, UNKNOWN, np.uint8)
        z_array = _integers(z)
        parts: list[tuple[IndexArray, IntArray]] = [(self._z_tables(z_array.shape, q), z_array)]
        gain, first = system.gain(q), self._first(q)

        def reveal(positions: Tensor | slice, channels: slice, means: Tensor, scales: Tensor) -> Tensor:
            symbols = (rows[positions, channels].to(means.dtype) - means) * gain
            symbols = system.rounded(symbols).clamp(-LIMIT, LIMIT)
            tables, doubtful = self._indices(scales)
            place = np.ix_(_places(positions, len(rows)), np.arange(rows.shape[1])[channels])
            r[place] = whole = symbols.numpy().astype(np.int32)
            notes[place] = np.where(doubtful, tables, UNKNOWN)
            parts.append((tables.astype(np.uint16) + first, whole))
            return symbols

        latents = system.latents(z.double() + medians.double(), q, reveal).permute(0, 2, 3, 1)
        places = np.flatnonzero(notes != UNKNOWN).tolist()
        noted = tuple((place, int(notes.reshape(-1)[place])) for place in places)
        symbols = Symbols(z_array, r.reshape(height, width, -1), tuple(parts), noted)
        return symbols, latents.to(self.device)

    @torch.inference_mode()
    def parse(
        self, take: Take, notes: Notes, height: int, width: int, q: float, b: float
    ) -> tuple[IntArray, IntArray, Callable[[], Tensor]]:
        """Take the symbols of a tile of height x width latents; latents [1, h, w, C] when called for."""
        system, first = self.system(q), self._first(q)
        z_array = take(self._z_tables((height // 4, width // 4, system.hyper), q))
        r = np.zeros((height * width, system.latent), np.int32)
        noted = np.full(r.size, UNKNOWN, np.uint8)
        noted[[place for place, _ in notes]] = [table for _, table in notes]
        noted = noted.reshape(r.shape)

        def reveal(positions: Tensor | slice, channels: slice, means: Tensor, scales: Tensor) -> Tensor:
            place = np.ix_(_places(positions, len(r)), np.arange(r.shape[1])[channels])
            tables, _ = self._indices(scales)
            tables = np.where(noted[place] == UNKNOWN, tables, noted[place])
            r[place] = symbols = take(tables.astype(np.uint16) + first)
            return torch.from_numpy(symbols).to(means.dtype)

        z = torch.from_numpy(z_array).permute(2, 0, 1)[None].double()
        z += system.medians[None, :, None, None].cpu()
        latents = system.latents(z, q, reveal).permute(0, 2, 3, 1)
        return z_array, r.reshape(height, width, -1), lambda: latents.to(self.device)

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

        divisor: so many times fewer latents are taken at a time. origin: of no use, these show no noise.
        """
        system = self.system(q)
        rows: Iterator[Tensor] = iter(strips)
        last = len(system.decoder_reach) - 1
        for part, reach in enumerate(system.decoder_reach):
            run = _channels_first(lambda x, part=part: system.decode(part, x, q, b_decoded))  # type: ignore[misc]
            rows = banded(rows, run, 1, reach, AREA // 256 // divisor * (1 if part == last else 4))
        for strip in rows:
            yield strip[0].float().cpu().numpy()

    def self_test(self) -> None:
        """Raise ModelError unless a small picture comes back from its symbols, at every checkpoint."""
        picture = np.random.default_rng(0).random((128, 128, 3), np.float32)
        for q in map(float, range(len(self.members))):
            y = torch.cat(list(self.analyse([picture], q, 0.0)), 1)
            symbols = self.quantise(y, q, 0.0)
            values = iter([values for _, values in symbols.parts])
            height, width = y.shape[1:3]
            _, r, latents = self.parse(lambda _, v=values: next(v), symbols.notes, height, width, q, 0.0)  # type: ignore[misc]
            pixels = np.concatenate(list(self.synthesise([latents()], q, 0.0, 0.0)))
            if not np.array_equal(r, symbols.r) or not np.isfinite(pixels).all():
                raise ModelError(f"the self-test fails at q {q:g}: these weights do not code a picture")

    def _first(self, q: float) -> int:
        """The first table of the checkpoint of q: each has those of scales, then those of z."""
        return self._member(q) * (SCALES + self.system(q).hyper)

    def _z_tables(self, shape: tuple[int, ...], q: float) -> IndexArray:
        first = self._first(q) + SCALES
        return np.broadcast_to(np.arange(first, first + shape[2], dtype=np.uint16), shape)

    def _indices(self, scales: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The first table not below each scale, and where a last digit could have made it another."""
        wide, edges = scales.numpy(), self.edges
        tables = np.searchsorted(edges[:-1], wide)
        nearest = np.minimum(np.abs(wide - edges[tables]), np.abs(wide - edges[np.maximum(tables - 1, 0)]))
        return tables.astype(np.uint8), nearest < MARGIN * np.maximum(np.abs(wide), 1)


def _places(positions: Tensor | slice, count: int) -> NDArray[np.intp]:
    return np.arange(count)[positions] if isinstance(positions, slice) else positions.numpy()


def _channels_first(run: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: run(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _mirrored(y: Tensor) -> Tensor:
    """[1, h, w, C] extended to multiples of 4 by reflection."""
    for axis in (1, 2):
        size = y.shape[axis]
        at = np.pad(np.arange(size), (0, -size % 4), "reflect")
        y = y[:, at] if axis == 1 else y[:, :, at]
    return y


def _integers(x: Tensor) -> IntArray:
    """[1, C, h, w] -> [h, w, C] int32."""
    return np.ascontiguousarray(x[0].permute(1, 2, 0).numpy().astype(np.int32))
