"""16-bit values that end far below 65535, as those of 12-bit sensors do: stretched for the network, and back.

A rate of the network is a step of the whole range: of 4096 values it would leave a few dozen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nic_cli.image.colour import changed
from nic_cli.image.opening import Warn
from nic_cli.types import Picture, PixelArray

_WHITE = 65535
_FAR_BELOW = 1 << 14
"""Values that end below it are taken for those of a narrower range, of whole bits; few photographs are."""


def stretched(picture: Picture, name: str, warn: Warn) -> Picture:
    """A picture of 16 bits with the range of its values brought to the whole one; others as they are."""
    if picture.bit_depth == 8:
        return picture
    pixels: Any = picture.pixels
    highest = int(pixels.max() if isinstance(pixels, np.ndarray) else pixels.highest())
    if not 0 < highest < _FAR_BELOW:
        return picture
    top = max((1 << highest.bit_length()) - 1, 255)
    warn(f"{name}: its 16-bit values end at {highest}: coded as 0 to {top}, and given back so")
    return replace(picture, pixels=_through(pixels, top, _WHITE), top=top)


def narrowed(picture: Picture) -> Picture:
    """The inverse, of what a picture says of itself."""
    return replace(picture, pixels=_through(picture.pixels, _WHITE, picture.top), top=_WHITE)


def whole(picture: Picture) -> Picture:
    """`picture`, whose values are stretched, as one of the whole range, with its alpha if that has theirs."""
    alpha = picture.alpha
    if alpha is not None and int(alpha.max()) <= picture.top:
        alpha = _through(alpha, picture.top, _WHITE)
    return replace(picture, alpha=alpha, top=_WHITE)


def _through(pixels: Any, top: int, white: int) -> Any:
    """Values of 0..top, in an array or `Rows`, as those of 0..white, rounded."""

    def change(rows: PixelArray) -> PixelArray:
        wide = (rows.astype(np.uint32) * np.uint32(white) + np.uint32(top // 2)) // np.uint32(top)
        found: PixelArray = np.minimum(wide, _WHITE).astype(np.uint16)
        return found

    return changed(pixels, change)
