"""One tile between its latents and the bytes that they are stored as."""

from __future__ import annotations

import zlib
from collections.abc import Callable, MutableMapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from nic_cli.arrays import Array
from nic_cli.container import file
from nic_cli.container.fields import REMEDY
from nic_cli.container.table_notes import pack_notes, unpack_notes
from nic_cli.entropy import coder
from nic_cli.errors import DamagedFile, ModelError
from nic_cli.tiles.grid import HYPER, LATENT, MOST_LATENTS, Grid
from nic_cli.transform.config import Z_LIMIT
from nic_cli.types import Container, Header, IntArray, Notes, Region, Symbols, TileStream

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model

Kept = MutableMapping[Region, Array]
"""Latents of tiles, by where they lie."""


def code(symbols: Symbols, model: Model) -> TileStream:
    """The stream of a tile."""
    payload = coder.encode(symbols.parts, model.tables)
    if not model.exact:
        payload = pack_notes(symbols.notes) + payload
    return TileStream(payload, _crc(symbols.z, symbols.r))


def parse(
    stream: TileStream,
    region: Region,
    header: Header,
    model: Model,
    engine: Callable[[], Any],
    kept: Kept | None = None,
) -> Callable[[], Array]:
    """The latents of a tile, [1, h, w, C], when called for; its symbols are checked here.

    engine: gives what makes latents of symbols. If integers are enough for these, it is not asked before, so
    that a damaged file costs little. kept: where those of another time are, and where these go.
    """
    if kept is not None:
        found = kept.get(region)
        if found is not None:
            return lambda: found
        made = parse(stream, region, header, model, engine)

        def keeping() -> Array:
            kept[region] = there = made()
            return there

        return keeping
    payload = stream.payload
    notes: Notes = ()
    if not model.exact:
        notes, payload = unpack_notes(payload, region.height * region.width * model.config.latent)
    decoder = coder.Decoder(payload, model.tables)
    q, b = header.q, header.b
    if model.exact:
        z, r = (model.plain or engine()).symbols(decoder.take, region.height, region.width, q)
        if int(np.abs(z).max()) > Z_LIMIT:  # no encoder makes it, and sums over it need not be exact
            raise DamagedFile(f"a tile has hyper-latents beyond {Z_LIMIT}: {REMEDY}")
        latents = lambda: engine().dequantise(z, r, q, b)  # noqa: E731
    else:
        z, r, latents = engine().parse(decoder.take, notes, region.height, region.width, q, b)
    decoder.finish()
    if _crc(z, r) != stream.symbols_crc:
        raise DamagedFile(
            f"the tile at {region.x * 16},{region.y * 16} decodes to other symbols than were encoded: "
            "its bytes are sound, so this machine's arithmetic differs; try --device cpu and report it"
        )
    there: Callable[[], Array] = latents
    return there


def readable(container: Container, model: Model) -> Grid:
    """The tiles of a file, none of which asks for more than its bytes and a decoder have.

    Raises ModelError (another model) and DamagedFile.
    """
    header = container.header
    if header.model_id != model.id:
        raise ModelError(
            f"made with model {header.model} ({header.model_id.hex()}), not {model.name} ({model.id.hex()}): "
            "name the folder of that model, as NIC_MODEL or model="
        )
    if header.q > model.config.q_top:
        raise DamagedFile(
            f"q is {header.q:g}, and model {model.name} goes to {model.config.q_top:g}: {REMEDY}"
        )
    grid = Grid(header.width, header.height, header.tile)
    if grid.most_latents > MOST_LATENTS:
        raise DamagedFile(f"a tile of {grid.most_latents} latents, and {MOST_LATENTS} are the most: {REMEDY}")
    if model.plain is not None:
        least = float(model.tables.least[model.plain.z_tables(1, 1, header.q)].sum())
        _check_paid(file.payload_sizes(container), grid, least)
    return grid


def _check_paid(sizes: list[int], grid: Grid, least: float) -> None:
    """Raise DamagedFile if a payload is too short for the z of its tile, of `least` bits a position."""
    for n_bytes, tile in zip(sizes, chain.from_iterable(grid.rows()), strict=True):
        if not coder.affords(8 * n_bytes, least * tile.height * tile.width / (HYPER // LATENT) ** 2):
            raise DamagedFile(
                f"the tile at {tile.x * LATENT},{tile.y * LATENT} has {n_bytes} bytes, too few for "
                f"{tile.width * LATENT} x {tile.height * LATENT} pixels: {REMEDY}"
            )


def _crc(z: IntArray, r: IntArray) -> int:
    """CRC-32 of z, then r, each as little-endian 32-bit integers in raster order, channel fastest."""
    first, then = (np.ascontiguousarray(part, "<i4").data for part in (z, r))
    return zlib.crc32(then, zlib.crc32(first))
