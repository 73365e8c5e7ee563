"""The chunks of a PNG, wherever they stand, and its texts, among them what ImageMagick hides in these."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

MOST = 1 << 20
"""Bytes of a text, or another part of what is kept, unpacked."""
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
RAW = re.compile(rb"Raw profile type (exif|app1|xmp|iptc|8bim|icc|icm)\0", re.IGNORECASE)
XMP_KEYWORD, _XMP_SPACE = b"XML:com.adobe.xmp\0", b"http://ns.adobe.com/xap/1.0/\0"


def chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk; of pixels, and of what is cut or fails its checksum, the kind alone."""
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        after = stream.tell() + size + 4
        data = b"" if kind in (b"IDAT", b"fdAT") else stream.read(min(size, 16 * MOST))
        sound = len(data) == size and zlib.crc32(kind + data) == int.from_bytes(stream.read(4), "big")
        yield kind, data if sound else b""
        stream.seek(after)
        if kind == b"IEND":
            return


def text_of(kind: bytes, data: bytes) -> tuple[str, str]:
    """Keyword and text of a chunk. Raises ValueError, IndexError, zlib.error where it is broken."""
    keyword, found, text = data.partition(b"\0")
    if not found:
        raise ValueError("no keyword")
    if kind == b"iTXt":
        packed, rest = text[0], text[2:]
        text = rest.split(b"\0", 2)[2]
    else:
        packed, text = kind == b"zTXt", text[kind == b"zTXt" :]
    text = inflated(text) if packed else text
    return keyword.decode("latin-1"), decoded(text) if kind == b"iTXt" else text.decode("latin-1")


def raw_profiles(stream: BinaryIO) -> dict[str, bytes]:
    """Return what ImageMagick wrote as hexadecimal text into a PNG: any of `exif`, bare, `xmp` and `iptc`."""
    found = dict[str, bytes]()
    for kind, data in chunks(stream):
        if kind not in TEXT_CHUNKS or not RAW.match(data):
            continue
        try:
            keyword, text = text_of(kind, data)
            _, size, digits = text.strip().split("\n", 2)
            body = bytes.fromhex(digits)[: int(size)]
        except (ValueError, IndexError, zlib.error):
            continue
        known = keyword.split()[3].lower()
        known = {"8bim": "iptc", "app1": "xmp" if body.startswith(_XMP_SPACE) else "exif"}.get(known, known)
        if known in ("exif", "xmp", "iptc"):
            body = body.removeprefix(b"Exif\0\0").removeprefix(_XMP_SPACE)
            found.setdefault(known, body)
    return found


def exif_and_xmp(stream: BinaryIO) -> tuple[bytes, bytes]:
    """EXIF, bare, and XMP of a PNG, wherever they stand, or as ImageMagick wrote them; empty for none."""
    exif, xmp = b"", b""
    for kind, data in chunks(stream):
        if kind == b"eXIf":
            exif = exif or data
        elif kind in TEXT_CHUNKS and data.startswith(XMP_KEYWORD):
            with suppress(ValueError, IndexError, zlib.error):
                xmp = xmp or text_of(kind, data)[1].encode("utf-8", "surrogateescape")
    raw = raw_profiles(stream) if not (exif and xmp) else {}
    return exif or raw.get("exif", b""), xmp or raw.get("xmp", b"")


def inflated(data: bytes) -> bytes:
    """Unpack zlib's bytes. Raises ValueError where there are more than MOST, or not all; zlib.error."""
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, MOST + 1)
    if len(found) > MOST or not unpacker.eof:
        raise ValueError("too long, or cut")
    return found


def decoded(data: bytes) -> str:
    """Text in UTF-8, or what is read as Latin-1 since it cannot be that."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
