"""The one door to Pillow's readers: few formats, bounded sizes, one kind of error.

Pillow knows more than forty formats; every parser is a risk, so only those named here are asked.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from nic_cli.errors import NicError, PictureError
from nic_cli.image import frames
from nic_cli.image.formats import plugins, tiff
from nic_cli.limits import HELD, MOST, check_size

Warn = Callable[[str], None]
"""Is given one-line notices about what could not be kept."""

READ_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "QOI", *plugins.PLUGIN_FORMATS)
MAX_ITEM = 1 << 24
"""Bytes of one item of metadata; what the container holds in one chunk."""

one_at_a_time = threading.RLock()  # held by whoever changes what is the whole process's, and to warn
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its complaints go to standard error

TAKEN = ", or take what there is with --accept-truncated"
"""Ends the line about a picture that is cut short."""


def silent(message: str) -> None:
    """Drop a notice: the default where nobody listens."""


def open_image(
    stream: BinaryIO,
    name: str,
    warn: Warn = silent,
    formats: tuple[str, ...] = READ_FORMATS,
    frame: int | None = None,
    most: int | None = None,
) -> ImageFile.ImageFile:
    """Open a seekable `stream`, nearly always without decoding; the caller loads it inside `refusing`.

    frame: which one to take of several, from 1. most: pixels it may have, None for what rows may have.
    Raises PictureError when it is empty, of no known format, larger than the limits, when it holds several
    frames and none is named, or not the one named.
    """
    with refusing(name):
        if not stream.read(1):
            raise PictureError(f"{name}: empty, not a picture; check how the file was made")
        if early := plugins.prepare(stream, name, formats):
            check_size(*early, name, most or HELD)
        image = _open_lifted(stream, name, warn, formats)
        check_size(image.width, image.height, name, most or MOST)
        plugins.complete(image, stream, name, warn, MAX_ITEM)
        frames.choose(image, frame, name)
        tiff.check(image, name)
        check_size(image.width, image.height, name, most or MOST)  # of a page
    return image


def is_announced(head: bytes) -> bool:
    """Whether the first bytes of a file may be those of a picture that we read."""
    if plugins.announced(head):
        return True
    Image.init()
    accepting = [Image.OPEN[format][1] for format in READ_FORMATS if format in Image.OPEN]
    return any(accept is None or accept(head) for accept in accepting)


def _open_lifted(stream: BinaryIO, name: str, warn: Warn, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    if not set(formats) <= set(Image.OPEN):
        Image.init()
    known = [format for format in formats if format in Image.OPEN]  # AVIF and QOI depend on the build
    # Pillow's own limits are global to the process. They are lifted only while a header is read, since
    # `check_size` stands in for the first, and two threads never undo each other.
    with quietly(name, warn):
        limits = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, MAX_ITEM
        try:
            return Image.open(stream, formats=known)
        except UnidentifiedImageError:
            tiff.advise(stream, name)
            raise
        except ValueError as error:
            if "Exif" not in str(error):
                raise
            warn(f"{name}: the EXIF data are broken and were left out")
            return Image.open(plugins.without_exif(stream), formats=known)
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = limits


@contextmanager
def quietly(name: str, warn: Warn) -> Iterator[None]:
    """Hand Python's warnings to `warn`, a line each.

    One thread at a time, since the filters are global too; what other threads warn of is dropped.
    """
    mine, caught = threading.get_ident(), dict[str, None]()

    def keep(message: Warning | str, *_: object) -> None:
        if threading.get_ident() == mine:
            caught[" ".join(str(message).split())] = None

    with one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = keep  # type: ignore[assignment]  # put back with the filters
        yield
    for line in caught:
        warn(f"{name}: {line}")


@contextmanager
def accepting_truncated() -> Iterator[None]:
    """Have Pillow take what there is of files cut short: of the whole process, so one thread at a time."""
    with one_at_a_time:
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextmanager
def loading(image: Image.Image, name: str, warn: Warn) -> Iterator[None]:
    """Turn what is raised while `image` is decoded into PictureError, and what is complained of into notices.

    The reader of TIFF alone complains while it decodes.
    """
    with refusing(name):
        if image.format != "TIFF":
            yield
            return
        with quietly(name, warn), tiff.overheard(name, warn):
            yield


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
            raise NicError(f"{name}: cannot be read: {error.strerror or error}; check the file") from error
        raise PictureError(_damaged(name, error)) from error
    except Exception as error:
        raise PictureError(_damaged(name, error)) from error


def _damaged(name: str, error: Exception) -> str:
    said = " ".join(str(error).partition(" Please ")[0].split()) or type(error).__name__
    more = TAKEN if "truncated" in said else ""
    return f"{name}: damaged or cut short ({said}); fetch or export the picture again{more}"
