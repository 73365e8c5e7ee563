"""What flows between the stages: frozen records, no behaviour beyond what their fields imply.

file --image--> Picture --tiles, transform--> Symbols --entropy--> TileStream
--container--> bytes, and the same way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # numpy is not needed to read a header
    import numpy as np
    from numpy.typing import NDArray

    PixelArray = NDArray[np.uint8] | NDArray[np.uint16]
    IntArray = NDArray[np.int32]
    IndexArray = NDArray[np.uint8] | NDArray[np.uint16]
else:
    PixelArray = IntArray = IndexArray = Any

Take = Callable[["IndexArray"], "IntArray"]
"""Table indices of the next part of a tile -> its values, as an entropy decoder gives them."""

Notes = tuple[tuple[int, int], ...]
"""(place of a residual in its tile: row by row, channels fastest; the table that it is coded with)."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture says of itself beside its pixels; empty bytes where it says nothing.

    preview: a small WebP of it, for those who only want to see what it is. cicp: primaries, transfer, matrix
    and range of ITU-T H.273 for values that are not sRGB and have no profile, as HDR; four bytes.
    gain_map: how HDR screens are to brighten it. resolution, texts, iptc, geo: as `image.ancillary.side_data`
    packs them. origin: format, a zero byte, and the name of the file that it was read from, if it had one.
    lost: what else the file said, by name; it is kept nowhere. unread: what of a `.nic` file is of a form
    that this program does not know.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    preview: bytes = b""
    cicp: bytes = b""
    gain_map: bytes = b""
    resolution: bytes = b""
    texts: bytes = b""
    iptc: bytes = b""
    geo: bytes = b""
    origin: bytes = b""
    lost: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class Rows(Protocol):
    """Pixels [height, width, channels] too many to be held: made anew for each slice of rows, in order."""

    shape: tuple[int, ...]
    dtype: Any

    def __getitem__(self, rows: slice) -> PixelArray:
        """Rows of a slice without a step."""

    def through(self, after: Callable[[PixelArray], PixelArray]) -> Rows:
        """These rows, each slice changed by `after`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright picture, as the network sees it: in sRGB, or in wider colours under `metadata.icc`.

    pixels: [height, width, channels], uint8 or uint16; 1 channel (grey) or 3 (RGB). Of a very large
        picture they may be `Rows`, of which whoever codes or writes asks no more than that.
    alpha: [height, width] of the same type, or None when opaque.
    original_space: the pixels were converted to sRGB from the space of `metadata.icc`, and
        whoever writes the picture converts them back.
    top: of 16 bits, the value that 65535 stands for, since the values were stretched from 0..top; whoever
        writes the picture brings them back.
    """

    pixels: PixelArray
    alpha: PixelArray | None = None
    metadata: Metadata = Metadata()
    original_space: bool = False
    top: int = 65535

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.pixels.shape[2])

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return 8 * int(self.pixels.dtype.itemsize)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of pixels, or of latents: its first column and row, and its size."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where latents to be shown begin on the picture's plane, and the seed of its noise, under 2^32."""

    x: int = 0
    y: int = 0
    seed: int = 0


START = Origin()


@dataclass(frozen=True, slots=True)
class Symbols:
    """The integers of one tile.

    z: [h, w, channels] hyper-latents at 1/64. r: [4 h, 4 w, channels] residuals of the latents at 1/16.
    parts: pairs of table indices and values, of one shape each, in the order of coding: z first, then r,
    whole or in the pieces that depend on each other. notes: the indices that a decoder must be told,
    where they follow from floats and were in doubt.
    """

    z: IntArray
    r: IntArray
    parts: tuple[tuple[IndexArray, IntArray], ...]
    notes: Notes = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before any tile.

    q: rate, 0..16 in steps of 1/4096. b: default realism, 0..1 in steps of 1/4096.
    tile: side of an entropy tile in pixels, a multiple of 64.
    model_id: first 8 bytes of the SHA-256 of all that decoding to symbols depends on.
    """

    width: int
    height: int
    channels: int
    bit_depth: int
    q: float
    b: float
    tile: int
    model: str
    model_id: bytes
    original_space: bool = False
    version: tuple[int, int] = (1, 0)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A named piece of data beside the tiles; the kind's case says if it may be ignored."""

    kind: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class TileStream:
    """One entropy tile: its coded bytes, and the CRC-32 of the symbols they decode to."""

    payload: bytes
    symbols_crc: int


@dataclass(frozen=True, slots=True)
class Container:
    """A whole `.nic` file. Tiles stand in raster order; they may be read and checked when asked for."""

    header: Header
    chunks: tuple[Chunk, ...]
    tiles: Sequence[TileStream]
