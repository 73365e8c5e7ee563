"""The recipe: a picture to a container and back, one line a stage.

    encode:  pixels -> strips -> latents -> tiles -> symbols -> streams -> container
             with effort, symbols of latents that a search found (tile_optimisation.py)
    decode:  container -> streams -> symbols -> tiles -> latents -> strips -> pixels

Stages know nothing of each other; they meet here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from nic_cli.arrays import Array
from nic_cli.container import file, layout
from nic_cli.container.layout import STEPS, quantise
from nic_cli.errors import DamagedFile, UsageError
from nic_cli.image.alpha import pack_alpha, unpack_alpha
from nic_cli.image.ancillary import gathered
from nic_cli.limits import HELD, MOST, SEARCH_STEPS, check_size
from nic_cli.rate_control import closest, filled
from nic_cli.tile_coding import Kept, code, parse, readable
from nic_cli.tiles import latent_plane, strips
from nic_cli.tiles.grid import HYPER, LARGEST, LATENT, Grid, Placed, extended
from nic_cli.tiles.strips import Progress
from nic_cli.types import Chunk, Container, Header, Metadata, Origin, Picture, PixelArray, Region, TileStream

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model

TILE = 1024
USUAL_Q = 2.0
WHITE = 65535  # of 16 bits
MOST_KEPT = 1 << 26  # pixels whose latents a search keeps: a quarter of a gigabyte


def encode(
    picture: Picture,
    model: Model,
    *,
    q: float | None = None,
    b: float = 0.75,
    tile: int = TILE,
    target_bytes: int | None = None,
    effort: int = 1,
    divisor: int = 1,
    progress: Progress | None = None,
) -> Container:
    """Encode at rate q, or at the rate whose whole file comes closest under `target_bytes`.

    q: 0..model.config.q_top, None for 2 or the most that the model has. b: 0..1, the realism that the
    file is made for. tile: pixels, a multiple of 64. effort: 0..9, from 2 on better latents are searched, if
    the model can be. divisor: so many times fewer rows at a time, for less memory.
    progress: told of rows done, or of the steps of a search.
    Raises UsageError on values out of range and on a size that even q = 0 exceeds.
    """
    q = min(USUAL_Q, model.config.q_top) if q is None else q
    _check(model, q, b)
    if tile % HYPER or not HYPER <= tile <= LARGEST:
        raise UsageError(f"tile is {tile}: it takes a multiple of {HYPER} up to {LARGEST}")
    if not 0 <= effort < len(SEARCH_STEPS):
        raise UsageError(f"effort is {effort}: it goes from 0 to {len(SEARCH_STEPS) - 1}")
    effort = effort if model.searched else 1
    header = _header(picture, model, quantise(q), quantise(b), tile)
    chunks = _chunks(picture)
    if target_bytes is not None:
        plain = _sized(picture, header, chunks, model, target_bytes, divisor)
        if not SEARCH_STEPS[effort]:
            return plain

        def coded(units: int) -> tuple[int, Container]:
            at = replace(header, q=units / STEPS)
            made = _searched(picture, at, chunks, model, effort, divisor, progress)
            return len(file.pack(made)), made

        start, top = (round(q * STEPS) for q in (plain.header.q, model.config.q_top))
        return filled(coded, start, plain, target_bytes, top)
    if SEARCH_STEPS[effort]:
        return _searched(picture, header, chunks, model, effort, divisor, progress)
    engine = _engine(header, model)
    latents = _latents(picture.pixels, engine, header, divisor, progress)
    return Container(header, chunks, tuple(_code(y, header, model, engine) for y in latents))


def decode(
    container: Container,
    model: Model,
    *,
    b: float | None = None,
    region: Region | None = None,
    scale: int = 1,
    divisor: int = 1,
    most: int = HELD,
) -> Picture:
    """Decode, into memory, what `stream` gives row by row; it takes and raises the same."""
    return held(stream(container, model, b=b, region=region, scale=scale, divisor=divisor, most=most))


def held(picture: Picture) -> Picture:
    """The picture with all its rows in memory."""
    return replace(picture, pixels=picture.pixels[: picture.height])


def stream(
    container: Container,
    model: Model,
    *,
    b: float | None = None,
    region: Region | None = None,
    scale: int = 1,
    divisor: int = 1,
    most: int = MOST,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Picture:
    """Decode at realism b (None: as the file says) to a picture whose rows come as they are asked for, once.

    region: in pixels, None for all; only tiles that it depends on are asked of the container, and it equals
    that part of the whole picture. scale: 1, 2, 4 or 8; each pixel is the mean of a square of so many, and
    a region begins and ends with whole squares. divisor: so many times fewer rows at a time, for less memory.
    most: pixels that there may be. kept: latents, for showing the same file again. Raises PictureError (more
    pixels), ModelError (another model), UsageError; DamagedFile, here or with the rows.
    """
    header = container.header
    shown = header.b if b is None else b
    grid = readable(container, model)
    _check(model, header.q, shown)
    area = grid.area(region, scale)
    check_size(area.width // scale, area.height // scale, "the picture", most)
    window = grid.window(area, model.reach)
    placed = grid.meeting(window)
    parsed = _parsed(container, model, (tile for row in placed for tile in row), kept)
    parsed = chain([next(parsed)], parsed)  # what is no picture is refused before torch and alpha come
    origin = Origin(window.x, window.y, file.symbols_crc(container))
    latents = latent_plane.joined((tile() for tile in parsed), placed, window)
    rows = _engine(header, model).synthesise(latents, header.q, header.b, shown, divisor, origin)
    inside = replace(area, x=area.x - LATENT * window.x, y=area.y - LATENT * window.y)
    pixels = strips.joined(rows, inside, header.channels, header.bit_depth, scale, progress)
    return _picture(pixels, container, area, scale)


def verify(
    container: Container,
    model: Model,
    progress: Progress | None = None,
    beside: Callable[[Metadata], None] = lambda _: None,
) -> int:
    """CRC-32 over the symbols' CRC-32s of all tiles, each checked, as are chunks, which `beside` is given.

    Raises as `decode` does.
    """
    grid = readable(container, model)
    placed = enumerate(chain.from_iterable(grid.rows()))
    for number, _ in enumerate(_parsed(container, model, placed)):
        if progress is not None:
            progress(number + 1, grid.count)
    beside(_beside(container)[0])
    return file.symbols_crc(container)


def _parsed(
    container: Container, model: Model, placed: Iterable[Placed], kept: Kept | None = None
) -> Iterator[Callable[[], Array]]:
    """What gives the latents of each of these tiles, whose symbols are there and checked."""
    header = container.header
    for number, region in placed:
        yield parse(container.tiles[number], region, header, model, lambda: _engine(header, model), kept)


def _latents(
    pixels: PixelArray, engine: Any, header: Header, divisor: int, progress: Progress | None = None
) -> Iterator[Array]:
    """Tiles of latents of a picture's pixels, in raster order."""
    rows = strips.split(pixels, strips.AREA // divisor, multiple=engine.multiple, border=engine.border)
    if progress is not None:
        rows = strips.told(rows, progress, extended(header.height))
    grid = Grid(header.width, header.height, header.tile)
    return latent_plane.cut(engine.analyse(rows, header.q, header.b), grid)


def _code(y: Array, header: Header, model: Model, engine: Any) -> TileStream:
    return code(engine.quantise(y, header.q, header.b), model)


def _sized(
    picture: Picture,
    header: Header,
    chunks: tuple[Chunk, ...],
    model: Model,
    target: int,
    divisor: int,
) -> Container:
    """The largest file of at most `target` bytes, nearly; each try codes for real.

    The latents of all but very large pictures are kept from one try to the next.
    """
    engine = _engine(header, model)
    again = engine.rated or picture.width * picture.height > MOST_KEPT
    kept = None if again else list(_latents(picture.pixels, engine, header, divisor))

    def coded(units: int) -> tuple[int, Container]:
        at = replace(header, q=units / STEPS)
        latents = _latents(picture.pixels, engine, at, divisor) if kept is None else kept
        container = Container(at, chunks, tuple(_code(y, at, model, engine) for y in latents))
        return len(file.pack(container)), container

    size, best = closest(coded, target, round(model.config.q_top * STEPS))
    if size > target:
        raise UsageError(f"{target} bytes cannot be reached: at q 0 this picture takes {size}")
    return best


def _searched(
    picture: Picture,
    header: Header,
    chunks: tuple[Chunk, ...],
    model: Model,
    effort: int,
    divisor: int,
    progress: Progress | None,
) -> Container:
    """At one rate, with better latents."""
    from nic_cli.tile_optimisation import TileOptimiser  # whoever does not want them is not to wait for them
    from nic_cli.tiles.halo import Kept

    pixels, coder = Kept(picture.pixels), _engine(header, model)
    searching = TileOptimiser(model, header, effort, coder, progress)
    tiles = searching(_latents(pixels, coder, header, divisor), pixels)  # type: ignore[arg-type]
    return Container(header, chunks, tuple(tiles))


# -- what stands beside the tiles ------------------------------------------------------------------


def _check(model: Model, q: float, b: float) -> None:
    if not 0 <= q <= model.config.q_top:
        raise UsageError(f"q is {q:g}: model {model.name} takes 0 to {model.config.q_top:g}")
    if not 0 <= b <= 1:
        raise UsageError(f"b is {b:g}: realism goes from 0 to 1")


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
    said = [(kind, getattr(picture.metadata, name)) for name, kind in layout.METADATA.items()]
    chunks = [Chunk(kind, data) for kind, data in said if data]
    if picture.alpha is not None:
        chunks.append(Chunk(layout.ALPHA, pack_alpha(picture.alpha)))
    if picture.top < WHITE:
        chunks.append(Chunk(layout.RANGE, picture.top.to_bytes(2, "little")))
    return tuple(chunks)


def _picture(pixels: strips.Lines, container: Container, area: Region, scale: int) -> Picture:
    header = container.header
    metadata, alpha, top = _beside(container)
    alpha = None if alpha is None else strips.shrunk(alpha, area, scale)
    part = (area.width, area.height) != (header.width, header.height)
    if part or scale > 1:
        metadata = gathered.cut(metadata, pixels.shape[1], pixels.shape[0], part=part)
    original = header.original_space and bool(metadata.icc)
    return Picture(pixels, alpha, metadata, original, top)  # type: ignore[arg-type]


def _beside(container: Container) -> tuple[Metadata, PixelArray | None, int]:
    """Metadata, alpha and the top of the range, each checked. Raises DamagedFile."""
    header, found = container.header, {chunk.kind: chunk.data for chunk in container.chunks}
    alpha = None
    if layout.ALPHA in found:
        alpha = unpack_alpha(found[layout.ALPHA], header.width, header.height, header.bit_depth)
    said: dict[str, Any] = {name: found.get(kind, b"") for name, kind in layout.METADATA.items()}
    top = int.from_bytes(found.get(layout.RANGE, b"\xff\xff"), "little")
    if layout.RANGE in found and (header.bit_depth == 8 or not 255 <= top < WHITE):
        raise DamagedFile(f"values of 0 to {top} in {header.bit_depth} bits; fetch the file again")
    return gathered.readable(Metadata(**said)), alpha, top


def _engine(header: Header, model: Model) -> Any:
    """The one that all of this picture goes through, whatever part of it is asked for."""
    return model.engine_for(header.width * header.height)
