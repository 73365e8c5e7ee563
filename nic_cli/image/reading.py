"""From a file, a stream, a Pillow image or an array to a Picture: upright, in sRGB, at its full depth."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from nic_cli.errors import NicError, PictureError, UsageError
from nic_cli.image import colour, huge, metadata, modes, tiff
from nic_cli.image.frames import refuse_several
from nic_cli.image.opening import (
    Warn,
    loading,
    open_image,
    refusing,
    silent,
)
from nic_cli.image.sixteen_bit import by_planes, grey_values, is_narrowed, read_deep
from nic_cli.limits import HELD, check_size
from nic_cli.types import Picture, PixelArray

_MAX_STREAM = 8 * HELD
"""Bytes taken from a stream that cannot be rewound: the largest picture uncompressed; some never end."""


def read(
    source: Path | BinaryIO,
    name: str = "the picture",
    *,
    warn: Warn = silent,
    frame: int | None = None,
    most: int | None = None,
    opened: Callable[[int, int], None] | None = None,
) -> Picture:
    """Read the picture in `source`; `name` stands for it in errors and in the notices given to `warn`.

    frame: which one to take of several frames or pages, from 1. most: pixels that it may have, None for
    what can be held or, where libvips reads it by rows, four times that. opened: told of width and height as
    soon as they are known, before the pixels are read. Raises PictureError for what is not
    a picture, damaged, too large, or of several frames with none named, NicError for a file that cannot be
    opened.
    """
    if isinstance(source, Path):
        try:
            stream = source.open("rb")
        except OSError as error:
            raise NicError(f"{name}: cannot be read: {error.strerror}; check the path") from error
        with stream:
            return _read(_rewindable(stream, name), name, warn, frame, most, opened)
    return _read(_rewindable(source, name), name, warn, frame, most, opened)


def _rewindable(stream: BinaryIO, name: str) -> BinaryIO:
    if stream.seekable():
        return stream
    with refusing(name):
        data = stream.read(_MAX_STREAM + 1)
    if len(data) > _MAX_STREAM:
        raise PictureError(f"{name}: over {_MAX_STREAM} bytes and no end; give a file instead")
    return io.BytesIO(data)


def _read(
    stream: BinaryIO,
    name: str,
    warn: Warn,
    frame: int | None,
    most: int | None,
    opened: Callable[[int, int], None] | None,
) -> Picture:
    start = stream.tell()
    stream = io.BytesIO(stream.read()) if start else stream  # Pillow counts from the very beginning

    def again() -> ImageFile.ImageFile:
        stream.seek(0)
        return open_image(stream, name, formats=(str(image.format),), frame=frame, most=most)

    image = open_image(stream, name, warn, frame=frame, most=most)
    if huge.takes(image):
        return _in_srgb(huge.read(stream, image, name, warn), name, warn)
    if most is None and image.width * image.height > HELD:
        raise PictureError(
            f"{name}: {image.width} x {image.height} pixels are too many to be held; pip install "
            "'nic-cli[huge]' reads PNG, JPEG and TIFF by rows"
        )
    if opened is not None:
        opened(image.width, image.height)
    with loading(image, name, warn):
        deep = read_deep(stream, image, again, name)
        return _picture(image, deep, name, warn)


def from_pil(image: Image.Image, name: str = "the image", *, warn: Warn = silent) -> Picture:
    """Take the picture from a Pillow image, which is left as it was. Raises PictureError as `read` does."""
    check_size(image.width, image.height, name)
    refuse_several(image, name)
    with refusing(name):
        return _picture(image, _unnarrowed(image, name), name, warn)


def _unnarrowed(image: Image.Image, name: str) -> PixelArray | None:
    """Values that Pillow would narrow as it loads an image: of one that it has not loaded, from its file."""
    tiff.check(image, name)
    stream = getattr(image, "fp", None)
    if not getattr(image, "tile", None) or stream is None or not stream.seekable():
        if by_planes(image):
            raise PictureError(
                f"{name}: a TIFF in planes, of which Pillow has made noise; give the file instead"
            )
        return grey_values(image)
    at, page = stream.tell(), image.tell() + 1

    def again() -> ImageFile.ImageFile:
        stream.seek(0)
        return open_image(stream, name, formats=(str(image.format),), frame=page, most=HELD)

    try:
        return read_deep(stream, again(), again, name)
    finally:
        stream.seek(at)


def from_array(array: Any) -> Picture:
    """Take the picture from uint8 or uint16 [H, W] or [H, W, C]: C = 1 grey, 2 with alpha, 3 RGB, 4 RGBA.

    Values are sRGB. Raises UsageError for other types and shapes.
    """
    values = np.asarray(array)
    if values.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise UsageError(f"pixels of type {values.dtype}; convert them to uint8 or uint16")
    if values.ndim not in (2, 3) or (values.ndim == 3 and not 1 <= values.shape[2] <= 4):
        raise UsageError(f"an array of shape {list(values.shape)}; give [H, W] or [H, W, 1 to 4]")
    try:
        check_size(values.shape[1], values.shape[0], "the array")
    except PictureError as error:
        raise UsageError(str(error)) from error
    pixels, alpha = modes.split(np.array(values, dtype=values.dtype.newbyteorder("=")))
    return Picture(pixels, alpha)


def _picture(image: Image.Image, deep: PixelArray | None, name: str, warn: Warn) -> Picture:
    """Join the values of an image, `deep` where they are 16-bit colour, with what it says of itself."""
    if deep is None and is_narrowed(image):
        warn(f"{name}: more than 8 bits a channel, of which 8 were kept; give the values as PNG or an array")
    value = modes.transparent_value(image)
    if not by_planes(image):
        image.load()  # some formats say the rest after their pixels
    said, orientation = metadata.gather(image, name, warn)
    if by_planes(image):
        orientation = 1  # that of the values has been heeded
    if deep is None:
        image = modes.plain(image, name, value)
        if image.mode == "CMYK":
            image, said = colour.from_cmyk(said.icc, name, warn)(image), replace(said, icc=b"")
        deep = np.asarray(image)
    pixels, alpha = modes.split(deep)
    picture = _in_srgb(Picture(pixels, alpha, said), name, warn)
    upright = metadata.turn(picture.pixels, orientation)
    return replace(
        picture, pixels=upright, alpha=None if alpha is None else metadata.turn(alpha, orientation)
    )


def _in_srgb(picture: Picture, name: str, warn: Warn) -> Picture:
    """`picture`, in whose profile's values it is, brought to sRGB; a profile of no use is left out."""
    icc = picture.metadata.icc
    if not icc:
        return picture
    try:
        if colour.space(icc) != ("L" if picture.channels == 1 else "RGB"):
            raise ValueError("it describes other channels")
        if picture.channels == 1 or picture.bit_depth == 16 or colour.is_srgb(icc):
            return picture  # littleCMS is asked for 8-bit RGB only
        pixels = colour.applied(colour.to_srgb, picture.pixels, icc)
    except ValueError as error:
        warn(f"{name}: the ICC profile was left out and sRGB taken: {error}")
        return replace(picture, metadata=replace(picture.metadata, icc=b""))
    picture = replace(picture, pixels=pixels, original_space=True)
    if not colour.has_way_back(icc):
        warn(f"{name}: the ICC profile leads to sRGB but not back; the picture stays in sRGB without it")
        return replace(picture, metadata=replace(picture.metadata, icc=b""), original_space=False)
    return picture
