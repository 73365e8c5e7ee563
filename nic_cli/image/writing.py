"""From a Picture to a stream or a Pillow image, in its original colour space where it came from one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from nic_cli.errors import NicError, UsageError
from nic_cli.extras import adding
from nic_cli.image import colour, colour_space, huge, modes, rowwise, value_range
from nic_cli.image.ancillary import gathered, side_output
from nic_cli.image.metadata import PREFIX
from nic_cli.image.opening import Warn, silent
from nic_cli.limits import HELD
from nic_cli.types import Metadata, Picture, PixelArray

FORMAT_BY_SUFFIX = {
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

_DEEP = ("png", "tiff", "ppm")
"""What holds 16 bits, and is written by rows if need be."""

_MAX_SIDES = {"jpeg": 65535, "webp": 16383}
_MAX_SEGMENT = {"exif": 65533, "xmp": 65533 - 29}
"""Bytes that one marker of a JPEG can hold beside its own name."""
_OPTIONS: dict[str, dict[str, Any]] = {
    # WebP is 4:2:0 and lossy here, JPEG 4:4:4: both far above what the codec itself left out.
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "method": 2, "exact": True},
    "ppm": {},
}


def write(picture: Picture, stream: BinaryIO, format: str, *, warn: Warn = silent) -> None:
    """Write `picture` to `stream` as png, jpeg, webp, tiff or ppm, with the metadata the format has room for.

    16 bit is kept by png, ppm and tiff and rounded to 8 by jpeg and webp. Pixels that are `Rows` stay so
    where the picture is large, and are else put together. Raises UsageError for what a
    format cannot hold; whatever `stream` raises passes through.
    """
    by_rows = _by_rows(picture, format)
    _check(picture, format, by_rows)
    picture = _in_own_space(picture, warn)
    if picture.top < 65535:
        if format in _DEEP:
            picture = value_range.narrowed(picture)
        else:
            warn(f"{format.upper()} has 8 bits: 0 to {picture.top} became 0 to 255")
            picture = value_range.whole(picture)
    elif picture.bit_depth == 16 and format not in _DEEP:
        warn(f"{format.upper()} has 8 bits of the 16 that the picture has")
    if format == "ppm":
        picture = colour_space.without_profile(picture, warn)
    if picture.metadata.cicp and format != "png":
        warn(f"{format.upper()} cannot say that its values are HDR: they will look flat; choose png")
    _name_left_out(picture.metadata, format, warn)
    if by_rows:
        rowwise.write(picture if format in _DEEP else _in_8_bit(picture), stream, format, warn)
        return
    image = to_pil(_in_8_bit(picture))
    # Pillow writes in small pieces and reports its own faults as OSError; in memory the two stay apart.
    encoded = io.BytesIO()
    try:
        image.save(encoded, format, **_OPTIONS[format] | _embedded(picture.metadata, format, warn))
    except OSError as error:
        raise NicError(f"cannot be made a {format.upper()} file: {error}; choose png") from error
    data = encoded.getvalue()
    stream.write(rowwise.with_side_data(data, picture.metadata) if format == "jpeg" else data)


def for_screen(picture: Picture) -> Picture:
    """`picture` as a browser shows it, in 8 bits: in sRGB, or in wider colours under its profile or code."""
    said = picture.metadata
    kept = Metadata() if picture.original_space else Metadata(icc=said.icc, cicp=said.cicp)
    if picture.top < 65535:
        picture = value_range.whole(picture)
    return _in_8_bit(replace(picture, metadata=kept, original_space=False))


def _name_left_out(said: Metadata, format: str, warn: Warn) -> None:
    """One notice of all that the format has no place for."""
    names = side_output.left_out(gathered.side_of(said), format, said.exif)
    names += ["EXIF"] * (format == "ppm" and bool(said.exif)) + ["XMP"] * (format == "ppm" and bool(said.xmp))
    names += ["HDR code"] * (format == "pil" and bool(said.cicp))
    names += ["HDR gain map"] * (format != "jpeg" and bool(said.gain_map))
    if names:
        warn(f"{format.upper()} has no place for: {', '.join(names)}")


def _by_rows(picture: Picture, format: str) -> bool:
    """Whether there is a better writer than Pillow's, or a picture is too large or too deep for that."""
    if picture.width * picture.height > huge.FROM:
        return format in _DEEP or huge.is_there()
    return format in ("png", "tiff") or (format in _DEEP and picture.bit_depth == 16)


def _check(picture: Picture, format: str, by_rows: bool) -> None:
    if format not in FORMAT_BY_SUFFIX.values():
        known = ", ".join(dict.fromkeys(FORMAT_BY_SUFFIX.values()))
        raise UsageError(f"no format {format!r}; choose from {known}")
    if picture.alpha is not None and format in ("jpeg", "ppm"):
        raise UsageError(f"{format.upper()} has no alpha: choose png, webp or tiff")
    limit = _MAX_SIDES.get(format)
    if limit and max(picture.width, picture.height) > limit:
        raise UsageError(f"{format.upper()} ends at {limit} pixels a side: choose png or tiff")
    if not by_rows and picture.width * picture.height > HELD:
        raise UsageError(
            f"{picture.width} x {picture.height} pixels as {format.upper()} take libvips: choose png or "
            f"tiff, or {adding('huge')}"
        )


def to_pil(picture: Picture, *, warn: Warn = silent) -> Image.Image:
    """Return a Pillow image with ICC, EXIF, XMP and the resolution in its `info`.

    16-bit grey becomes mode I;16; Pillow has no 16-bit colour or alpha, so these are rounded to 8 bit, from
    whatever range they have.
    """
    picture = _in_own_space(picture, warn)
    if picture.top < 65535:
        deep = picture.channels == 1 and picture.alpha is None
        picture = value_range.narrowed(picture) if deep else value_range.whole(picture)
    if picture.bit_depth == 16 and (picture.channels == 3 or picture.alpha is not None):
        warn("PIL has 8 bits of the 16 that the picture has: nic_cli.open(...).to_array() gives them")
        picture = _in_8_bit(picture)
    image = Image.fromarray(modes.join(picture.pixels[: picture.height], picture.alpha))
    said = picture.metadata
    _name_left_out(said, "pil", warn)
    known: dict[str, Any] = {"icc_profile": said.icc, "exif": PREFIX * bool(said.exif) + said.exif}
    known |= {"xmp": said.xmp, **side_output.pil_info(said.resolution)}
    image.info.update({key: data for key, data in known.items() if data})
    return image


def to_array(picture: Picture, *, warn: Warn = silent) -> PixelArray:
    """Return [H, W] or [H, W, 2..4] of the picture's own depth, in the space of its profile, else in sRGB."""
    picture = _in_own_space(picture, warn)
    if picture.top < 65535:
        picture = value_range.narrowed(picture)
    return modes.join(picture.pixels[: picture.height], picture.alpha)


def _in_own_space(picture: Picture, warn: Warn) -> Picture:
    """`picture` with its values in the space of its profile, ready to carry it."""
    if not picture.original_space:
        return picture
    icc = picture.metadata.icc
    try:
        if picture.bit_depth == 16 or picture.channels != 3 or colour.space(icc) != "RGB":
            raise ValueError("the ICC profile does not describe these pixels")
        if not colour.has_way_back(icc):
            raise ValueError("the ICC profile leads one way only")
        pixels = colour.applied(colour.from_srgb, picture.pixels, icc)
    except ValueError as error:
        warn(f"written as sRGB without the original profile: {error}")
        return replace(picture, metadata=replace(picture.metadata, icc=b""), original_space=False)
    return replace(picture, pixels=pixels, original_space=False)


def _in_8_bit(picture: Picture) -> Picture:
    if picture.bit_depth == 8:
        return picture
    alpha = None if picture.alpha is None else _rounded(picture.alpha)
    return replace(picture, pixels=colour.changed(picture.pixels, _rounded), alpha=alpha)


def _rounded(values: PixelArray) -> PixelArray:
    """16 bit -> 8 bit, the nearest: 65535 is 257 times 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _embedded(said: Metadata, format: str, warn: Warn) -> dict[str, Any]:
    """Arguments of Pillow's `save` that embed the metadata."""
    if format == "ppm":
        return {}
    found: dict[str, Any] = {"exif": PREFIX + said.exif if said.exif else b"", "xmp": said.xmp}
    if format == "jpeg":
        for key in [key for key, limit in _MAX_SEGMENT.items() if len(found[key]) > limit]:
            warn(f"{len(found.pop(key))} bytes of {key.upper()} are too many for JPEG and were left out")
    return {key: value for key, value in found.items() if value} | {"icc_profile": said.icc or None}
