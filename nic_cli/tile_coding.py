"""One tile between its latents and the bytes that they are stored as."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nic_cli.arrays import Array
from nic_cli.container.table_notes import pack_notes, unpack_notes
from nic_cli.entropy import coder
from nic_cli.errors import DamagedFile
from nic_cli.types import Header, IntArray, Notes, Region, Symbols, TileStream

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model


def code(symbols: Symbols, model: Model) -> TileStream:
    """The stream of a tile."""
    payload = coder.encode(symbols.parts, model.tables)
    if not model.exact:
        payload = pack_notes(symbols.notes) + payload
    return TileStream(payload, _crc(symbols.z, symbols.r))


def parse(
    stream: TileStream, region: Region, header: Header, model: Model, engine: Any
) -> Callable[[], Array]:
    """The latents of a tile, [1, h, w, C], when called for; its symbols are checked here."""
    payload = stream.payload
    notes: Notes = ()
    if not model.exact:
        notes, payload = unpack_notes(payload, region.height * region.width * model.config.latent)
    decoder = coder.Decoder(payload, model.tables)
    z, r, latents = engine.parse(decoder.take, notes, region.height, region.width, header.q, header.b)
    decoder.finish()
    if _crc(z, r) != stream.symbols_crc:
        raise DamagedFile(
            f"the tile at {region.x * 16},{region.y * 16} decodes to other symbols than were encoded: "
            "its bytes are sound, so this machine's arithmetic differs; try --device cpu and report it"
        )
    there: Callable[[], Array] = latents
    return there


def _crc(z: IntArray, r: IntArray) -> int:
    """CRC-32 of z, then r, each as little-endian 32-bit integers in raster order, channel fastest."""
    return zlib.crc32(r.astype("<i4").tobytes(), zlib.crc32(z.astype("<i4").tobytes()))
