"""Pillow's many modes as arrays of grey or RGB values with an alpha beside, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.image import colour
from nic_cli.types import PixelArray

_WIDER = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}


def transparent_value(image: Image.Image) -> int | None:
    """The grey that is transparent in a PNG of 2 or 4 bits that is not loaded yet, in 8 bits.

    Pillow 13 loads its pixels times 85 or 17, and looks for the value as it is stored.
    """
    raws = {
        tile.args[0] if isinstance(tile.args, tuple) else tile.args for tile in getattr(image, "tile", ())
    }
    value = image.info.get("transparency")
    by = {"L;2": 85, "L;4": 17}.get(next(iter(raws)) if len(raws) == 1 else "")
    return by * value if image.format == "PNG" and by and isinstance(value, int) else None


def plain(image: Image.Image, name: str, value: int | None = None) -> Image.Image:
    """Return a loaded `image` in one of the modes L, LA, RGB, RGBA, CMYK, I;16, with the same values.

    A colour that stands for "transparent" becomes an alpha channel. value: a grey that does so, where it is
    not as the image says.
    Raises PictureError for floating-point values and for those beyond 0..65535.
    """
    mode = image.mode
    if value is not None:
        shown = image.point([0 if level == value else 255 for level in range(256)])
        return Image.merge("LA", (image, shown))
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
        raise PictureError(f"{name}: values beyond 16 bit or below 0; scale them to 0..65535 first")
    return values.astype(np.uint16)


def straight(values: PixelArray) -> PixelArray:
    """[h, w, 2 or 4], the colours multiplied by the alpha, which is last -> divided by it again."""
    if values.dtype == np.uint8:  # as Pillow does for its own modes
        multiplied, wanted = ("La", "LA") if values.shape[2] == 2 else ("RGBa", "RGBA")
        rows = np.ascontiguousarray(values)
        image = Image.frombuffer(
            multiplied, (rows.shape[1], rows.shape[0]), rows.tobytes(), "raw", multiplied, 0, 1
        )
        return np.asarray(image.convert(wanted))
    colours, alpha = values[:, :, :-1].astype(np.uint32), np.maximum(values[:, :, -1:], 1).astype(np.uint32)
    divided = np.minimum((colours * 65535 + alpha // 2) // alpha, 65535)
    return np.concatenate([divided.astype(np.uint16), values[:, :, -1:]], axis=2)


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
