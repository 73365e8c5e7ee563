"""Alpha without loss: a WebP for 8 bit, a PNG for 16 bit or more than WebP's 16383 pixels a side.

Masks are mostly flat, and for those lossless WebP is several times smaller than PNG.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from nic_cli.errors import DamagedFile, NicError
from nic_cli.image.opening import TAKEN, open_image, refusing
from nic_cli.image.rowwise import write_png
from nic_cli.types import Metadata, PixelArray

_WEBP_SIDE = 16383
_NAME = "alpha"


def pack_alpha(alpha: PixelArray) -> bytes:
    """[H, W], uint8 or uint16 -> bytes that `unpack_alpha` turns into the same values."""
    packed = io.BytesIO()
    if alpha.dtype == np.uint16:
        write_png([alpha[:, :, None]], (*alpha.shape, 1), 16, packed, Metadata())
    elif max(alpha.shape) <= _WEBP_SIDE:
        Image.fromarray(alpha).save(packed, "WEBP", lossless=True, quality=80, method=4)
    else:
        Image.fromarray(alpha).save(packed, "PNG", compress_level=9)
    return packed.getvalue()


def _check_kind(data: bytes, bit_depth: int) -> None:
    """Raise DamagedFile unless this is a lossless WebP and nothing else, or a grey PNG of this depth."""
    webp = data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8L" and bit_depth == 8
    said = data[12:16], data[24:29]  # depth, colours, compression, filters, interlacing
    if not webp and said != (b"IHDR", bytes((bit_depth, 0, 0, 0, 0))):
        raise DamagedFile(f"alpha is no grey of {bit_depth} bit; fetch the file again")


def unpack_alpha(data: bytes, width: int, height: int, bit_depth: int) -> PixelArray:
    """Return the alpha [height, width] in `data`, uint8 or uint16 as `bit_depth` (8 or 16) says.

    Raises DamagedFile, before anything is decoded where it can, unless `data` is exactly such a picture.
    """
    _check_kind(data, bit_depth)
    try:
        image = open_image(io.BytesIO(data), _NAME, formats=("WEBP", "PNG"), most=width * height)
        modes = ("I;16",) if bit_depth == 16 else ("L", "RGB", "RGBX")
        if image.size != (width, height) or image.mode not in modes:
            raise DamagedFile(
                f"alpha of {image.width} x {image.height} pixels in mode {image.mode} does not fit "
                f"{width} x {height} in {bit_depth} bit; fetch the file again"
            )
        with refusing(_NAME):
            if bit_depth == 16:
                return np.asarray(image).astype(np.uint16)
            plane = image if image.mode == "L" else image.convert("RGB").getchannel("G")
            return np.asarray(plane).astype(np.uint8)
    except DamagedFile:
        raise
    except NicError as error:
        raise DamagedFile(str(error).partition(TAKEN)[0]) from error
