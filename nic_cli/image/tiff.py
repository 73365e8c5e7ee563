"""TIFF where Pillow's reader falls short: what it cannot open, 16-bit planes and grey, words past Python."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from nic_cli.errors import PictureError

_BITS, _PHOTOMETRIC, _PLANES, _EXTRA, _KIND = 258, 262, 284, 338, 339
_FLOAT = 3
_HEADS = {b"II*\0": 4, b"MM\0*": 4, b"II+\0": 12, b"MM\0+": 12}
_SAID = 1 << 16


def advise(stream: BinaryIO, name: str) -> None:
    """Raise PictureError that says what a TIFF that Pillow cannot open holds; do nothing for other files."""
    stream.seek(0)
    head = stream.read(4)
    if head not in _HEADS:
        return
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(head + stream.read(_HEADS[head]))
        stream.seek(tags.next)
        tags.load(stream)
        bits, kinds = tags.get(_BITS, (1,)), tags.get(_KIND, (1,))
    except Exception:  # Pillow raises what it likes on broken directories, and has refused this file anyway
        return
    what = f"{len(bits)} {max(bits)}-bit {'floating-point ' if _FLOAT in kinds else ''}samples a pixel"
    raise PictureError(
        f"{name}: TIFF of {what} is not supported; save it as PNG, or as TIFF in 8- or 16-bit RGB"
    )


def read_planes(stream: BinaryIO, image: Image.Image, name: str) -> NDArray[np.uint16]:
    """Return the values [H, W, 3 or 4] of 16-bit RGB in separate planes, which Pillow reads as noise.

    Raises PictureError for other colours, and where tifffile, which reads them, is not installed or cannot.
    """
    refusal = f"{name}: 16-bit TIFF in separate planes"
    if image.mode not in ("RGB", "RGBA"):
        raise PictureError(f"{refusal} is read in RGB only; save it interleaved")
    try:
        import tifffile
    except ImportError as error:
        raise PictureError(
            f"{refusal} takes tifffile, pip install 'nic-cli[formats]'; or save it interleaved"
        ) from error
    stream.seek(0)
    try:
        values = tifffile.TiffFile(stream).pages[image.tell()].asarray()
    except Exception as error:
        raise PictureError(f"{refusal} cannot be read ({error}); save it interleaved") from error
    planes = values.reshape(-1, image.height, image.width)[: len(image.getbands())]
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2), np.uint16)


def in_planes(image: Image.Image) -> bool:
    """Whether the samples of a pixel lie in planes of their own."""
    return getattr(image, "tag_v2", {}).get(_PLANES) == 2 and len(image.getbands()) > 1


def premultiplied(image: Image.Image) -> bool:
    """Whether the colours of a TIFF were multiplied by its alpha."""
    return image.mode == "RGBA" and 1 in getattr(image, "tag_v2", {}).get(_EXTRA, ())


def whitened(image: Image.Image) -> NDArray[np.uint16] | None:
    """Return 12- and 16-bit grey [H, W] with 65535 as white where a TIFF has it another way, else None."""
    tags = getattr(image, "tag_v2", {})
    bits, inverted = tags.get(_BITS, (8,))[0], tags.get(_PHOTOMETRIC) == 0
    if not image.mode.startswith("I;16") or (bits == 16 and not inverted):
        return None
    white = (1 << bits) - 1
    values = np.asarray(image).astype(np.uint32)
    values = (values * 65535 + white // 2) // white
    return np.asarray(65535 - values if inverted else values, np.uint16)


@contextmanager
def overheard(name: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Hand the complaints of libtiff, which writes to descriptor 2 past Python, to `warn` if all goes well.

    In the main thread only: the descriptor belongs to the whole process, and what others say in the
    meantime would be taken for libtiff's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with tempfile.TemporaryFile() as file:
        try:
            kept = os.dup(2)
        except OSError:  # closed: nobody is disturbed
            yield
            return
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        lines = dict.fromkeys(file.read(_SAID).decode("utf-8", "replace").splitlines())
    said = [line for line in lines if line.isprintable()]  # not a piece of a progress bar
    if said:
        more = f", and {len(said) - 1} more" if len(said) > 1 else ""
        warn(f"{name}: {said[0].rstrip('.')}{more}; look whether the picture is whole")
