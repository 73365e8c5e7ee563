"""ICC profiles: to the sRGB values that the network sees, and back to the space a picture came in.

Relative colorimetric with black point compensation both ways. littleCMS works on 8 bit here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from nic_cli.types import PixelArray

_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
_CACHED = 32


def space(icc: bytes) -> str:
    """Name the Pillow mode whose values `icc` describes; "" for one we do not know or a broken profile."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return ""
    return _SPACES.get(icc[16:20], "")


def to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert `image`, whose mode is `space(icc)`, to sRGB. Raises ValueError for a broken profile."""
    return _apply(image, _transform(icc, image.mode, back=False))


def from_cmyk(icc: bytes, name: str, warn: Callable[[str], None]) -> Callable[[Image.Image], Image.Image]:
    """How CMYK images become RGB in sRGB: by their profile, or by a formula where there is none of use."""
    if icc and space(icc) == "CMYK":
        try:
            _transform(icc, "CMYK", back=False)
            return lambda image: to_srgb(image, icc)
        except ValueError:
            pass
    if icc:
        warn(f"{name}: the ICC profile does not fit the CMYK pixels and was left out")
    return lambda image: image.convert("RGB")


def from_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert an sRGB `image`, mode RGB, to the space of `icc`. Raises ValueError for a broken profile."""
    return _apply(image, _transform(icc, "RGB", back=True))


def has_way_back(icc: bytes) -> bool:
    """Whether `from_srgb` can use the profile: those of scanners and cameras may lead one way only."""
    try:
        _transform(icc, "RGB", back=True)
    except ValueError:
        return False
    return True


def is_sound(icc: bytes) -> bool:
    """Whether a profile of grey or RGB can be used."""
    try:
        _transform(icc, "L" if space(icc) == "L" else "RGB", back=False)
    except ValueError:
        return False
    return True


def is_srgb(icc: bytes) -> bool:
    """Whether converting an even colour cube from `icc` to sRGB moves no value by more than 1 of 255.

    Measured instead of compared by name: many profiles are sRGB under names of their own.
    """
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18, -1, 3)
    moved = np.asarray(to_srgb(Image.fromarray(cube), icc)).astype(np.int16) - cube
    return bool(np.abs(moved).max() <= 1)


@lru_cache(_CACHED)
def is_wide(icc: bytes) -> bool:
    """Whether colours of an RGB profile are lost on the way to sRGB and back in 8 bits. Raises ValueError.

    False where there is no way back. A steep curve alone loses up to 8 levels to rounding.
    """
    if not has_way_back(icc):
        return False
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18, -1, 3)
    back = from_srgb(to_srgb(Image.fromarray(cube), icc), icc)
    return bool(np.abs(np.asarray(back).astype(np.int16) - cube).max() > 8)


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Convert a Lab image (D50, as in TIFF) to sRGB in mode RGB."""
    return to_srgb(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())


def changed(pixels: Any, change: Callable[[PixelArray], PixelArray]) -> Any:
    """Pixels, an array or `Rows`, through `change`: at once, or as their rows come."""
    return change(pixels) if isinstance(pixels, np.ndarray) else pixels.through(change)


def applied(convert: Callable[[Image.Image, bytes], Image.Image], pixels: Any, icc: bytes) -> Any:
    """`to_srgb` or `from_srgb` on pixels [H, W, 3] of uint8, at once or, of `Rows`, as they come."""

    def change(rows: PixelArray) -> PixelArray:
        return np.asarray(convert(Image.fromarray(rows), icc))

    return changed(pixels, change)


@lru_cache(_CACHED)
def _transform(icc: bytes, mode: str, *, back: bool) -> ImageCms.ImageCmsTransform:
    srgb = ImageCms.createProfile("sRGB")
    try:
        other = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        source, target = (srgb, other) if back else (other, srgb)
        return ImageCms.buildTransform(
            source,
            target,
            "RGB" if back else mode,
            mode if back else "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ValueError(f"the ICC profile cannot be used: {error}") from error


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = transform.apply(image)
    converted.info.pop("icc_profile", None)
    return converted
