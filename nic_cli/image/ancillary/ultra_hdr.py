"""HDR gain maps in picture files: found in JPEG and HEIC, written into JPEG.

In a JPEG the map is a second JPEG behind the first. Where it lies is said by a segment of the Multi-Picture
Format (CIPA DC-007) or by a directory in the XMP of the first; what it means by the XMP of the second or by a
segment of ISO 21496-1 in it. Other second pictures, as of stereo cameras, are left alone.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from PIL import Image

from nic_cli.errors import NicError
from nic_cli.image.ancillary import gain_map
from nic_cli.image.ancillary.gain_claims import (
    APPLE,
    APPLE_XMP,
    XMP,
    Packet,
    from_iso,
    from_xmp,
    to_iso,
    to_xmp,
    with_claim,
)
from nic_cli.image.ancillary.gain_map import GainMap, Gains
from nic_cli.image.ancillary.jpeg_segments import APP1, APP2, packed, segments, with_segments
from nic_cli.image.opening import loading, open_image, refusing, silent

_ISO, _MPF, _ICC = b"urn:iso:std:iso:ts:21496:-1\0", b"MPF\0", b"ICC_PROFILE\0"
_VERSIONS = bytes(4)
"""Of ISO 21496-1, the least a reader must know and the writer's: all that stands in the first picture."""
_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
_END, _STANDALONE = 0xD9, (0x01, 0xD8)
_MOST_HEAD, _MOST_MAP, _MOST_FILE, _MOST_ENTRIES = 1 << 24, 1 << 24, 1 << 28, 16
_JPEG_QUALITY = 92
_DERIVED = re.compile(rb"infe.{8}tmap", re.DOTALL)


class _Said(NamedTuple):
    """What the segments of a JPEG hold; iso and mpf are None where it has none.

    mpf: where its TIFF structure starts, and that.
    """

    xmp: bytes
    iso: bytes | None
    icc: bytes
    mpf: tuple[int, bytes] | None


def find(
    stream: BinaryIO,
    image: Image.Image,
    name: str,
    warn: Callable[[str], None],
    budget: int | None = None,
) -> bytes:
    """Return the gain map of a picture that was opened from `stream` and not loaded yet, as a chunk.

    budget: bytes it may take, None for about 15 % of what the picture takes at half a bit a pixel. b"" where
    there is none, and with a notice where there is one that cannot be read. Damaged data raise nothing.
    """
    if budget is None:
        budget = max(gain_map.LEAST_BUDGET, int(gain_map.SHARE * image.width * image.height))
    finders = {"JPEG": _in_jpeg, "MPO": _in_jpeg, "HEIF": _in_heif, "AVIF": _in_heif}
    finder, at = finders.get(image.format or ""), stream.tell()
    if finder is None:
        return b""
    try:
        with refusing(name):  # readers raise nearly any class on damaged data
            chunk, claimed = finder(stream, image, budget)
    except NicError:
        chunk, claimed = b"", True
    finally:
        stream.seek(at)
    if claimed and not chunk:
        warn(f"{name}: its HDR gain map cannot be read and is not kept")
    return chunk


def _in_jpeg(stream: BinaryIO, image: Image.Image, budget: int) -> tuple[bytes, bool]:
    """The chunk, or b"", and whether the file says that there is a map."""
    marks = (_MPF, b"hdr-gain-map", b"HDRGainMap", _ISO, b"container/item")
    if image.tell():  # a further picture has none of its own
        return b"", False
    if not any(mark in data for _, data in getattr(image, "applist", ()) for mark in marks):
        return b"", False
    stream.seek(0)
    said = _look(stream.read(_MOST_HEAD))
    packet = Packet(said.xmp)
    for second in _seconds(stream, said, packet):
        inner = _look(second)
        gains, apple = _meaning(inner)
        if gains or apple:
            size = (image.width, image.height)
            icc = inner.icc if gains and not gains.base_space else b""
            return gain_map.pack(_decoded(second, size, budget), gains, apple, icc, budget), True
    return b"", packet.claims or said.iso is not None


def _look(jpeg: bytes) -> _Said:
    xmp, iso, mpf, profile = b"", None, None, dict[int, bytes]()
    for segment in segments(jpeg):
        data = segment.data
        if segment.marker == APP1 and data.startswith(XMP):
            xmp = xmp or data[len(XMP) :]
        elif segment.marker == APP2 and data.startswith(_ISO):
            iso = iso or data[len(_ISO) :]
        elif segment.marker == APP2 and data.startswith(_MPF):
            mpf = mpf or (segment.at + 4 + len(_MPF), data[len(_MPF) :])
        elif segment.marker == APP2 and data.startswith(_ICC) and len(data) > len(_ICC) + 2:
            profile.setdefault(data[len(_ICC)], data[len(_ICC) + 2 :])
    return _Said(xmp, iso, b"".join(profile[i] for i in sorted(profile)), mpf)


def _meaning(said: _Said) -> tuple[Gains | None, bytes]:
    """The numbers of a second picture and Apple's XMP; neither where it is no gain map.

    Raises ValueError, struct.error where it is one but its numbers are not sound.
    """
    packet = Packet(said.xmp)
    apple = said.xmp if packet.is_apple else b""
    if said.iso and len(said.iso) > len(_VERSIONS):
        try:
            return from_iso(said.iso), apple
        except (ValueError, struct.error):
            if not packet.is_numbered and not apple:
                raise
    return from_xmp(packet) if packet.is_numbered else None, apple


def _seconds(stream: BinaryIO, said: _Said, packet: Packet) -> Iterator[bytes]:
    """The further JPEGs of a file, from where either of the two tables says that they lie."""
    for start, size in _mpf_entries(*said.mpf) if said.mpf else ():
        if start > 0 and 0 < size <= _MOST_MAP:
            stream.seek(start)
            yield stream.read(size)
    lengths = [(item.get("Semantic"), item) for item in packet.items if "Semantic" in item]
    if not any(kind == "GainMap" for kind, _ in lengths) or stream.seek(0, 2) > _MOST_FILE:
        return
    stream.seek(0)
    jpeg = stream.read()
    at = _end_of(jpeg)
    for index, (kind, item) in enumerate(lengths):
        length = int(item.get("Length", 0)) if index else int(item.get("Padding", 0))
        if kind == "GainMap" and 0 < length <= _MOST_MAP and at >= 0:
            yield jpeg[at : at + length]
        at += length


def _mpf_entries(base: int, tiff: bytes) -> Iterator[tuple[int, int]]:
    """Start and length of the pictures that an MPF segment lists. Raises struct.error."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for entry in range(start + 2, start + 2 + 12 * min(count, 64), 12):
        tag, _, length, table = struct.unpack_from(order + "HHII", tiff, entry)
        if tag == 0xB002:
            for at in range(table, table + 16 * min(length // 16, _MOST_ENTRIES), 16):
                _, size, offset = struct.unpack_from(order + "III", tiff, at)
                yield base + offset if offset else 0, size


def _end_of(jpeg: bytes) -> int:
    """Where the first JPEG of a file ends, its last marker counted; the length where it is cut."""
    at = 2
    while found := _MARKER.search(jpeg, at):
        at, marker = found.end(), found[0][1]
        if marker == _END:
            return at
        if marker not in _STANDALONE:
            at += int.from_bytes(jpeg[at : at + 2], "big")
    return len(jpeg)


def _decoded(jpeg: bytes, most: tuple[int, int], budget: int) -> Image.Image:
    """The pixels of a map, L or RGB, at most as large as its picture. Raises PictureError, ValueError."""
    image = open_image(io.BytesIO(jpeg), "gain map", silent, formats=("JPEG",), most=most[0] * most[1])
    if image.width > most[0] or image.height > most[1] or image.mode not in ("L", "RGB"):
        raise ValueError("a map larger than its picture, or one in CMYK")
    with loading(image, "gain map", silent):
        image.draft(None, gain_map.coded_size(image.size, budget))
        image.load()
    return image


def _in_heif(stream: BinaryIO, image: Image.Image, budget: int) -> tuple[bytes, bool]:
    """As for JPEG, of HEIC and AVIF: Apple's auxiliary picture, while the plugin still holds the file."""
    numbers = image.info.get("aux", {}).get(APPLE) or ()
    file = getattr(image, "_heif_file", None)
    stream.seek(0)
    head = stream.read(_MOST_HEAD)
    if not numbers or file is None:
        return b"", bool(_DERIVED.search(head)) or APPLE.encode() in head
    found = file[image.tell()].get_aux_image(numbers[0])
    if found.size[0] > image.width or found.size[1] > image.height or found.mode not in ("L", "RGB"):
        return b"", True
    pixels = Image.frombytes(found.mode, found.size, bytes(found.data), "raw", found.mode, found.stride)
    return gain_map.pack(pixels, None, _apple_xmp(head), budget=budget), True


def _apple_xmp(file: bytes) -> bytes:
    """The XMP of the map, which stands somewhere in the file as it is, or the least that will do."""
    at = 0
    for _ in range(4):
        at = file.find(b"HDRGainMapVersion", at) + 1
        start, end = file.rfind(b"<x:xmpmeta", 0, at), file.find(b"</x:xmpmeta>", at)
        if at and start >= 0 and end >= 0 and APPLE.encode() in file[start:end]:
            return file[start : end + len(b"</x:xmpmeta>")]
    return APPLE_XMP


def written(jpeg: bytes, chunk: bytes) -> bytes:
    """Return the JPEG with the gain map of `chunk` behind it, as Ultra HDR, or as Apple does it.

    A map that the JPEG had is replaced. Where its XMP has no room for the claim, ISO 21496-1 alone says it.
    Raises DamagedFile where the chunk is damaged.
    """
    found = gain_map.unpack(chunk)
    second = _second(found)
    jpeg = jpeg[: _end_of(jpeg)]
    xmp = with_claim(_look(jpeg).xmp, len(second)) if found.gains else b""
    kept, at = [], 0
    for segment in segments(jpeg):
        old = segment.marker == APP2 and segment.data.startswith((_MPF, _ISO))
        if old or (xmp and segment.marker == APP1 and segment.data.startswith(XMP)):
            kept.append(jpeg[at : segment.at])
            at = segment.at + 4 + len(segment.data)
    added = [packed(APP1, XMP + xmp)] if xmp else []
    added += [packed(APP2, _ISO + _VERSIONS)] if found.gains else []
    first = with_segments(b"".join((*kept, jpeg[at:])), [*added, packed(APP2, _mpf(0, 0, 0))])
    at = next(s.at for s in segments(first) if s.marker == APP2 and s.data.startswith(_MPF))
    placed = packed(APP2, _mpf(at + 4 + len(_MPF), len(first), len(second)))
    return first[:at] + placed + first[at + len(placed) :] + second


def _second(found: GainMap) -> bytes:
    """The map as a JPEG that says what it means."""
    out = io.BytesIO()
    Image.fromarray(found.pixels).save(
        out, "JPEG", quality=_JPEG_QUALITY, subsampling=0, icc_profile=found.icc
    )
    xmp = found.apple or (to_xmp(found.gains) if found.gains else b"")
    added = [packed(APP1, XMP + xmp)] if xmp else []
    added += [packed(APP2, _ISO + to_iso(found.gains))] if found.gains else []
    return with_segments(out.getvalue(), added)


def _mpf(base: int, first: int, second: int) -> bytes:
    """The segment of two pictures of these lengths, whose own TIFF structure starts at byte `base`."""
    entries = struct.pack(">IIIHHIIIHH", 0x030000, first, 0, 0, 0, 0, second, first - base, 0, 0)
    tags = (
        (0xB000, 7, 4, b"0100"),
        (0xB001, 4, 1, struct.pack(">I", 2)),
        (0xB002, 7, 32, struct.pack(">I", 50)),
    )
    directory = b"".join(struct.pack(">HHI", *tag[:3]) + tag[3] for tag in tags)
    return _MPF + b"MM\0*" + struct.pack(">IH", 8, len(tags)) + directory + bytes(4) + entries
