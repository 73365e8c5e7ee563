"""TIFF where Pillow's reader falls short: samples it mistakes, planes, deep grey, words past Python."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from nic_cli.errors import PictureError
from nic_cli.extras import adding

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _COUNT, _PLANES = 256, 257, 258, 262, 274, 277, 284
_STRIPS, _TILES, _EXTRA, _KIND = 273, 324, 338, 339
SIGNED = "signed"
_KINDS = {2: SIGNED, 3: "floating-point", 5: "complex", 6: "complex"}
_ADVICE = "convert to 8 or 16 bit first, with black at 0"
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}
"""Samples that a pixel has, by photometric interpretation: grey, RGB, palette, mask, CMYK, YCbCr, Lab."""
_LAB = (8, 9, 10)
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")
_HEADS = {b"II*\0": 4, b"MM\0*": 4, b"II+\0": 12, b"MM\0+": 12}
_SAID = 1 << 16
_MOST_SAMPLES = (1 << 16) - 1  # SamplesPerPixel is a SHORT (TIFF 6.0, page 39); Pillow reads other types too


def advise(stream: BinaryIO, name: str) -> None:
    """Raise PictureError that says what a TIFF that Pillow cannot open holds; do nothing for other files."""
    stream.seek(0)
    head = stream.read(4)
    if head not in _HEADS:
        return
    if head == b"MM\0+":
        raise PictureError(f"{name}: a BigTIFF with the highest byte first is not supported; save it as TIFF")
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(head + stream.read(_HEADS[head]))
        stream.seek(tags.next)
        tags.load(stream)
        said = samples_of(tags)
    except Exception:  # Pillow raises what it likes on broken directories, and has refused this file anyway
        return
    if not {_STRIPS, _TILES} & set(tags):  # a directory that is cut off
        return
    said.check(name)
    raise PictureError(
        f"{name}: TIFF of {said.count} {said.bits}-bit samples a pixel is not supported; save it as PNG, or "
        "as TIFF in 8- or 16-bit RGB"
    )


@dataclass(frozen=True, slots=True)
class Samples:
    """What a pixel of a TIFF is made of. kind: "", "signed", "floating-point" or "complex".

    extra: of those over what the colours need, what each means: 0 nothing, 1 alpha that the colours were
    multiplied by, 2 alpha.
    """

    count: int
    bits: int
    kind: str
    extra: tuple[int, ...]

    def check(self, name: str) -> None:
        """Raise PictureError, with the next step, for samples that would be taken for others."""
        if self.kind and (self.kind != SIGNED or self.bits == 8):  # others may have no value below 0
            raise PictureError(f"{name}: {self.kind} {self.bits}-bit pixels are not supported; {_ADVICE}")
        lost = len(self.extra) - (self.extra[:1] in ((1,), (2,)))
        if lost:
            plural = "has no meaning" if lost == 1 else "have no meaning"
            raise PictureError(
                f"{name}: TIFF of {self.count} samples a pixel, of which {lost} {plural} to us; save grey, "
                "RGB or RGBA, and other channels as pictures of their own"
            )


def samples_of(tags: Mapping[int, Any]) -> Samples:
    """What the tags of a TIFF say of its samples. Raises PictureError for more than can be."""
    bits, kinds, count = tags.get(_BITS, (1,)), tags.get(_KIND, (1,)), int(tags.get(_COUNT, 1))
    if count > _MOST_SAMPLES:
        raise PictureError(f"a TIFF of {count} samples a pixel, more than the format has; convert it to PNG")
    colours = _COLOURS.get(tags.get(_PHOTOMETRIC, 1), count)
    extra = tuple(tags.get(_EXTRA, ()))[: max(0, count - colours)]
    extra += (0,) * (count - colours - len(extra))
    return Samples(count, max(bits), _KINDS.get(max(kinds), ""), extra)


def check(image: Image.Image, name: str) -> None:
    """Raise PictureError for an opened TIFF whose samples would come out as others."""
    if image.format == "TIFF":
        samples_of(getattr(image, "tag_v2", {})).check(name)


def is_plain(image: Image.Image) -> bool:
    """Whether an opened TIFF has samples that libvips reads as Pillow does."""
    tags = getattr(image, "tag_v2", {})
    said = samples_of(tags)
    return not said.kind and said.bits in (1, 8, 16) and tags.get(_PHOTOMETRIC) not in _LAB


def orientation(image: Image.Image) -> int:
    """How the pixels of a TIFF lie, 1..8, until they are loaded: then Pillow has turned them."""
    found: Any = getattr(image, "tag_v2", {}).get(_ORIENTATION)
    if found is None and (said := _XMP_ORIENTATION.search(bytes(image.info.get("xmp") or b""))):
        found = int(said[1])  # as Pillow heeds it
    return int(found) if found in range(1, 9) else 1


def read_planes(stream: BinaryIO, image: Image.Image, name: str) -> NDArray[Any]:
    """Return the values [H, W, 1..4], as they lie, of separate planes, which Pillow reads as noise or not.

    Raises PictureError for other colours, and where tifffile, which reads them, is not installed or cannot.
    """
    bits = samples_of(getattr(image, "tag_v2", {})).bits
    refusal = f"{name}: {bits}-bit TIFF in separate planes{' times alpha' if bits == 8 else ''}"
    if image.mode not in ("RGB", "RGBA"):
        raise PictureError(f"{refusal} is read in RGB only; save it interleaved")
    try:
        import tifffile
    except ImportError as error:
        raise PictureError(
            f"{refusal} takes tifffile, {adding('formats')}; or save it interleaved"
        ) from error
    stream.seek(0)
    try:
        values = tifffile.TiffFile(stream).pages[image.tell()].asarray()
    except Exception as error:
        raise PictureError(f"{refusal} cannot be read ({error}); save it interleaved") from error
    tags = getattr(image, "tag_v2", {})
    planes = values.reshape(-1, tags[_HEIGHT], tags[_WIDTH])[: len(image.getbands())]
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2), values.dtype.newbyteorder("="))


def in_planes(image: Image.Image) -> bool:
    """Whether the samples of a pixel lie in planes of their own."""
    return getattr(image, "tag_v2", {}).get(_PLANES) == 2 and len(image.getbands()) > 1


def premultiplied(image: Image.Image) -> bool:
    """Whether the colours of a TIFF were multiplied by its alpha."""
    return 1 in getattr(image, "tag_v2", {}).get(_EXTRA, ())


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
