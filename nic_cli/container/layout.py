"""Format 1 of `.nic`, drawn, with its constants and limits.

    +--------------------------------------------------------------------------+
    | signature    89 4E 49 43 0D 0A 1A 0A                                     |
    | version      u8      major << 4 | minor: 10, and any minor of 1 is read |
    | length       varint  bytes of the body                                   |
    +-- body ------------------------------------------------------------------+
    | width        varint  1..2^20 pixels                                      |
    | height       varint  1..2^20 pixels                                      |
    | flags        u8      0 0 0 0 3 2 1 0     (those at 0 are for later ones) |
    |                              | | | `- RGB, else grey                     |
    |                              | | `--- 16 bits a sample, else 8           |
    |                              | `----- original space: pixels return to   |
    |                              |        that of the iccp chunk             |
    |                              `------- chunks follow the header           |
    | q            u16     rate, in 1/4096                                     |
    | b            u16     realism, in 1/4096, 0..4096                         |
    | tile         u8      side of an entropy tile / 64, 1..255                |
    | model name   u8 n (1..64), then n of [a-z0-9._-], the first one of [a-z0-9] |
    | model id     8 bytes                                                     |
    | chunks       varint  1..64, there only if flag 3 is set                  |
    |  +-- for each tile, in raster order -----------------------------------+ |
    |  | length    varint  bytes of the payload                              | |
    |  | payload   u32     CRC-32 of the payload                             | |
    |  | symbols   u32     CRC-32 of the symbols it decodes to               | |
    |  +---------------------------------------------------------------------+ |
    +--------------------------------------------------------------------------+
    | crc          u32     CRC-32 of everything above, signature included      |
    +-- for each chunk --------------------------------------------------------+
    | kind         4 letters; lower case first: readers may skip it,           |
    |              upper case first: readers must know it; no kind comes twice |
    | length       varint  bytes of the data, 1..2^30                          |
    | data                                                                     |
    | crc          u32     CRC-32 of kind and data                             |
    +-- for each tile ---------------------------------------------------------+
    | payload      one entropy-coded stream                                    |
    +--------------------------------------------------------------------------+

u8, u16, u32 are little-endian. A varint is LEB128: seven bits a byte, the lowest first, the high
bit on all bytes but the last; at most 5 bytes, and no longer than it must be. Everything follows
without a gap, and the file ends with the last payload.
"""

from __future__ import annotations

import re

# The high bit shows transfers that keep 7 bits, CR LF and LF those that change the ends of lines,
# and Ctrl-Z stops old terminals from listing the rest.
SIGNATURE = b"\x89NIC\r\n\x1a\n"
VERSION = (1, 0)
"""That is written. What a later minor adds shows in its flags and kinds of chunks, so that each is read."""
OLD = (0, 0)
"""The same but for the version itself; read until the release after 1.0."""

STEPS = 4096  # q and b are whole numbers of 1/4096
MAX_Q_STEPS = 0xFFFF
MAX_B_STEPS = STEPS

MAX_SIDE = 1 << 20  # no camera or scanner makes longer rows, and products stay far from 2^63
TILE_UNIT = 64  # one hyper-latent covers 64 x 64 pixels, and no tile may cut it
MAX_TILE = 255 * TILE_UNIT
MAX_VARINT_BYTES = 5
MAX_VARINT = (1 << 7 * MAX_VARINT_BYTES) - 1

MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
MAX_MODEL_NAME = 64  # our names have 4 letters, those of imported checkpoints are longer
MODEL_ID_BYTES = 8

RGB, SIXTEEN_BIT, ORIGINAL_SPACE, HAS_CHUNKS = 1, 2, 4, 8
ALL_FLAGS = RGB | SIXTEEN_BIT | ORIGINAL_SPACE | HAS_CHUNKS

ICC, EXIF, XMP, PREVIEW, ALPHA, RANGE = b"iccp", b"exif", b"xmpp", b"prev", b"ALPH", b"RANG"
CICP, GAIN_MAP, RESOLUTION, TEXTS = b"cicp", b"gmap", b"reso", b"text"
IPTC, GEO, ORIGIN = b"iptc", b"geot", b"orig"
METADATA = {"icc": ICC, "exif": EXIF, "xmp": XMP, "preview": PREVIEW, "cicp": CICP, "gain_map": GAIN_MAP}
METADATA |= {"resolution": RESOLUTION, "texts": TEXTS, "iptc": IPTC, "geo": GEO, "origin": ORIGIN}
"""Kinds of chunks by the fields of `Metadata` that they hold."""
MAX_CHUNKS = 64  # thirteen kinds are known; the rest is room for later minor versions
MAX_CHUNK = 1 << 30  # of kinds that are not known: a gigapixel stored without any compression
MAX_METADATA = 16 << 20  # the largest profiles are a few MiB; more is an attack or a mistake
CHUNK_LIMITS = {
    ICC: MAX_METADATA,
    EXIF: MAX_METADATA,
    XMP: MAX_METADATA,
    PREVIEW: MAX_METADATA,
    ALPHA: MAX_CHUNK,
    RANGE: 2,  # u16: what 65535 stands for
    CICP: 4,
    GAIN_MAP: MAX_METADATA + 4096,  # a picture, and what it says of itself
    RESOLUTION: 17,
    TEXTS: 1 << 20,
    IPTC: 1 << 20,
    GEO: 1 << 20,
    ORIGIN: 4096,  # a format, and the name of a file
}
CHUNK_LEAST = {RANGE: 2, CICP: 4}  # bytes; of all others 1

CRC_BYTES = 4
MIN_TILE_ENTRY = 1 + 2 * CRC_BYTES  # an empty payload: its length and two checksums


def tiles_along(size: int, tile: int) -> int:
    """Count the entropy tiles along a side of `size` pixels, 1..2^20, in tiles of `tile` pixels.

    The side is first filled up to a multiple of 64. The last tile takes in a remainder smaller
    than half a tile, so that there are no slivers: it is 0.5 to 1.5 tiles long.
    """
    filled = -(-size // TILE_UNIT) * TILE_UNIT
    return max(1, (filled + tile // 2) // tile)


def tile_count(width: int, height: int, tile: int) -> int:
    """Count the entropy tiles of a picture of `width` x `height` pixels."""
    return tiles_along(width, tile) * tiles_along(height, tile)


def quantise(value: float) -> float:
    """Round a finite q or b to the nearest 1/4096, the values that a header can hold."""
    return round(value * STEPS) / STEPS


def is_ancillary(kind: bytes) -> bool:
    """Tell whether a reader that does not know this chunk may skip it."""
    return kind[:1].islower()
