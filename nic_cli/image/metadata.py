r"""EXIF, XMP and ICC as bytes: taken from a picture, made to say "upright", left out on request.

EXIF is kept as a bare TIFF structure, without the `Exif\0\0` that JPEG puts before it. The
orientation is patched in place, since a rewrite would lose what makers hide behind offsets.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from PIL import Image

from nic_cli.errors import UsageError
from nic_cli.image import colour_space
from nic_cli.image.ancillary.exif_stripping import GPS, RESOLUTION, TEXTS, without_tags
from nic_cli.image.formats import tiff
from nic_cli.image.formats.plugins import is_upright
from nic_cli.image.opening import MAX_ITEM, Warn, silent
from nic_cli.types import Metadata, Picture, PixelArray

PREFIX = b"Exif\0\0"

_ORIENTATION = 0x0112
_XMP_REST = b"http://ns.adobe.com/xmp/extension/\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)([1-8])")
# What a TIFF's own directory says about the picture rather than about how its pixels are stored.
DESCRIPTIVE = [269, 270, 271, 272, 282, 283, 285, 296, 297, 305, 306, 315, 316, 18246, 18249, 33432]
DESCRIPTIVE += [40091, 40092, 40093, 40094, 40095]  # those of Windows
NONE = Metadata()
_EXIF_IFD, _GPS_IFD, _XMP, _ICC = 0x8769, 0x8825, 700, 34675


def gather(image: Image.Image, name: str, warn: Warn, beside: Metadata = NONE) -> tuple[Metadata, int]:
    """Return what a loaded `image` says of itself, made upright, and the orientation (1..8) it had.

    beside: what its file says beside ICC, EXIF and XMP, to be joined with that, or as ImageMagick has these.
    """
    exif = exif_of(image).removeprefix(PREFIX) or beside.exif
    turned, known = 0, b""
    try:
        turned, known = _said(exif), with_orientation(exif, 1)
    except (ValueError, struct.error):
        warn(f"{name}: the EXIF data are broken and were left out")
    xmp = _as_bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or beside.xmp)
    if image.format == "TIFF":
        turned = tiff.orientation(image)
    elif not turned and (found := _XMP_ORIENTATION.search(xmp)):  # who says it in EXIF is heeded first
        turned = int(found[2])
    if any(data.startswith(_XMP_REST) for _, data in getattr(image, "applist", ())):
        warn(f"{name}: the part of XMP that lies beyond its first 64 kB was left out")
    if turned > 1 or is_upright(image):
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    items = {"icc": _as_bytes(image.info.get("icc_profile")), "exif": known, "xmp": xmp}
    for kind, data in items.items():
        if len(data) > MAX_ITEM:
            warn(f"{name}: {len(data)} bytes of {kind.upper()} are over the limit and were left out")
            items[kind] = b""
    return replace(beside, icc=items["icc"], exif=items["exif"], xmp=items["xmp"]), 1 if is_upright(
        image
    ) else turned or 1


def orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1..8; 1 where none is said. Raises ValueError, struct.error."""
    return _said(exif) or 1


def _said(exif: bytes) -> int:
    """The same, but 0 where none is said."""
    place = _find(exif, _ORIENTATION)
    if place is None:
        return 0
    (value,) = struct.unpack_from(place[1], exif, place[0])
    return value if 1 <= value <= 8 else 0


def with_orientation(exif: bytes, value: int) -> bytes:
    """Return the same EXIF with its orientation tag, if there is one, set to `value`."""
    place = _find(exif, _ORIENTATION)
    if place is None:
        return exif
    patched = bytearray(exif)
    struct.pack_into(place[1], patched, place[0], value)
    return bytes(patched)


def _find(exif: bytes, wanted: int) -> tuple[int, str] | None:
    """Where the value of a SHORT or LONG tag of the first directory lies, and its struct format."""
    if not exif:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("no TIFF structure")
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(order + "HHI", exif, entry)
        if tag == wanted and kind in (3, 4):
            place = (entry + 8, order + ("H" if kind == 3 else "I"))
            struct.unpack_from(place[1], exif, place[0])
            return place
    return None


def turn(pixels: PixelArray, orientation: int) -> PixelArray:
    """Set `pixels` [H, W, ...], stored with this EXIF orientation (1..8), upright."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels.copy()  # Pillow's own array cannot be written to, and torch complains of that


KINDS = {
    "exif": "exif",
    "xmp": "xmp",
    "icc": "icc",
    "gainmap": "gain_map",
    "iptc": "iptc",
    "text": "texts",
    "geo": "geo",
    "resolution": "resolution",
    "name": "origin",
}
"""What can be left out, by the name of --strip, and where it stands in `Metadata`."""
_OF_EXIF = {"text": TEXTS, "resolution": RESOLUTION, "gps": GPS}
"""What of that stands in EXIF too."""


def strip(picture: Picture, what: Collection[str]) -> Picture:
    """Return `picture` without the metadata named: any of `all` and of KINDS.

    Without a profile, a picture is plain sRGB from here on, and so become its values. Raises UsageError for
    other names.
    """
    unknown = set(what) - {"all", "gps", *KINDS}
    if unknown:
        names = ", ".join(("all", "gps", *KINDS))
        raise UsageError(f"cannot strip {', '.join(sorted(unknown))}; choose from {names}")
    gone: dict[str, Any] = {field: b"" for kind, field in KINDS.items() if kind in what or "all" in what}
    if "icc" in gone and not picture.original_space:
        picture = colour_space.without_profile(picture, silent)
    kept = replace(picture.metadata, **gone)
    tags = [tag for kind in what for tag in _OF_EXIF.get(kind, ())]
    if tags and kept.exif:
        try:
            kept = replace(kept, exif=without_tags(kept.exif, tags))
        except (ValueError, struct.error):  # nobody can tell what stands in it
            kept = replace(kept, exif=b"")
    return replace(picture, metadata=kept, original_space=picture.original_space and bool(kept.icc))


def exif_of(image: Image.Image) -> bytes:
    """Return the EXIF of an image, of a TIFF the descriptive part; empty where there is none."""
    if image.format == "TIFF":
        return _exif_of_tiff(image)
    return _as_bytes(image.info.get("exif"))


def _exif_of_tiff(image: Image.Image) -> bytes:
    """Pick the descriptive part: a TIFF is its own EXIF, mixed with strip offsets and the like."""
    kept = _descriptive(image.getexif())
    return kept.tobytes() if len(kept) else b""


def for_tiff(metadata: Metadata, warn: Warn) -> dict[int, Any]:
    """Return the tags of a TIFF that carry this, inner directories as dicts; broken EXIF is left out."""
    tags: dict[int, Any] = {}
    if metadata.exif:
        try:
            found = Image.Exif()
            found.load(metadata.exif)
            tags = dict(_descriptive(found).items())
        except Exception as error:  # Pillow raises what it likes on broken directories
            warn(f"written without EXIF: broken EXIF: {error}")
    tags |= {_XMP: metadata.xmp} if metadata.xmp else {}
    return tags | ({_ICC: metadata.icc} if metadata.icc else {})


def _descriptive(found: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in found:
            kept[tag] = _unchanged(found[tag])
    for directory in (_EXIF_IFD, _GPS_IFD):
        entries = found.get_ifd(directory)
        if entries:
            kept[directory] = {tag: _unchanged(value) for tag, value in entries.items()}
    return kept


class _Bytes(str):
    """Text of a TIFF, byte for byte: Pillow 13 reads it as Latin-1, and writes what is not ASCII as ?."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        """The bytes that Pillow read, whatever it asks for."""
        return str.encode(self, "latin-1", "replace")


def _unchanged(value: Any) -> Any:
    return _Bytes(value) if isinstance(value, str) else value


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, (bytes, bytearray)) else b""
