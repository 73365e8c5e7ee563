"""The recipe: a picture to a container and back, one line a stage.

    encode:  pixels -> strips -> latents -> tiles -> symbols -> streams -> container
    decode:  container -> streams -> symbols -> tiles -> latents -> strips -> pixels

Stages know nothing of each other; they meet here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import log
from typing import TYPE_CHECKING

from nic_cli.container import file
from nic_cli.container.layout import STEPS, quantise
from nic_cli.container.notes import pack_notes, unpack_notes
from nic_cli.entropy import coder
from nic_cli.errors import DamagedFile, ModelError, UsageError
from nic_cli.image.alpha import pack_alpha, unpack_alpha
from nic_cli.tiles import strips
from nic_cli.tiles.grid import Grid
from nic_cli.types import (
    Chunk,
    Container,
    Header,
    IntArray,
    Metadata,
    Notes,
    Picture,
    Region,
    TileStream,
)

if TYPE_CHECKING:
    from torch import Tensor

    from nic_cli.zoo.load import Model

Progress = Callable[[int, int], None]
TILE = 1024
USUAL_Q = 2.0
TRIES = 16  # of a search for a size; five or six are usual
NAMES = {"icc": b"iccp", "exif": b"exif", "xmp": b"xmpp"}
ALPHA = b"ALPH"


def encode(
    picture: Picture,
    model: Model,
    *,
    q: float | None = None,
    b: float = 0.75,
    tile: int = TILE,
    target_bytes: int | None = None,
    progress: Progress | None = None,
) -> Container:
    """Encode at rate q, or at the rate whose whole file comes closest under `target_bytes`.

    q: 0..model.config.q_top, None for 2 or the most that the model has. b: 0..1, the realism that the
    file is made for. tile: pixels, a multiple of 64.
    Raises UsageError on values out of range and on a size that even q = 0 exceeds.
    """
    q = min(USUAL_Q, model.config.q_top) if q is None else q
    _check(model, q, b, tile)
    grid = Grid(picture.width, picture.height, tile)
    header = _header(picture, model, quantise(q), quantise(b), tile)
    chunks = _chunks(picture)
    if target_bytes is not None:
        return _search(picture, header, chunks, model, target_bytes, progress)
    latents = _latents(picture, model, header, grid)
    tiles = tuple(_reported((_code(y, header, model) for y in latents), grid.count, progress))
    return Container(header, chunks, tiles)


def decode(
    container: Container, model: Model, *, b: float | None = None, progress: Progress | None = None
) -> Picture:
    """Decode at realism b (None: as the file says). Raises ModelError (another model), DamagedFile."""
    header = container.header
    _check(model, header.q, header.b if b is None else b, header.tile)
    grid = _grid(container, model)
    tiles = _reported(
        (_parse(t, r, header, model) for t, r in _placed(container, grid)), grid.count, progress
    )
    latents = (given() for given in tiles)
    shown = header.b if b is None else b
    rows = model.engine.synthesise(_joined(latents, grid), header.q, header.b, shown)
    pixels = strips.join(rows, header.width, header.height, header.channels, header.bit_depth)
    return _picture(pixels, container)


def verify(container: Container, model: Model, progress: Progress | None = None) -> int:
    """CRC-32 over the symbols' CRC-32s of all tiles, each checked; raises as `decode` does."""
    grid = _grid(container, model)
    tiles = (_parse(t, r, container.header, model) for t, r in _placed(container, grid))
    for _ in _reported(tiles, grid.count, progress):
        pass
    return zlib.crc32(b"".join(t.symbols_crc.to_bytes(4, "little") for t in container.tiles))


# -- one tile --------------------------------------------------------------------------------------


def _code(y: Tensor, header: Header, model: Model) -> TileStream:
    symbols = model.engine.quantise(y, header.q, header.b)
    payload = coder.encode(symbols.parts, model.tables)
    if not model.engine.exact:
        payload = pack_notes(symbols.notes) + payload
    return TileStream(payload, _crc(symbols.z, symbols.r))


def _parse(stream: TileStream, region: Region, header: Header, model: Model) -> Callable[[], Tensor]:
    """The latents of a tile, [1, h, w, C], when called for; its symbols are checked here."""
    payload = stream.payload
    notes: Notes = ()
    if not model.engine.exact:
        notes, payload = unpack_notes(payload, region.height * region.width * model.config.latent)
    decoder = coder.Decoder(payload, model.tables)
    z, r, latents = model.engine.parse(decoder.take, notes, region.height, region.width, header.q, header.b)
    decoder.finish()
    if _crc(z, r) != stream.symbols_crc:
        raise DamagedFile(
            f"the tile at {region.x * 16},{region.y * 16} decodes to other symbols than were encoded: "
            "its bytes are sound, so this machine's arithmetic differs; try --device cpu and report it"
        )
    return latents


def _crc(z: IntArray, r: IntArray) -> int:
    """CRC-32 of z, then r, each as little-endian 32-bit integers in raster order, channel fastest."""
    return zlib.crc32(r.astype("<i4").tobytes(), zlib.crc32(z.astype("<i4").tobytes()))


# -- the latent plane ------------------------------------------------------------------------------


def _latents(picture: Picture, model: Model, header: Header, grid: Grid) -> Iterator[Tensor]:
    """Tiles of latents of a picture, in raster order."""
    engine = model.engine
    rows = strips.split(picture.pixels, multiple=engine.multiple, border=engine.border)
    return _cut(engine.analyse(rows, header.q, header.b), grid)


def _cut(rows: Iterable[Tensor], grid: Grid) -> Iterator[Tensor]:
    """Strips of latents [1, h, W, C] -> tiles in raster order; holds one row of tiles."""
    held: list[Tensor] = []
    source = iter(rows)
    for regions in grid.rows():
        height = regions[0].height
        while sum(strip.shape[1] for strip in held) < height:
            held.append(next(source))
        plane = held[0].new_empty(1, sum(s.shape[1] for s in held), *held[0].shape[2:])
        at = 0
        for strip in held:
            plane[:, at : at + strip.shape[1]] = strip
            at += strip.shape[1]
        held = [plane[:, height:].clone()]
        for region in regions:
            yield plane[:, :height, region.x : region.x + region.width].contiguous()


def _joined(tiles: Iterator[Tensor], grid: Grid) -> Iterator[Tensor]:
    """Tiles in raster order -> strips of latents, a row of tiles each."""
    for regions in grid.rows():
        first = next(tiles)
        plane = first.new_empty(1, first.shape[1], regions[-1].x + regions[-1].width, first.shape[3])
        for region in regions:
            tile = first if region.x == 0 else next(tiles)
            plane[:, :, region.x : region.x + region.width] = tile
        yield plane


# -- the search for a size -------------------------------------------------------------------------


def _search(
    picture: Picture,
    header: Header,
    chunks: tuple[Chunk, ...],
    model: Model,
    target: int,
    progress: Progress | None,
) -> Container:
    """The file of at most `target` bytes that comes within half a percent of it, or the closest.

    Bytes rise with q about exponentially: guess on the logarithm between the nearest rates tried.
    Each try codes for real, so what is measured is what is returned.
    """
    grid = Grid(picture.width, picture.height, header.tile)
    kept = None if model.engine.rated else list(_latents(picture, model, header, grid))

    def coded(units: int) -> tuple[int, Container]:
        at = replace(header, q=units / STEPS)
        latents = _latents(picture, model, at, grid) if kept is None else kept
        container = Container(at, chunks, tuple(_code(y, at, model) for y in latents))
        return len(file.pack(container)), container

    low, high = 0, round(model.config.q_top * STEPS)
    (below, best), (above, most) = coded(low), coded(high)
    if below > target:
        raise UsageError(f"{target} bytes cannot be reached: at q 0 this picture takes {below}")
    if above <= target:
        best, low = most, high
    for tries in range(TRIES):
        if high - low <= 1 or below >= 0.995 * target:
            break
        part = log(0.9975 * target / below) / log(above / below)
        middle = low + round((high - low) * (part if tries % 3 < 2 else 0.5))
        middle = min(max(middle, low + 1), high - 1)
        size, container = coded(middle)
        if size <= target:
            low, below, best = middle, size, container
        else:
            high, above = middle, size
    if progress is not None:
        progress(grid.count, grid.count)
    return best


# -- what stands beside the tiles ------------------------------------------------------------------


def _check(model: Model, q: float, b: float, tile: int) -> None:
    if not 0 <= q <= model.config.q_top:
        raise UsageError(f"q is {q:g}: model {model.name} takes 0 to {model.config.q_top:g}")
    if not 0 <= b <= 1:
        raise UsageError(f"b is {b:g}: realism goes from 0 to 1")
    if tile % 64 or not 64 <= tile <= 64 * 255:
        raise UsageError(f"tile is {tile}: it takes a multiple of 64 up to {64 * 255}")


def _header(picture: Picture, model: Model, q: float, b: float, tile: int) -> Header:
    return Header(
        width=picture.width,
        height=picture.height,
        channels=picture.channels,
        bit_depth=picture.bit_depth,
        q=q,
        b=b,
        tile=tile,
        model=model.name,
        model_id=model.id,
        original_space=picture.original_space,
    )


def _chunks(picture: Picture) -> tuple[Chunk, ...]:
    said = [(kind, getattr(picture.metadata, name)) for name, kind in NAMES.items()]
    chunks = [Chunk(kind, data) for kind, data in said if data]
    if picture.alpha is not None:
        chunks.append(Chunk(ALPHA, pack_alpha(picture.alpha)))
    return tuple(chunks)


def _picture(pixels: object, container: Container) -> Picture:
    header, found = container.header, {chunk.kind: chunk.data for chunk in container.chunks}
    alpha = None
    if ALPHA in found:
        alpha = unpack_alpha(found[ALPHA], header.width, header.height, header.bit_depth)
    metadata = Metadata(**{name: found.get(kind, b"") for name, kind in NAMES.items()})
    original = header.original_space and bool(metadata.icc)
    return Picture(pixels, alpha, metadata, original)  # type: ignore[arg-type]


def _grid(container: Container, model: Model) -> Grid:
    header = container.header
    if header.model_id != model.id:
        raise ModelError(
            f"made with model {header.model} ({header.model_id.hex()}), not {model.name} ({model.id.hex()}): "
            "name the folder of that model, as NIC_MODEL or model="
        )
    return Grid(header.width, header.height, header.tile)


def _placed(container: Container, grid: Grid) -> Iterator[tuple[TileStream, Region]]:
    yield from zip(container.tiles, (region for row in grid.rows() for region in row), strict=True)


def _reported(items: Iterable, count: int, progress: Progress | None) -> Iterator:  # type: ignore[type-arg]
    for done, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(done, count)
