"""Pictures too large to be held: their rows, read by libvips as they are asked for.

Of 100 megapixels libvips reads PNG, JPEG and TIFF in 1.0, 1.0 and 0.3 s within 150 MB. tifffile, the other
candidate, reads TIFF alone, and holds whatever the file puts into one strip, which often is all of it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.image import colour, metadata
from nic_cli.image.formats import tiff
from nic_cli.image.opening import Warn, refusing
from nic_cli.limits import WHOLE
from nic_cli.types import Metadata, Picture, PixelArray

FROM = WHOLE  # pixels from which on rows are worth it

_FORMATS = ("PNG", "JPEG", "TIFF")
_KEPT = 64
"""Rows given last that may be asked for again: what a picture is extended by may mirror as many."""
_PLAIN = ("b-w", "srgb", "grey16", "rgb16", "cmyk")
_TYPES = {"uchar": np.uint8, "ushort": np.uint16}


def is_there() -> bool:
    """Whether libvips, the extra `huge`, is installed."""
    try:
        import pyvips  # noqa: F401 it loads its library, which may be missing too
    except (ImportError, OSError):
        return False
    return True


def takes(image: Image.Image) -> bool:
    """Whether an opened, unloaded image is to be read by rows."""
    large = image.format in _FORMATS and image.width * image.height > FROM
    return large and (image.format != "TIFF" or tiff.is_plain(image)) and is_there()


def read(
    stream: BinaryIO, image: Image.Image, name: str, warn: Warn, beside: Metadata, *, truncated: bool
) -> tuple[Picture, int]:
    """The picture in `stream`, which is `image` to Pillow, upright; its pixels are `Rows`, not yet in sRGB.

    An alpha that is not opaque is held. beside: what its file says beside ICC, EXIF and XMP. truncated: take
    what there is of it. Returns also the
    orientation that it had.
    """
    with refusing(name):
        said, turned = metadata.gather(image, name, warn, beside)
        page = image.tell() if image.format == "TIFF" else None
        if truncated:
            warn(f"{name}: read by rows: what may be missing at its end is black")
        rows = VipsRows(stream, name, page, turned, truncated=truncated)
        if rows.shape[2] == 4:
            rows.from_cmyk(colour.from_cmyk(said.icc, name, warn))
            said = replace(said, icc=b"")
        return Picture(rows, rows.alpha(), said), turned  # type: ignore[arg-type]


class VipsRows:
    """Rows [h, W, 1 or 3] of a picture that libvips reads from top to bottom, and again if need be.

    turned: the EXIF orientation in which they lie. Colours that were multiplied by alpha libvips has divided.
    """

    def __init__(
        self, stream: BinaryIO, name: str, page: int | None, turned: int, *, truncated: bool = False
    ) -> None:
        self._fail_on = "none" if truncated else "truncated"
        self._name, self._page, self._turned = name, page, turned
        self._data = b""
        try:
            self._descriptor = os.dup(stream.fileno())  # whoever opened it may close it
            weakref.finalize(self, os.close, self._descriptor)
        except OSError:  # in memory
            stream.seek(0)
            self._data = stream.read()
        self._after: Callable[[PixelArray], PixelArray] = _unchanged
        self._inks: Callable[[PixelArray], PixelArray] | None = None
        self._at = 0  # the row that comes next, and rows before it
        self._held: PixelArray = np.empty((0, 0, 0), np.uint8)
        image = self._open()
        self._has_alpha = image.hasalpha()
        channels = image.bands - self._has_alpha
        self.shape: tuple[int, ...] = (image.height, image.width, channels)
        self.dtype = self._kind = np.dtype(_TYPES[image.format])

    def from_cmyk(self, convert: Callable[[Image.Image], Image.Image]) -> None:
        """Have rows [h, W, 4] of inks become RGB, of 8 bits as Pillow has them."""
        deep, self.shape, self.dtype = self.dtype.itemsize == 2, (*self.shape[:2], 3), np.dtype(np.uint8)

        def change(rows: PixelArray) -> PixelArray:
            inks = np.ascontiguousarray(rows >> 8 if deep else rows, np.uint8)
            size = inks.shape[1], inks.shape[0]
            return np.asarray(convert(Image.frombuffer("CMYK", size, inks.tobytes(), "raw", "CMYK", 0, 1)))

        self._inks = change

    def through(self, after: Callable[[PixelArray], PixelArray]) -> VipsRows:
        """These rows, each slice changed by `after`."""
        self._after = after
        self._open()
        return self

    def __getitem__(self, rows: slice) -> PixelArray:
        """The rows of a slice; from the top once more if it begins far above the last one's end."""
        first, end, _ = rows.indices(self.shape[0])
        with refusing(self._name):
            if first < self._at - len(self._held):
                self._open()
            if end > self._at:
                fresh = self._fetched(max(first, self._at), end)
                self._held = np.concatenate((self._held, fresh)) if first < self._at else fresh  # type: ignore[assignment]
                self._at = end
            found: PixelArray = self._held[first - self._at + len(self._held) :][: end - first]
            self._held = self._held[-_KEPT:].copy()
        return found

    def highest(self) -> int:
        """The largest value of all samples, after one more pass over the picture."""
        with refusing(self._name):
            found = int(self._open().extract_band(0, n=self.shape[2]).max())
            self._open()
        return found

    def alpha(self) -> PixelArray | None:
        """The alpha plane [H, W], None where there is none or all is opaque."""
        if not self._has_alpha:
            return None
        with refusing(self._name):
            opaque = self._open()[-1].min() == 256**self.dtype.itemsize - 1
            data = b"" if opaque else self._open()[-1].write_to_memory()
            self._open()
        return None if opaque else np.frombuffer(data, self.dtype).reshape(self.shape[:2])

    def _open(self) -> Any:
        """Begin at the first row."""
        import pyvips

        straight = self._turned == 1
        options: dict[str, Any] = {"access": "sequential" if straight else "random", "fail_on": self._fail_on}
        if self._page is not None:
            options["page"] = self._page
        if self._data:
            source = pyvips.Source.new_from_memory(self._data)
        else:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            source = pyvips.Source.new_from_descriptor(self._descriptor)
        image = pyvips.Image.new_from_source(source, "", **options)
        if not straight:  # libvips unpacks the picture to a temporary file, and reads that from any side
            image = image.copy()
            image.set_type(pyvips.GValue.gint_type, "orientation", self._turned)
            image = image.autorot()
        if image.interpretation not in _PLAIN or image.format not in _TYPES or image.bands > 4:
            raise PictureError(
                f"{self._name}: {image.bands} {image.format} samples a pixel, {image.interpretation}, are "
                "not read by rows; convert to 8 or 16 bit, grey or RGB first"
            )
        self._image, self._region = image, pyvips.Region.new(image)
        self._at, self._held = 0, self._held[:0]
        return image

    def _fetched(self, first: int, end: int) -> PixelArray:
        height, width = end - first, self.shape[1]
        data = self._region.fetch(0, first, width, height)
        values: PixelArray = np.frombuffer(data, self._kind).reshape(height, width, -1)
        if self._inks is not None:
            values = self._inks(values)
        return self._after(values[:, :, : self.shape[2]])


def _unchanged(rows: PixelArray) -> PixelArray:
    return rows
