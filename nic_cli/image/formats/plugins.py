"""HEIC and JPEG XL, and AVIF where Pillow was built without it: plugins of Pillow, imported when a file asks.

Each is asked only after the first bytes of a file said what it is, so that nobody else pays for it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from nic_cli.errors import PictureError
from nic_cli.extras import adding
from nic_cli.image.formats import jxl

PLUGIN_FORMATS = ("HEIF", "JXL")
"""As Pillow calls them, once their plugins are there."""

_NAMES = {"HEIF": "HEIC", "JXL": "JPEG XL", "AVIF": "AVIF"}
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEAD = 1 << 16


def prepare(stream: BinaryIO, name: str, formats: tuple[str, ...]) -> tuple[int, int] | None:
    """Import the plugin that `stream` takes, if it is one of `formats`, and turn back to its start.

    Returns the size of a JPEG XL, whose plugin decodes as it opens. Raises PictureError where the plugin is
    missing, and for animated and floating-point JPEG XL, which it would not tell of.
    """
    stream.seek(0)
    kind = announced(stream.read(64))
    size = None
    if kind in formats:
        _load(kind, name)
        size = _jxl_size(stream, name) if kind == "JXL" else None
    stream.seek(0)
    return size


def announced(head: bytes) -> str:
    """Name the format of ours that the first bytes announce; "" for any other."""
    if head.startswith((jxl.BARE, jxl.BOXED)):
        return "JXL"
    if head[4:8] != b"ftyp":
        return ""
    brands = [head[at : at + 4] for at in range(8, min(int.from_bytes(head[:4], "big"), len(head)), 4)]
    for brand in brands:  # the first that is not as general as mif1 decides
        if brand in _AVIF | _HEIC:
            return "AVIF" if brand in _AVIF else "HEIF"
    return ""


def _load(kind: str, name: str) -> None:
    try:
        if kind == "JXL":
            import pillow_jxl  # noqa: F401 its import adds the format to Pillow
        elif kind == "HEIF":
            import pillow_heif

            pillow_heif.register_heif_opener()
        elif not features.check("avif"):
            import pillow_avif  # noqa: F401 as above
    except ImportError as error:
        raise PictureError(
            f"{name}: {_NAMES[kind]} takes a plugin that is not installed: {adding('formats')}"
        ) from error


def _jxl_size(stream: BinaryIO, name: str) -> tuple[int, int]:
    said = jxl.look(stream)
    if said.animated:
        raise PictureError(
            f"{name}: an animated JPEG XL, which we do not read; save the frame you want as PNG"
        )
    if not said.bits:
        raise PictureError(f"{name}: floating-point pixels are not supported; convert to 8 or 16 bit first")
    return said.width, said.height


def complete(
    image: Image.Image, stream: BinaryIO, name: str, warn: Callable[[str], None], max_item: int
) -> None:
    """Add to the `info` of a freshly opened image what its reader leaves out, and say what will be lost.

    bit_depth: of AVIF and JPEG XL, as HEIC has it. exif, xmp: of JPEG XL, at most `max_item` bytes of each.
    """
    at = stream.tell()
    if image.format == "JXL":
        image.info["bit_depth"] = jxl.look(stream).bits
        if not is_jpeg(image):  # whose metadata Pillow's reader of JPEG found
            found, missing = jxl.metadata(stream, max_item)
            image.info.update(found)
            if missing:
                warn(f"{name}: EXIF or XMP is packed and was left out: {adding('formats')}")
    elif image.format == "AVIF":
        stream.seek(0)
        image.info["bit_depth"] = _avif_depth(stream.read(_HEAD))
    stream.seek(at)


def without_exif(stream: BinaryIO) -> BinaryIO:
    """Return a copy of an AVIF whose EXIF is called otherwise: libavif refuses all for the sake of it."""
    stream.seek(0)
    return io.BytesIO(re.sub(rb"(infe.{8})Exif", rb"\1free", stream.read(), flags=re.DOTALL))


def is_upright(image: Image.Image) -> bool:
    """Whether the reader has applied the orientation, whatever EXIF may still say."""
    return image.format == "HEIF" or (image.format == "JXL" and not is_jpeg(image))


def is_jpeg(image: Image.Image) -> bool:
    """Whether a JPEG XL is a JPEG inside, packed without loss, which the plugin unpacks."""
    return bool(getattr(image, "jpeg", False))


def _avif_depth(head: bytes) -> int:
    at = head.find(b"av1C")
    flags = head[at + 6] if 0 <= at < len(head) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def read_deep(stream: BinaryIO, image: ImageFile.ImageFile) -> NDArray[np.uint16] | None:
    """Return values [H, W, 1..4] of over 8 bit that the plugin hands out, white at 65535, else None."""
    bits = image.info.get("bit_depth", 8)
    stream.seek(0)
    if bits <= 8:
        return None
    if image.format == "HEIF":
        import pillow_heif

        shown = pillow_heif.open_heif(stream, convert_hdr_to_8bit=False)[image.tell()]
        if "a" in shown.mode:  # alpha is multiplied into the colours, which Pillow undoes for 8 bit
            return None
        values = np.atleast_3d(np.asarray(shown)).astype(np.uint32) >> (16 - bits)
        white = (1 << bits) - 1
        return np.asarray((values * 65535 + white // 2) // white, np.uint16)
    if image.format == "JXL" and image.mode == "LA":  # two bytes a sample, which the plugin takes for one
        import pillow_jxl

        data = pillow_jxl.Decoder()(stream.read())[2]
        return np.frombuffer(data, "<u2").reshape(image.height, image.width, 2).astype(np.uint16, copy=False)
    return None
