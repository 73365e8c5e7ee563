"""From a file, a stream, a Pillow image or an array to a Picture: upright, at its full depth."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from nic_cli import bounded
from nic_cli.errors import NicError, PictureError, UsageError
from nic_cli.extras import adding
from nic_cli.image import colour, colour_space, huge, metadata, modes, value_range
from nic_cli.image.ancillary import gathered, isobmff
from nic_cli.image.ancillary.colour_codes import ColourCode
from nic_cli.image.formats import tiff
from nic_cli.image.formats.sixteen_bit import by_planes, grey_values, is_narrowed, read_deep
from nic_cli.image.frames import refuse_several
from nic_cli.image.opening import (
    Warn,
    accepting_truncated,
    is_announced,
    loading,
    open_image,
    refusing,
    silent,
)
from nic_cli.limits import HELD, check_size
from nic_cli.types import Metadata, Picture, PixelArray

_HEAD = 1 << 16
_MAX_STREAM = 8 * HELD
"""Bytes taken from a stream that cannot be rewound: the largest picture uncompressed; some never end."""


def read(
    source: Path | BinaryIO,
    name: str = "the picture",
    *,
    warn: Warn = silent,
    frame: int | None = None,
    most: int | None = None,
    hdr: bool = False,
    truncated: bool = False,
    file_name: str = "",
    opened: Callable[[int, int], None] | None = None,
) -> Picture:
    """Read the picture in `source`; `name` stands for it in errors and in the notices given to `warn`.

    frame: which one to take of several frames or pages, from 1. most: pixels that it may have, None for
    what can be held or, where libvips reads it by rows, four times that. hdr: keep the code of HDR colours,
    in 16 bits. truncated: take what there is of one that is cut short. file_name: of the original, to be
    kept; that of a path by itself. opened: told of width and height as soon as they are known, before the
    pixels are read. Raises PictureError for what is not a picture, damaged, too large, or of several frames
    with none named, NicError for a file that cannot be opened.
    """
    wanted = _Wanted(frame, most, hdr, truncated, file_name, opened)
    if isinstance(source, Path):
        try:
            stream = source.open("rb")
        except OSError as error:
            raise NicError(f"{name}: cannot be read: {error.strerror or error}; check the path") from error
        with stream:
            named = replace(wanted, file_name=file_name or source.name)
            return _read(_rewindable(stream, name), name, warn, named)
    return _read(_rewindable(source, name), name, warn, wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options of `read`."""

    frame: int | None
    most: int | None
    hdr: bool
    truncated: bool
    file_name: str
    opened: Callable[[int, int], None] | None


def _rewindable(stream: BinaryIO, name: str) -> BinaryIO:
    if stream.seekable():
        return stream
    with refusing(name):
        head = bounded.read(stream, _HEAD)
        if len(head) > _HEAD and not is_announced(head):
            return io.BytesIO(head)  # enough for it to be refused
        kept = bounded.spooled(stream, _MAX_STREAM, head)
        if kept.seek(0, 2) > _MAX_STREAM:
            raise PictureError(f"{name}: over {_MAX_STREAM} bytes and no end; give a file instead")
        kept.seek(0)
        return kept


def _read(stream: BinaryIO, name: str, warn: Warn, wanted: _Wanted) -> Picture:
    start = stream.tell()
    stream = io.BytesIO(stream.read()) if start else stream  # Pillow counts from the very beginning
    try:
        return _whole(stream, name, warn, wanted)
    except PictureError as error:
        if not (wanted.truncated and isinstance(error.__cause__, Exception)):
            raise
        stream.seek(0)
        with accepting_truncated():
            picture = _whole(stream, name, silent, wanted)
        warn(f"{name}: cut short: what is missing of it is grey or black")
        return picture


def _whole(stream: BinaryIO, name: str, warn: Warn, wanted: _Wanted) -> Picture:
    frame, most = wanted.frame, wanted.most

    def again() -> ImageFile.ImageFile:
        stream.seek(0)
        return open_image(stream, name, formats=_formats(image), frame=frame, most=most)

    image = open_image(stream, name, warn, frame=frame, most=most)
    with refusing(name):
        told = _told(stream, image, wanted.file_name, name, warn)
    if huge.takes(image):
        picture, orientation = huge.read(stream, image, name, warn, told.beside, truncated=wanted.truncated)
        if image.format in colour_space.OF_CODES:
            picture = replace(picture, metadata=replace(picture.metadata, icc=told.icc))
        picture = gathered.upright(picture, orientation, name, warn)
        picture = colour_space.settled(picture, told.code, name, warn, hdr=wanted.hdr)
        return value_range.stretched(picture, name, warn)
    if most is None and image.width * image.height > HELD:
        raise PictureError(
            f"{name}: {image.width} x {image.height} pixels are too many to be held; libvips reads "
            f"PNG, JPEG and TIFF by rows: {adding('huge')}"
        )
    if wanted.opened is not None:
        wanted.opened(image.width, image.height)
    with loading(image, name, warn):
        deep = read_deep(stream, image, again, name)
        return _picture(image, deep, told, name, warn, hdr=wanted.hdr)


def from_pil(
    image: Image.Image, name: str = "the image", *, warn: Warn = silent, hdr: bool = False
) -> Picture:
    """Take the picture from a Pillow image, which is left as it was. Raises PictureError as `read` does."""
    check_size(image.width, image.height, name)
    refuse_several(image, name)
    with refusing(name):
        stream = getattr(image, "fp", None)
        stream = stream if stream is not None and not stream.closed and stream.seekable() else None
        at = 0 if stream is None else stream.tell()
        told = _told(stream, image, "", name, silent) if stream else _told_again(image, name)
        # Whoever took metadata out of `info` must find none in the file.
        if said := gathered.titles(told.beside):
            warn(f"{name}: left out, since only files have it: {', '.join(said)}; give the file")
        told = replace(told, beside=Metadata())
        deep = _unnarrowed(image, stream, name)
        if stream is not None:
            stream.seek(at)
        return _picture(image, deep, told, name, warn, hdr=hdr)


def _formats(image: Image.Image) -> tuple[str, ...]:
    """What a file is to be opened as once more; MPO is a JPEG to begin with."""
    return ("JPEG",) if image.format == "MPO" else (str(image.format),)


def _told_again(image: Image.Image, name: str) -> _Told:
    """The same of an image whose file Pillow has closed: from that file, if it is still there."""
    path = getattr(image, "filename", "") if isinstance(image, ImageFile.ImageFile) else ""
    if path:
        with suppress(OSError, NicError), Path(os.fsdecode(path)).open("rb") as stream:
            other = open_image(stream, name, formats=_formats(image), frame=image.tell() + 1)
            if (other.format, other.size) == (image.format, image.size):
                return replace(_told(stream, image, "", name, silent), lying=0)
    return _told(None, image, "", name, silent)


def _unnarrowed(image: Image.Image, stream: BinaryIO | None, name: str) -> PixelArray | None:
    """Values that Pillow would narrow as it loads an image: of one that it has not loaded, from its file."""
    tiff.check(image, name)
    if not getattr(image, "tile", None) or stream is None:
        if by_planes(image):
            raise PictureError(
                f"{name}: a TIFF in planes, of which Pillow has made noise; give the file instead"
            )
        return grey_values(image)
    page = image.tell() + 1

    def again() -> ImageFile.ImageFile:
        stream.seek(0)
        return open_image(stream, name, formats=_formats(image), frame=page, most=HELD)

    return read_deep(stream, again(), again, name)


def from_array(array: Any, *, warn: Warn = silent) -> Picture:
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
    return value_range.stretched(Picture(pixels, alpha), "the array", warn)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a file says that Pillow does not hand on, or not once it has loaded the pixels.

    aperture: x, y, width and height of what is shown of them. lying: their orientation, 0 where nothing but
    EXIF or XMP says so.
    """

    icc: bytes
    code: ColourCode | None
    aperture: tuple[int, int, int, int] | None
    lying: int
    beside: Metadata


def _told(stream: BinaryIO | None, image: Image.Image, file_name: str, name: str, warn: Warn) -> _Told:
    """stream: what `image`, not loaded, was opened from; None where that is gone."""
    icc, code = colour_space.said(stream, image, name, warn)
    lying = tiff.orientation(image) if image.format == "TIFF" else 0
    if stream is None:
        return _Told(icc, code, None, lying, Metadata())
    aperture, place = None, stream.tell()
    if image.format == "AVIF":  # of HEIC libheif has heeded both
        aperture = isobmff.clean_aperture(stream)
        lying = isobmff.orientation(stream) if isobmff.transforms(stream) else 0
    beside = gathered.gather(stream, image, file_name, name, warn)
    stream.seek(place)
    return _Told(icc, code, aperture, lying, beside)


def _picture(
    image: Image.Image, deep: PixelArray | None, told: _Told, name: str, warn: Warn, *, hdr: bool
) -> Picture:
    """Join the values of an image, `deep` where they are 16-bit colour, with what it says of itself."""
    if deep is None and is_narrowed(image):
        warn(f"{name}: more than 8 bits a channel, of which 8 were kept; give the values as PNG or an array")
    value = modes.transparent_value(image)
    if not by_planes(image):
        image.load()  # some formats say the rest after their pixels
    said, orientation = metadata.gather(image, name, warn, told.beside)
    before = told.lying or orientation
    orientation = (
        1 if image.format == "TIFF" else before
    )  # whose values Pillow, or who read planes, has turned
    if image.format in colour_space.OF_CODES:
        said = replace(said, icc=told.icc)
    if deep is None:
        image = modes.plain(image, name, value)
        if image.mode == "CMYK":
            image, said = colour.from_cmyk(said.icc, name, warn)(image), replace(said, icc=b"")
        deep = np.asarray(image)
    if told.aperture is not None:
        x, y, width, height = told.aperture
        deep = deep[y : y + height, x : x + width]
    pixels, alpha = modes.split(deep)
    picture = colour_space.settled(Picture(pixels, alpha, said), told.code, name, warn, hdr=hdr)
    alpha = None if picture.alpha is None else metadata.turn(picture.alpha, orientation)
    picture = replace(picture, pixels=metadata.turn(picture.pixels, orientation), alpha=alpha)
    return value_range.stretched(gathered.upright(picture, before, name, warn), name, warn)
