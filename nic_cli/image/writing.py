"""From a Picture to a stream or a Pillow image, in its original colour space where it came from one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from nic_cli.errors import UsageError
from nic_cli.image import colour, modes
from nic_cli.image.deep import write_png, write_pnm
from nic_cli.image.metadata import PREFIX, for_tiff
from nic_cli.image.opening import Warn, silent
from nic_cli.types import Metadata, Picture, PixelArray

FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".ppm": "ppm",
    ".pgm": "ppm",
    ".pnm": "ppm",
}
"""The format that a file name asks for."""

_MAX_SIDES = {"jpeg": 65535, "webp": 16383}
_MAX_SEGMENT = {"exif": 65533, "xmp": 65533 - 29}
"""Bytes that one marker of a JPEG can hold beside its own name."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 4},
    # WebP is 4:2:0 and lossy here, JPEG 4:4:4: both far above what the codec itself left out.
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "method": 2, "exact": True},
    "tiff": {"compression": "tiff_adobe_deflate"},
    "ppm": {},
}


def write(picture: Picture, stream: BinaryIO, format: str, *, warn: Warn = silent) -> None:
    """Write `picture` to `stream` as png, jpeg, webp, tiff or ppm, with the metadata the format has room for.

    16 bit is kept by png, ppm and grey tiff and rounded to 8 by jpeg and webp. Raises UsageError for what a
    format cannot hold; whatever `stream` raises passes through.
    """
    _check(picture, format)
    picture = _in_own_space(picture, warn)
    if picture.bit_depth == 16 and format in ("png", "ppm"):
        values = np.atleast_3d(modes.join(picture.pixels, picture.alpha)).astype(np.uint16, copy=False)
        if format == "png":
            write_png(values, stream, picture.metadata)
        else:
            write_pnm(values, stream)
        return
    image = to_pil(picture if format == "tiff" else _in_8_bit(picture))
    # Pillow writes in small pieces and reports its own faults as OSError; in memory the two stay apart.
    encoded = io.BytesIO()
    image.save(encoded, format, **_OPTIONS[format] | _embedded(picture.metadata, format, warn))
    stream.write(encoded.getbuffer())


def _check(picture: Picture, format: str) -> None:
    if format not in _OPTIONS:
        raise UsageError(f"no format {format!r}; choose from {', '.join(_OPTIONS)}")
    if picture.alpha is not None and format in ("jpeg", "ppm"):
        raise UsageError(f"{format.upper()} has no alpha: choose png, webp or tiff")
    limit = _MAX_SIDES.get(format)
    if limit and max(picture.width, picture.height) > limit:
        raise UsageError(f"{format.upper()} ends at {limit} pixels a side: choose png or tiff")
    if format == "tiff" and picture.bit_depth == 16 and (picture.channels == 3 or picture.alpha is not None):
        raise UsageError("16-bit colour or alpha cannot be written as TIFF: choose png, or ppm if opaque")


def to_pil(picture: Picture, *, warn: Warn = silent) -> Image.Image:
    """Return a Pillow image with ICC, EXIF and XMP in its `info`.

    16-bit grey becomes mode I;16; Pillow has no 16-bit colour or alpha, so these are rounded to 8 bit.
    """
    picture = _in_own_space(picture, warn)
    if picture.channels == 3 or picture.alpha is not None:
        picture = _in_8_bit(picture)
    image = Image.fromarray(modes.join(picture.pixels, picture.alpha))
    said = picture.metadata
    known = {"icc_profile": said.icc, "exif": PREFIX + said.exif if said.exif else b"", "xmp": said.xmp}
    image.info.update({key: data for key, data in known.items() if data})
    return image


def _in_own_space(picture: Picture, warn: Warn) -> Picture:
    """`picture` with its values in the space of its profile, ready to carry it."""
    if not picture.original_space:
        return picture
    icc = picture.metadata.icc
    try:
        if picture.bit_depth == 16 or picture.channels != 3 or colour.space(icc) != "RGB":
            raise ValueError("the ICC profile does not describe these pixels")
        pixels = np.asarray(colour.from_srgb(Image.fromarray(picture.pixels), icc))
    except ValueError as error:
        warn(f"written as sRGB without the original profile: {error}")
        return replace(picture, metadata=replace(picture.metadata, icc=b""), original_space=False)
    return replace(picture, pixels=pixels, original_space=False)


def _in_8_bit(picture: Picture) -> Picture:
    if picture.bit_depth == 8:
        return picture
    alpha = None if picture.alpha is None else _rounded(picture.alpha)
    return replace(picture, pixels=_rounded(picture.pixels), alpha=alpha)


def _rounded(values: PixelArray) -> PixelArray:
    """16 bit -> 8 bit, the nearest: 65535 is 257 times 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _embedded(said: Metadata, format: str, warn: Warn) -> dict[str, Any]:
    """Arguments of Pillow's `save` that embed the metadata."""
    if format == "ppm":
        return {}
    if format == "tiff":
        try:
            found: dict[str, Any] = {"exif": for_tiff(said)}
        except ValueError as error:
            warn(f"written without EXIF: {error}")
            found = {"exif": for_tiff(replace(said, exif=b""))}
        if said.exif:  # Pillow's compressing writer, libtiff, refuses the directories inside EXIF
            found["compression"] = "raw"
    else:
        found = {"exif": PREFIX + said.exif if said.exif else b"", "xmp": said.xmp}
    if format == "jpeg":
        for key in [key for key, limit in _MAX_SEGMENT.items() if len(found[key]) > limit]:
            warn(f"{len(found.pop(key))} bytes of {key.upper()} are too many for JPEG and were left out")
    if format == "png" and found.pop("xmp"):
        found["pnginfo"] = PngImagePlugin.PngInfo()
        found["pnginfo"].add_itxt("XML:com.adobe.xmp", said.xmp.decode("utf-8", "replace"))
    return {key: value for key, value in found.items() if value} | {"icc_profile": said.icc or None}
