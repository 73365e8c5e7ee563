"""JPEG, WebP, AVIF and JPEG XL by Pillow, at a quality: what nic is compared with.

Colour alone goes in and comes out: neither alpha nor metadata.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, features

from nic_cli.extras import adding
from nic_cli.types import PixelArray

# Format for Pillow, what it is saved with, and default qualities: those of most published comparisons,
# seven each, so that curves overlap from about 0.2 to 1.2 bits a pixel.
CLASSICAL: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "jpeg": ("JPEG", {"optimize": True, "progressive": True}, (8, 15, 25, 40, 60, 80, 90)),
    "webp": ("WEBP", {"method": 6}, (1, 10, 25, 45, 65, 80, 92)),
    "avif": ("AVIF", {"speed": 4}, (15, 25, 35, 45, 55, 70, 82)),
    "jxl": ("JXL", {"effort": 7}, (10, 25, 40, 55, 70, 82, 92)),
}


def missing(name: str) -> str | None:
    """Why this Pillow cannot write a format; None if it can."""
    if name == "jxl":
        try:
            import pillow_jxl  # noqa: F401 its import adds the format to Pillow
        except ImportError:
            return f"needs a plugin of Pillow: {adding('formats')}"
    elif name in ("avif", "webp") and not features.check(name):
        return "this Pillow was built without it"
    return None


def encode(pixels: PixelArray, name: str, quality: float) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 -> a whole file. name: of CLASSICAL, not missing. quality: 0..100.

    Raises ValueError for 16 bits, and whatever Pillow does, as for sides that the format cannot say.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} takes 8 bits a channel here, this picture has 16")
    kind, options, _ = CLASSICAL[name]
    stream = io.BytesIO()
    _image(pixels).save(stream, kind, quality=round(quality), **options)
    return stream.getvalue()


def decode(data: bytes, name: str) -> PixelArray:
    """A file of that format -> pixels [H, W, 1 or 3]; grey may come back as three equal channels."""
    with Image.open(io.BytesIO(data), formats=(CLASSICAL[name][0],)) as image:
        array = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return array[..., None] if array.ndim == 2 else array


def webp(pixels: PixelArray) -> bytes:
    """Pixels [H, W, 1 or 3] as lossless WebP of 8 bits, for a page."""
    stream = io.BytesIO()
    shown = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    _image(shown).convert("RGB").save(stream, "WEBP", lossless=True, quality=60, method=3)
    return stream.getvalue()


def libraries() -> dict[str, str]:
    """Versions of the libraries behind Pillow's formats, which decide what a quality means."""
    found = {name: features.version(name) for name in ("libjpeg_turbo", "webp", "avif")}
    return {name: version for name, version in found.items() if version}


def _image(pixels: PixelArray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
