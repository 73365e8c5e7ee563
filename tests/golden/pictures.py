"""The pictures of the golden files, drawn by formula, and the files they are read from."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2


def drawn(width: int, height: int, planes: int = 3, top: int = 255) -> np.ndarray:
    """A gradient, waves, edges and grain, [height, width, planes] of 0..top; of one plane [height, width]."""
    x, y, plane = (v.astype(float) for v in np.meshgrid(*map(np.arange, (width, height, planes))))
    waves = 0.2 * np.sin(x * y / 300 + plane) + 0.15 * ((x // 23 + y // 17 + plane) % 3 == 0)
    grain = np.random.RandomState(1).uniform(-0.05, 0.05, x.shape)
    values = np.clip(0.15 + 0.5 * x / (width + height) + waves + grain, 0, 1) * top
    found = np.rint(values).astype(np.uint8 if top == 255 else np.uint16)
    return found[:, :, 0] if planes == 1 else found


def noise(width: int, height: int) -> np.ndarray:
    """Black and white at random, which takes escapes."""
    return np.random.RandomState(2).choice([0, 255], (height, width, 3)).astype(np.uint8)


def mask(width: int, height: int, top: int = 255) -> np.ndarray:
    """A disc with a soft edge: [height, width] of 0..top."""
    y, x = np.mgrid[:height, :width]
    far = np.hypot(x - width / 2, y - height / 2) / (0.4 * min(width, height))
    return np.rint(np.clip(4 * (1.1 - far), 0, 1) * top).astype(np.uint8 if top == 255 else np.uint16)


def with_alpha(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The same with a plane more."""
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    return np.concatenate([pixels, alpha[:, :, None]], axis=2)


def described() -> bytes:
    """A PNG that says all it can of itself, in a profile."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Waves")
    info.add_itxt("Comment", "drawn by formula: \u223f")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "nobody", "2026:11:30 12:00:00"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stream = io.BytesIO()
    image = Image.fromarray(drawn(96, 80))
    image.save(stream, "PNG", pnginfo=info, exif=exif, icc_profile=profile, dpi=(300, 300))
    return stream.getvalue()


P3 = (0.5151, 0.2412, -0.0011), (0.292, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)
"""The primaries of Display P3 (SMPTE EG 432-1), adapted to D50."""


def wide(profile: bytearray) -> None:
    """Give a profile the primaries of Display P3."""
    for tag, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3, strict=True):
        at = place(profile, tag)
        profile[at + 8 : at + 20] = struct.pack(">3i", *(round(65536 * v) for v in values))


def bright(profile: bytearray) -> None:
    """Give a profile a curve of another exponent."""
    at = place(profile, b"rTRC")
    profile[at + 12 : at + 16] = struct.pack(">i", round(65536 * 2.0))


def place(profile: bytearray, tag: bytes) -> int:
    """Where the data of a tag begins."""
    at = profile.index(tag, 128)
    return int.from_bytes(profile[at + 4 : at + 8], "big")


def profiled(change: Callable[[bytearray], None]) -> bytes:
    """A PNG with the profile of sRGB, changed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    change(profile)
    stream = io.BytesIO()
    Image.fromarray(drawn(96, 64)).save(stream, "PNG", icc_profile=bytes(profile))
    return stream.getvalue()


def tiff() -> bytes:
    """A TIFF with IPTC and GeoTIFF tags."""
    tags = ImageFileDirectory_v2()
    tags[33723], tags.tagtype[33723] = b"\x1c\x02\x05\x00\x05Waves", 7
    tags[33550], tags.tagtype[33550] = (10.0, 10.0, 0.0), 12
    tags[33922], tags.tagtype[33922] = (0.0, 0.0, 0.0, 400000.0, 5000000.0, 0.0), 12
    stream = io.BytesIO()
    Image.fromarray(drawn(70, 90)).save(stream, "TIFF", tiffinfo=tags)
    return stream.getvalue()
