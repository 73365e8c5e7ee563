"""The one door to Pillow's readers: few formats, bounded sizes, one kind of error.

Pillow knows more than forty formats; every parser is a risk, so only those named here are asked.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from nic_cli.errors import NicError, PictureError

Warn = Callable[[str], None]
"""Is given one-line notices about what could not be kept."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "QOI")
MAX_PIXELS = 1 << 28
"""Beyond this a picture in memory is over a gigabyte with its alpha; the container has the same limit."""
MAX_SIDE = 1 << 20
"""The most that the container can declare."""

_globals = threading.RLock()


def silent(message: str) -> None:
    """Drop a notice: the default where nobody listens."""


def open_image(
    stream: BinaryIO, name: str, warn: Warn = silent, formats: tuple[str, ...] = FORMATS
) -> ImageFile.ImageFile:
    """Open a seekable `stream` without decoding a pixel; the caller loads it inside `refusing`.

    Raises PictureError when it is empty, of no known format, animated, or larger than the limits.
    """
    with refusing(name):
        if not stream.read(1):
            raise PictureError(f"{name}: empty, not a picture; check how the file was made")
        stream.seek(0)
        image = _open_lifted(stream, name, warn, formats)
        check_size(image.width, image.height, name)
        check_frames(image, name)
    return image


def _open_lifted(stream: BinaryIO, name: str, warn: Warn, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    if not set(formats) <= set(Image.OPEN):
        Image.init()
    known = [format for format in formats if format in Image.OPEN]  # AVIF and QOI depend on the build
    # Pillow's own limit is global to the process. It is lifted only while a header is read, since
    # `check_size` stands in for it, and two threads never undo each other.
    with quietly(name, warn):
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=known)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def quietly(name: str, warn: Warn) -> Iterator[None]:
    """Hand Python's warnings to `warn`, a line each.

    One thread at a time, since the filters are global too; what other threads warn of is dropped.
    """
    mine, caught = threading.get_ident(), dict[str, None]()

    def keep(message: Warning | str, *_: object) -> None:
        if threading.get_ident() == mine:
            caught[" ".join(str(message).split())] = None

    with _globals, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = keep  # type: ignore[assignment]  # put back with the filters
        yield
    for line in caught:
        warn(f"{name}: {line}")


def check_size(width: int, height: int, name: str) -> None:
    """Raise PictureError where a picture of this declared size is empty or too large to be held."""
    if width < 1 or height < 1:
        raise PictureError(f"{name}: {width} x {height} pixels, nothing to read; check how the file was made")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise PictureError(
            f"{name}: {width} x {height} pixels is over the limit of 2^28 pixels and 2^20 a side; "
            "cut or shrink the picture first"
        )


def check_frames(image: Image.Image, name: str) -> None:
    """Raise PictureError where `image` holds several pictures; extra views of a camera (MPO) do not count."""
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format != "MPO":
        raise PictureError(f"{name}: holds {count} frames or pages; extract the one you want first")


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn whatever a reader raises on bad data into one PictureError that names the picture.

    Pillow's readers raise nearly any class on damaged input, so all are caught here, and only here.
    """
    try:
        yield
    except NicError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name}: not a picture in a format we read, or cut short; convert it to PNG, JPEG, WebP or TIFF"
        ) from error
    except MemoryError as error:
        raise NicError(f"{name}: not enough memory to read it; free some, or cut the picture") from error
    except OSError as error:
        if error.errno is not None:  # the disk, not the data
            raise NicError(f"{name}: cannot be read: {error.strerror}; check the file") from error
        raise PictureError(_damaged(name, error)) from error
    except Exception as error:
        raise PictureError(_damaged(name, error)) from error


def _damaged(name: str, error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return f"{name}: damaged or cut short ({said}); fetch or export the picture again"
