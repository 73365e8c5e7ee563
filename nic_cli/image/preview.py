"""A small picture of a picture, for file managers and whoever has no model."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.image import colour, modes
from nic_cli.image.ancillary import profiles
from nic_cli.image.opening import Warn, open_image
from nic_cli.types import Picture, PixelArray

SIDE = 256  # pixels along the longer side, at most: what file managers ask for first
LONGEST = 1024  # pixels a side of one that is shown, whoever made it
QUALITY = 70
STEP = 1 << 22  # pixels read at a time


def with_preview(picture: Picture) -> Picture:
    """The same picture with a preview among its metadata: a WebP in sRGB, with the alpha if there is one."""
    return replace(picture, metadata=replace(picture.metadata, preview=_made(picture)))


def with_useful_preview(picture: Picture, warn: Warn, name: str) -> Picture:
    """The same, unless it is no larger than a preview, with a notice: it decodes about as fast."""
    if max(picture.width, picture.height) > SIDE:
        return with_preview(picture)
    warn(f"{name}: no larger than a preview, so none was added")
    return picture


def open_preview(preview: bytes) -> Image.Image:
    """The preview of a file, not loaded. Raises PictureError for what is none: files may hold anything."""
    shown = open_image(io.BytesIO(preview), "the preview", formats=("WEBP",))
    if max(shown.size) > LONGEST:
        raise PictureError(f"the preview: {shown.width} x {shown.height} pixels, over {LONGEST} a side")
    return shown


def _made(picture: Picture) -> bytes:
    factor = max(1, max(picture.width, picture.height) // (2 * SIDE))
    lines = max(1, STEP // (factor * picture.width)) * factor
    blocks = []
    for top in range(0, picture.height, lines):
        alpha = None if picture.alpha is None else picture.alpha[top : top + lines]
        rows = modes.join(picture.pixels[top : top + lines], alpha)
        blocks.append(_means(rows.reshape(*rows.shape[:2], -1), factor))
    white = 255 if picture.bit_depth == 8 else 65535
    small = np.rint(np.concatenate(blocks) * (255 / white)).astype(np.uint8)
    small = _in_srgb(small, picture)
    image = Image.fromarray(small if small.shape[2] > 1 else small[:, :, 0])
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    image.save(packed, "WEBP", quality=QUALITY, method=4)
    return packed.getvalue()


def _in_srgb(small: NDArray[np.uint8], picture: Picture) -> NDArray[np.uint8]:
    """Values [h, w, 1..4] of a picture under a profile, as viewers without one show them."""
    icc = b"" if picture.original_space else picture.metadata.icc
    count = picture.channels
    colours: Any = np.ascontiguousarray(small[:, :, :count])
    try:
        if icc and count == 1:
            colours = profiles.grey_to_srgb(colours, icc)
        elif icc:
            colours = colour.applied(colour.to_srgb, colours, icc)
    except ValueError:  # as they are, then
        return small
    return np.concatenate((colours, small[:, :, count:]), 2)


def _means(values: PixelArray, side: int) -> NDArray[np.float64]:
    """[h, w, C] -> means of squares of side x side, the last ones filled up with their edges."""
    height, width, channels = values.shape
    filled = np.pad(values, ((0, -height % side), (0, -width % side), (0, 0)), "edge")
    squares = filled.reshape(filled.shape[0] // side, side, -1, side, channels)
    means: NDArray[np.float64] = squares.mean((1, 3))
    return means
