"""What files say that nothing of nic keeps: named, for one notice."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from nic_cli.image.ancillary import png_chunks, side_data
from nic_cli.image.ancillary.jpeg_segments import APP0, APP13, segments
from nic_cli.image.ancillary.side_data import PHOTOSHOP
from nic_cli.image.ancillary.side_output import TIFF_TYPES
from nic_cli.image.ancillary.thumbnails import page, tag_value
from nic_cli.image.metadata import DESCRIPTIVE

_PNG_KNOWN = b"""IHDR PLTE IDAT IEND tRNS iDOT CgBI fcTL fdAT pHYs tEXt zTXt iTXt eXIf
    gAMA cHRM cICP sRGB iCCP""".split()
_PNG_NAMES = {b"tIME": "time of change", b"acTL": "further frames", b"caBX": "content credentials"}
_PNG_NAMES |= {b"sBIT": "significant bits", b"mDCV": "mastering display", b"cLLI": "light levels"}
_WEBP_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF")
# Adobe and Ducky say how the pixels are coded, and how well.
_SEGMENTS_KNOWN = rb"Exif\0|http://ns.adobe.com/x|ICC_PROFILE\0|MPF\0|urn:iso:std:iso:ts:21496|Adobe|Ducky"
_SEGMENT_NAMES = {b"JFXX": "JFXX thumbnail", b"FPXR": "FlashPix data", b"JP": "JUMBF data"}
# What is kept, from here or elsewhere, or follows from it: sums, resolution, thumbnails, ICC, EXIF, XMP.
_RESOURCES_KNOWN = {side_data.IPTC_RESOURCE, 0x0425, 0x03ED, 0x0409, 0x040C, 0x040F, 0x0422, 0x0424}
# What is kept, in EXIF or else, and what follows from that.
_TIFF_KNOWN = {700, 32995, 32996, 32997, 32998, 34665, 34675, 34853, 50839, *DESCRIPTIVE, *TIFF_TYPES}
_TIFF_NAMES = {330: "pictures in SubIFDs", 34412: "LSM metadata"}
_TIFF_NAMES |= {37724: "Photoshop layers", 50844: "RPC data", 50838: "ImageJ metadata"}
VIDEO = "a video after the picture"


def not_kept(stream: BinaryIO, image: Image.Image) -> list[str]:
    """Return short names of what a file, opened as `image`, says and nothing of nic keeps."""
    readers = {b"\x89P": _lost_of_png, b"\xff\xd8": _lost_of_jpeg, b"RI": _lost_of_webp}
    readers |= {b"II": _lost_of_tiff, b"MM": _lost_of_tiff}
    at, found = stream.tell(), dict[str, None]()
    try:
        stream.seek(0)
        reader = readers.get(stream.read(2))
        for what in reader(stream, image) if reader else ():
            found[what] = None
    except Exception:  # streams raise what they like on damaged files: what was found before is told of
        found.setdefault("what lies in its damaged parts")
    finally:
        stream.seek(at)
    if "content credentials" in found:
        found.pop("JUMBF data", None)  # further segments of them
    return list(found)


def _lost_of_png(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    for kind, _ in png_chunks.chunks(stream):
        if kind not in _PNG_KNOWN:
            yield _PNG_NAMES.get(kind, f"PNG chunk {kind.decode('latin-1')!r}")
    if stream.read(1):
        yield "data after the picture"


def _lost_of_webp(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        if head[:4] not in _WEBP_KNOWN:
            name = f"WebP chunk {head[:4].decode('latin-1')!r}"
            yield "content credentials" if head[:4] == b"C2PA" else name
        size = int.from_bytes(head[4:], "little")
        stream.seek(size + size % 2, io.SEEK_CUR)


def _lost_of_jpeg(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    stream.seek(0)
    jpeg, photoshop, end = stream.read(side_data.HEAD), b"", 2
    for marker, at, data in segments(jpeg):
        end = at + 4 + len(data)
        if marker == APP13 and data.startswith(PHOTOSHOP):
            photoshop += data[len(PHOTOSHOP) :]
        elif marker == APP0 and data.startswith(b"JFIF\0"):
            yield from ["JFIF thumbnail"] if data[12:14].strip(b"\0") and len(data) > 14 else []
        elif marker & 0xF0 == APP0 and not re.match(_SEGMENTS_KNOWN, data):
            named = (what for start, what in _SEGMENT_NAMES.items() if data.startswith(start))
            word = data[:32].split(b"\0")[0].decode("latin-1")
            name = next(named, f"APP{marker - APP0} data" + (f" ({word})" if word.isprintable() else ""))
            yield "content credentials" if b"c2pa" in data else name
    yield from _resources(photoshop)
    end = jpeg.find(b"\xff\xd9", end)
    rest = jpeg[end + 2 :] if end >= 0 else b""
    if re.search(rb"\0\0\0.ftyp", rest, re.DOTALL):
        yield VIDEO
    elif rest.strip(b"\0") and not rest.startswith(b"\xff\xd8"):  # others look after second pictures
        yield "data after the picture"


def _resources(photoshop: bytes) -> list[str]:
    return ["Photoshop resources"] if dict(side_data.resources(photoshop)).keys() - _RESOURCES_KNOWN else []


def _lost_of_tiff(stream: BinaryIO, image: Image.Image) -> Iterator[str]:
    tags, _ = page(stream, image)
    for tag, entry in tags.items():
        if tag == side_data.PHOTOSHOP_TAG:
            yield from _resources(tag_value(stream, entry))
        elif tag in _TIFF_NAMES:
            yield _TIFF_NAMES[tag]
        elif tag >= 700 and tag not in _TIFF_KNOWN:  # those below say how the pixels lie, and their colours
            yield "DNG data" if 50706 <= tag <= 52600 else f"TIFF tag {tag}"
