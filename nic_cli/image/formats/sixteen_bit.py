"""16 bit in colour, which Pillow has no mode for: both bytes of PNG, TIFF and PPM.

Pillow's unpackers for 16-bit colour keep one byte of two; which one is in the name of the raw mode. So
a file is decoded twice, once as it asks and once in the other byte order, and the bytes are put together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from nic_cli.image import metadata, modes
from nic_cli.image.formats import plugins, tiff

Deep = NDArray[Any]

_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(rb"P([56])" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_PNM_HEAD = 4096


def read_deep(
    stream: BinaryIO, image: ImageFile.ImageFile, again: Callable[[], Any], name: str
) -> Deep | None:
    """Return the full values [H, W, 1..4] of a freshly opened `image`; None where 8 bit is all there is.

    stream: what `image` was opened from, and `again` opens a second time.
    """
    if image.format == "PPM":
        return _read_pnm(stream)
    if image.format in plugins.PLUGIN_FORMATS:
        return plugins.read_deep(stream, image)
    if by_planes(image):
        lying = tiff.orientation(image)
        values = metadata.turn(tiff.read_planes(stream, image, name), lying)
        return modes.straight(values) if tiff.premultiplied(image) else values
    if image.format == "PNG" and image.tell():  # laid over the frames before it by Pillow, in 8 bit
        return None
    raw = _raw_mode(image)
    if raw is None:
        return grey_values(image)
    transparent = image.info.get("transparency")
    if raw == "LA;16B":  # the four bytes of such a pixel pass through as if they were R, G, B and A
        _ask(image, lambda _: "RGBA")
        return np.ascontiguousarray(np.asarray(image)).view(">u2").astype(np.uint16)
    _ask(image, lambda mode: mode.upper())
    high = np.asarray(image).astype(np.uint16)
    other = again()
    _ask(other, lambda mode: mode[:-1].upper() + _SWAPPED[mode[-1]])
    values = high << 8 | np.asarray(other)
    if tiff.premultiplied(image):
        return modes.straight(values)
    return values if transparent is None else _cut_out(values, transparent)


def grey_values(image: Image.Image) -> Deep | None:
    """12- and 16-bit grey with white at 65535 and with its transparent value; None where Pillow has it so."""
    transparent = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "I;16" and transparent is not None:
        return _cut_out(np.asarray(image).astype(np.uint16)[:, :, None], transparent)
    return tiff.whitened(image) if image.format == "TIFF" else None


def _cut_out(values: Deep, transparent: Any) -> Deep:
    """Add an alpha that is 0 where `values` are the colour that stands for transparent."""
    shown = (values != np.array(transparent, np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([values, np.where(shown, 0xFFFF, 0).astype(np.uint16)], axis=2)


def by_planes(image: Image.Image) -> bool:
    """Whether an opened image is a TIFF in planes of which Pillow makes noise, or an error."""
    return tiff.in_planes(image) and (is_narrowed(image) or tiff.premultiplied(image))


def is_narrowed(image: Image.Image) -> bool:
    """Whether Pillow gives 8 of more bits a sample: known of a TIFF, and of others until they are loaded."""
    if _raw_mode(image) is not None:
        return True
    bits = getattr(image, "tag_v2", {}).get(258) or (image.info.get("bit_depth", 8),)
    return image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB") and max(bits) > 8


def _raw_mode(image: Image.Image) -> str | None:
    """Return the raw mode of all tiles where it is one of 16-bit colour, like RGB;16B or RGBA;16L."""
    modes = {_mode_of(tile.args) for tile in getattr(image, "tile", ())}
    mode = modes.pop() if len(modes) == 1 else ""
    return mode if re.fullmatch(r"(RGB[AaX]?;16[BLN])|LA;16B", mode) else None


def _mode_of(args: Any) -> str:
    found = args[0] if isinstance(args, tuple) and args else args
    return found if isinstance(found, str) else ""


def _ask(image: ImageFile.ImageFile, change: Callable[[str], str]) -> None:
    """Have the tiles of an image that is not yet loaded decoded in another raw mode."""
    image.tile = [
        tile._replace(
            args=(change(tile.args[0]), *tile.args[1:])
            if isinstance(tile.args, tuple)
            else change(str(tile.args))
        )
        for tile in image.tile
    ]


def _read_pnm(stream: BinaryIO) -> Deep | None:
    """Read a PGM or PPM of over 8 bit, its white brought to 65535; None for any other."""
    stream.seek(0)
    found = _PNM.match(stream.read(_PNM_HEAD))
    if found is None or not 255 < int(found[4]) < 65536:
        return None
    channels, white = (1 if found[1] == b"5" else 3), int(found[4])
    width, height = int(found[2]), int(found[3])
    stream.seek(found.end())
    size = 2 * width * height * channels
    data = stream.read(size)
    if len(data) < size:
        if not ImageFile.LOAD_TRUNCATED_IMAGES:
            raise OSError("image file is truncated")  # as Pillow has it
        data = data.ljust(size, b"\0")
    values = np.frombuffer(data, ">u2").reshape(height, width, channels).astype(np.uint32)
    return ((np.minimum(values, white) * 65535 + white // 2) // white).astype(np.uint16)
