"""Pillow's many modes as arrays of grey or RGB values with an alpha beside, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.image import colour
from nic_cli.types import PixelArray

_WIDER = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}


def plain(image: Image.Image, name: str) -> Image.Image:
    """Return a loaded `image` in one of the modes L, LA, RGB, RGBA, CMYK, I;16, with the same values.

    A colour that stands for "transparent" becomes an alpha channel.
    Raises PictureError for floating-point and for 32-bit values beyond 65535.
    """
    mode = image.mode
    if mode in ("1", "L", "RGB", "P") and image.has_transparency_data:
        return image.convert("LA" if mode in ("1", "L") else "RGBA")
    if mode == "P":
        return image.convert("RGB")
    if mode == "LAB":
        return colour.lab_to_srgb(image)
    if mode == "I" or mode.startswith("I;16"):
        return Image.fromarray(_narrowed(image, name))
    if mode in _WIDER:
        return image.convert(_WIDER[mode])
    if mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        kind = "floating-point pixels" if mode == "F" else f"pixels of kind {mode}"
        raise PictureError(f"{name}: {kind} are not supported; convert to 8 or 16 bit first")
    return image


def _narrowed(image: Image.Image, name: str) -> Any:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise PictureError(f"{name}: values beyond 16 bit; scale them to 0..65535 first")
    return values.astype(np.uint16)


def split(values: PixelArray) -> tuple[PixelArray, PixelArray | None]:
    """[H, W] or [H, W, 1..4] -> pixels [H, W, 1 or 3] and alpha [H, W], None where all is opaque."""
    if values.ndim == 2:
        return values[:, :, None], None
    if values.shape[2] in (1, 3):
        return values, None
    alpha = values[:, :, -1]
    opaque = bool((alpha == np.iinfo(values.dtype).max).all())
    return values[:, :, :-1].copy(), None if opaque else alpha.copy()


def join(pixels: PixelArray, alpha: PixelArray | None) -> PixelArray:
    """Reverse `split`: [H, W] for grey alone, else [H, W, 2..4] with the alpha last."""
    if alpha is not None:
        return np.concatenate([pixels, alpha[:, :, None]], axis=2)
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
