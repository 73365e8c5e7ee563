"""Latent optimisation of a picture, tile by tile: better latents are kept where they cost less.

    tiles -> coded plainly, two rows of them at hand -> windows with a halo -> search -> coded again

Each window is searched with its neighbours as they are coded plainly, so that windows do not depend on
their order. Of two that are searched at once, large ones are looked at in smaller parts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nic_cli.arrays import Array
from nic_cli.limits import SEARCH_STEPS
from nic_cli.tile_coding import code
from nic_cli.tiles import halo
from nic_cli.tiles.grid import LATENT, Grid, extended
from nic_cli.tiles.strips import Progress
from nic_cli.transform.conditioning import lambda_of
from nic_cli.transform.config import MIDDLE
from nic_cli.transform.latent_optimisation import REACH, Distortion, Window
from nic_cli.transform.native import Native
from nic_cli.types import Header, IndexArray, IntArray, Region, Symbols, TileStream

if TYPE_CHECKING:
    from torch import Tensor

    from nic_cli.zoo.load import Model

CONCURRENT_FROM = 4  # threads from which on two windows are searched at once


@dataclass(frozen=True, slots=True)
class _Plain:
    """A tile coded without a search."""

    region: Region
    y: Tensor
    z: IntArray
    tables: IndexArray
    stream: TileStream


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of tiles, and the latents [1, h, W, C] that a decoder has of it."""

    tiles: list[_Plain]
    plane: Tensor


class TileOptimiser:
    """The search over all tiles of a picture, as one object for the threads that share it."""

    def __init__(
        self, model: Model, header: Header, effort: int, coder: Any, progress: Progress | None
    ) -> None:
        """coder: the engine that this picture takes without a search, for a start from those very symbols."""
        if not isinstance(model.engine, Native):
            raise TypeError("the model says that it cannot be searched")
        self._model, self._engine, self._coder, self._header = model, model.engine, coder, header
        self._steps, self._dials = SEARCH_STEPS[effort], (header.q, header.b)
        self._grid = Grid(header.width, header.height, header.tile)
        several = (
            torch.get_num_threads() >= CONCURRENT_FROM and model.device == "cpu" and self._grid.count > 1
        )
        self._concurrent = 2 if several else 1
        self._progress, self._done, self._lock = progress, 0, threading.Lock()
        self._ended = False

    def __call__(self, tiles: Iterator[Array], pixels: halo.Kept) -> Iterator[TileStream]:
        """Tiles of latents [1, h, w, C] in raster order, and rows that they come from -> their streams."""
        threads = torch.get_num_threads()
        workers = self._concurrent
        pool = ThreadPoolExecutor(workers, "search", torch.set_num_threads, (threads // workers,))
        number, above = 0, None
        rows = (self._row(regions, tiles) for regions in self._grid.rows())
        try:
            here = next(rows, None)
            while here is not None:
                below = next(rows, None)
                planes = (above, here.plane, below.plane if below else None)
                seen = partial(self._window, planes, pixels)
                numbers = range(number, number + len(here.tiles))
                # Alone, in this thread: another one's memory is given back after each step, which takes a
                # third longer.
                each = pool.map if workers > 1 else map
                yield from each(partial(self._better, seen), here.tiles, numbers)
                pixels.forget(LATENT * (here.tiles[0].region.y + here.plane.shape[1] - REACH))
                number, above, here = numbers.stop, here.plane[:, -REACH:].clone(), below
        finally:
            self._ended = True
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)

    def _row(self, regions: list[Region], tiles: Iterator[Array]) -> _Row:
        coded, latents = [], []
        for region, y in zip(regions, tiles, strict=False):
            symbols = self._coder.quantise(y, *self._dials)
            stream, start = code(symbols, self._model), torch.as_tensor(y, device=self._engine.device)
            coded.append(_Plain(region, start, symbols.z, symbols.parts[1][0], stream))
            latents.append(self._latents(symbols))
        return _Row(coded, torch.cat(latents, 2))

    def _window(
        self, planes: tuple[Tensor | None, Tensor, Tensor | None], pixels: halo.Kept, tile: _Plain
    ) -> Window:
        region, width = tile.region, planes[1].shape[2]
        around = halo.grown(region, REACH, width, extended(self._header.height) // LATENT)
        latents = torch.cat(halo.seen(planes, region.y, around), 1)
        place = region.y - around.y, region.x - around.x
        return Window(
            tile.y, tile.z, tile.tables, latents, *place, halo.pixels_of(pixels, around), self._concurrent
        )

    def _better(self, seen: Callable[[_Plain], Window], tile: _Plain, number: int) -> TileStream:
        """The stream of a tile after the search, or of before if that costs less."""
        engine, window = self._engine, seen(tile)
        y = engine.search(window, *self._dials, self._steps, number, self._tell)
        symbols = engine.quantise(y, *self._dials, tile.z)
        found = code(symbols, self._model)
        distortion = Distortion(torch.tensor(window.wanted)[None], self._header.b)
        before = self._cost(distortion, tile.stream, window.around)
        after = self._cost(distortion, found, window.with_tile(self._latents(symbols)))
        return found if after < before else tile.stream

    def _cost(self, distortion: Distortion, stream: TileStream, latents: Tensor) -> float:
        """Bits that are stored, and the distortion that a decoder will show up to b = 0.5, in bits."""
        q, b = self._dials
        rows = np.concatenate(list(self._engine.synthesise([latents], q, b, min(b, MIDDLE))))
        error = distortion(torch.from_numpy(rows.clip(0, 1))[None])
        return float(8 * len(stream.payload) + lambda_of(torch.tensor(q)) * error)

    def _latents(self, symbols: Symbols) -> Tensor:
        return self._engine.dequantise(symbols.z, symbols.r, *self._dials)

    def _tell(self) -> None:
        """Count a step; end the thread that made it if nobody waits for it any more."""
        if self._ended:
            raise CancelledError
        if self._progress is not None:
            with self._lock:
                self._done += 1
                self._progress(self._done, self._steps * self._grid.count)
