"""What a file says beside pixels, colours, EXIF and XMP: what `Metadata` keeps of it, and what is lost."""

from __future__ import annotations

import struct
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from PIL import Image

from nic_cli.errors import DamagedFile
from nic_cli.image.ancillary import gain_map, left_behind, png_chunks, side_data, side_output, ultra_hdr
from nic_cli.image.ancillary.gain_claims import without, without_claim
from nic_cli.image.ancillary.left_behind import VIDEO
from nic_cli.image.ancillary.side_data import SideData
from nic_cli.image.ancillary.thumbnails import with_resolution_swapped, with_size, without_thumbnail
from nic_cli.image.metadata import with_orientation
from nic_cli.image.opening import Warn
from nic_cli.types import Metadata, Picture

MOTION = ("http://ns.google.com/photos/1.0/camera/",)
"""What promises a video behind the picture."""
REGIONS = (
    "http://www.metadataworkinggroup.com/schemas/regions/",
    "http://ns.microsoft.com/photo/1.2/t/Region",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo",
    "http://ns.microsoft.com/photo/1.2/",
)
"""What names places in the picture."""
_TITLES = {
    "icc": "ICC profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "cicp": "HDR code",
    "gain_map": "gain map",
    "resolution": "resolution",
    "texts": "texts",
    "iptc": "IPTC",
    "geo": "GeoTIFF tags",
    "origin": "name and format",
}


def gather(stream: BinaryIO, image: Image.Image, file_name: str, name: str, warn: Warn) -> Metadata:
    """What is in the file that `image` was opened from and is not loaded of; one notice names what is left.

    file_name: of the original, to be kept, or "".
    """
    side = side_data.gather(stream, image, name, warn)
    lost = [
        what for what in left_behind.not_kept(stream, image) if what != "further frames"
    ]  # one is asked for
    if image.mode == "CMYK":
        lost.append("inks (CMYK becomes RGB)")
    said: list[str] = []
    found = ultra_hdr.find(stream, image, name, said.append)
    if image.format == "MPO" and not found:
        lost.append("further views")
    if lost:
        warn(f"{name}: left out: {', '.join(lost)}")
    for line in said:
        warn(line)
    lost += ["gain map"] * bool(said)
    kind = {"MPO": "jpeg", "HEIF": "heic"}.get(str(image.format), str(image.format).lower())
    origin = f"{kind}\0{file_name}".encode("utf-8", "replace") if file_name else b""
    exif, xmp = png_chunks.exif_and_xmp(stream) if image.format == "PNG" else (b"", b"")
    return Metadata(exif=exif, xmp=xmp, gain_map=found, origin=origin, lost=tuple(lost), **asdict(side))


def readable(said: Metadata) -> Metadata:
    """What a `.nic` file says that is of a known form, upright as its pixels are; `unread` names the rest."""
    gone: dict[str, Any] = {}
    for field in ("gain_map", "resolution", "texts", "iptc", "geo"):
        data = getattr(said, field)
        try:
            if field != "gain_map":
                side_output.check(SideData(**{field: data}))
            elif data:
                gain_map.unpack(data)
        except DamagedFile:
            gone[field] = b""
    try:
        exif = with_orientation(said.exif, 1)
    except (ValueError, struct.error):  # broken in a part that nobody else reads
        exif = said.exif
    return replace(said, exif=exif, **gone, unread=tuple(_TITLES[field] for field in gone))


def upright(picture: Picture, orientation: int, name: str, warn: Warn) -> Picture:
    """Bring what depends on how pixels lie into line with `picture`, which was turned from `orientation`."""
    said = picture.metadata
    side = side_output.turned(side_of(said), orientation, name, warn)
    xmp = without_claim(said.xmp)
    if VIDEO in said.lost:
        xmp = without(xmp, MOTION)
    said = replace(said, **asdict(side), xmp=xmp)
    if said.gain_map and orientation != 1:
        said = replace(said, gain_map=gain_map.turned(said.gain_map, orientation))
    if orientation != 1:
        xmp = without(said.xmp, REGIONS)
        if xmp != said.xmp:
            warn(f"{name}: face regions in XMP are of the picture before it was turned, and were left out")
        exif = sideways(said.exif) if orientation >= 5 else said.exif
        said = replace(said, xmp=xmp, exif=resized(exif, picture.width, picture.height))
    return replace(picture, metadata=said)


def sideways(exif: bytes) -> bytes:
    """EXIF of a picture whose rows have become columns: so have its resolutions."""
    try:
        return with_resolution_swapped(exif)
    except (ValueError, struct.error):
        return exif


def resized(exif: bytes, width: int, height: int) -> bytes:
    """EXIF of a picture that is of this size now: without a thumbnail of what it was before."""
    try:
        return with_size(without_thumbnail(exif), width, height) if exif else exif
    except Exception:  # broken in a part that nobody else reads
        return exif


def cut(said: Metadata, width: int, height: int, *, part: bool) -> Metadata:
    """What is still true of a part of a picture, or of it at another size, of so many pixels now."""
    gone: dict[str, Any] = dict.fromkeys(["geo"] + ["gain_map"] * part, b"")
    lost = [_TITLES[field] for field in gone if getattr(said, field)]
    xmp = without(said.xmp, REGIONS) if part else said.xmp
    lost += ["face regions"] * (xmp != said.xmp)
    return replace(said, exif=resized(said.exif, width, height), xmp=xmp, **gone, lost=tuple(lost))


def side_of(said: Metadata) -> SideData:
    """The four that outputs have places for."""
    return SideData(said.resolution, said.texts, said.iptc, said.geo)


def kept(picture: Picture) -> list[str]:
    """Names of what a picture says beside its pixels."""
    names = titles(picture.metadata)
    return [*names, "alpha"] if picture.alpha is not None else names


def titles(said: Metadata) -> list[str]:
    """Names of what is there."""
    return [title for field, title in _TITLES.items() if getattr(said, field)]
