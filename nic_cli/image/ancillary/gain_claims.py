"""What is written about HDR gain maps: the XMP of a picture and of a map, and the binary form of ISO 21496-1.

XMP is read by the parser of the standard library and changed by bytes, so that the rest stays as it was.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import Any
from xml.parsers import expat

from nic_cli.image.ancillary.gain_map import Gains
from nic_cli.image.ancillary.jpeg_segments import MAX_DATA

XMP = b"http://ns.adobe.com/xap/1.0/\0"
"""Stands before XMP in a segment of a JPEG."""
APPLE = "urn:com:apple:photo:2020:aux:hdrgainmap"

_HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = _CONTAINER + "item/"
_APDI = "http://ns.apple.com/pixeldatainfo/1.0/"
_APPLE_MAP = "http://ns.apple.com/HDRGainMap/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CLAIMS = (_HDRGM, _CONTAINER, _ITEM, _APPLE_MAP)
_TAG = re.compile(rb"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_SHELL = re.compile(rb"<rdf:Description(?:\s+rdf:about=(?:\"\"|''))?\s*(?:/>|>\s*</rdf:Description\s*>)")
_COLUMNS = (
    ("GainMapMin", 0),
    ("GainMapMax", None),
    ("Gamma", 1),
    ("OffsetSDR", 1 / 64),
    ("OffsetHDR", 1 / 64),
)
"""Names of what each channel has, in the order of `Gains`, and what is meant where they are missing."""
_MULTICHANNEL, _BASE_SPACE, _COMMON, _BACKWARD = 0x80, 0x40, 0x08, 0x04

APPLE_XMP = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""'
    f' xmlns:apdi="{_APDI}" xmlns:HDRGainMap="{_APPLE_MAP}"'
    f' apdi:AuxiliaryImageType="{APPLE}" HDRGainMap:HDRGainMapVersion="65536"/></rdf:RDF></x:xmpmeta>'
).encode()
"""The least that makes a second picture a gain map of Apple's."""


class Packet:
    """What an XMP packet says, as far as it can be parsed; in time that grows with its length alone.

    said: the texts of each property, by namespace and name. items: what the directory says of each picture,
    by name. elements, tags: where elements lie that are of `claims`, namespaces, and start tags that are so
    in part.
    """

    def __init__(self, xmp: bytes, claims: tuple[str, ...] = _CLAIMS) -> None:
        self._claims = claims
        self.said: dict[str, list[str]] = {}
        self.items: list[dict[str, str]] = []
        self.elements: list[tuple[int, int]] = []
        self.tags: list[tuple[int, int]] = []
        self.prefixes: set[str] = set()
        self._xmp, self._text, self._declared, self._inside = xmp, "", False, 0
        self._open: list[tuple[int, str]] = []
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text
        parser.EntityDeclHandler = self._refuse
        try:
            if b"\0" not in xmp[:4]:  # else of 16 bits a character, which nobody writes
                parser.Parse(xmp, True)
        except (expat.ExpatError, ValueError):
            pass  # many packets end in junk; what was closed before it counts

    @property
    def claims(self) -> bool:
        """Whether the picture that this packet describes has a gain map beside it, it says."""
        listed = any(item.get("Semantic") == "GainMap" for item in self.items)
        return listed or f"{_HDRGM} Version" in self.said or self.is_apple

    @property
    def is_numbered(self) -> bool:
        """Whether it tells how the values of a map are to be understood."""
        return f"{_HDRGM} GainMapMax" in self.said

    @property
    def is_apple(self) -> bool:
        """Whether it says so in Apple's way, or describes such a map."""
        kinds = self.said.get(f"{_APDI} AuxiliaryImageType", ())
        return APPLE in kinds or any(name.startswith(_APPLE_MAP) for name in self.said)

    def _refuse(self, *_: Any) -> None:
        raise ValueError("XMP declares no entities")

    def _declare(self, prefix: str | None, uri: str) -> None:
        if uri in self._claims and prefix:
            self.prefixes.add(prefix)
            self._declared = True

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _TAG.match(self._xmp, self._parser.CurrentByteIndex)
        if tag and (self._declared or any(each.startswith(self._claims) for each in attributes)):
            self.tags.append(tag.span())
        self._declared, self._text = False, ""
        self._inside += name.startswith(self._claims)
        of = self._open[-1][1] if name.startswith(_RDF) and self._open else name  # a list is its owner's
        self._open.append((self._parser.CurrentByteIndex, of))
        if name == f"{_RDF} li":
            self.items.append({})
        for each, value in attributes.items():
            self._say(each, value)

    def _end(self, name: str) -> None:
        start, of = self._open.pop()
        if self._text.strip():
            self._say(of, self._text.strip())
        self._text = ""
        self._inside -= name.startswith(self._claims)
        tag = _TAG.match(self._xmp, self._parser.CurrentByteIndex)
        if tag and name.startswith(self._claims) and not self._inside:
            self.elements.append((start, tag.end()))

    def _add_text(self, text: str) -> None:
        self._text += text[: MAX_DATA - len(self._text)]

    def _say(self, name: str, value: str) -> None:
        self.said.setdefault(name, []).append(value)
        namespace, _, local = name.rpartition(" ")
        if namespace == _ITEM and self.items:
            self.items[-1][local] = value


def without_claim(xmp: bytes) -> bytes:
    """Return the XMP packet without what says that there is a gain map, the rest byte for byte."""
    return without(xmp, _CLAIMS)


def without(xmp: bytes, namespaces: tuple[str, ...]) -> bytes:
    """Return the XMP packet without what is of these namespaces, the rest byte for byte."""
    if not any(namespace.encode() in xmp for namespace in namespaces):
        return xmp
    packet = Packet(xmp, namespaces)
    names = b"|".join(re.escape(prefix.encode()) for prefix in sorted(packet.prefixes))
    quoted = rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    ours = re.compile(rb"\s(?:xmlns:(?:" + names + rb")|(?:" + names + rb"):[^\s=]+)" + quoted)
    edits = [(start, -end, b"") for start, end in packet.elements]
    edits += [(start, -end, ours.sub(b"", xmp[start:end])) for start, end in packet.tags]
    kept, at = [], 0
    for start, end, instead in sorted(edits):
        if start >= at:  # else it lies in one that goes as a whole
            kept += [xmp[at:start], instead]
            at = -end
    return _SHELL.sub(b"", b"".join((*kept, xmp[at:]))) if edits else xmp


def with_claim(xmp: bytes, length: int) -> bytes:
    """Return the packet with the claim of a map of `length` bytes; b"" where it has no room for it."""
    empty = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta>'
    kept = without_claim(xmp) or empty.encode()
    item = '<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" Item:Semantic='
    claim = (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{_HDRGM}" xmlns:Container="{_CONTAINER}"'
        f' xmlns:Item="{_ITEM}" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>{item}"Primary"/></rdf:li>'
        f'{item}"GainMap" Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
    )
    at = kept.rfind(b"</rdf:RDF")
    whole = kept[:at] + claim.encode() + kept[at:]
    return whole if at >= 0 and len(XMP) + len(whole) <= MAX_DATA else b""


def from_xmp(packet: Packet) -> Gains:
    """The numbers of a map's own XMP. Raises ValueError where they are not sound."""

    def numbers(name: str, usual: float | None = None) -> tuple[float, ...]:
        said = packet.said.get(f"{_HDRGM} {name}", [] if usual is None else [str(usual)])
        return tuple(float(value) for value in said)

    (low,), (high,) = numbers("HDRCapacityMin", 0), numbers("HDRCapacityMax")
    is_hdr = packet.said.get(f"{_HDRGM} BaseRenditionIsHDR", [""])[0].lower() == "true"
    names = (
        ("GainMapMin", 0),
        ("GainMapMax", None),
        ("Gamma", 1),
        ("OffsetSDR", 1 / 64),
        ("OffsetHDR", 1 / 64),
    )
    columns = [numbers(name, usual) for name, usual in names]
    base, alternate = (high, low) if is_hdr else (low, high)
    minimum, maximum, gamma, sdr, hdr = columns
    gains = Gains(base, alternate, minimum, maximum, gamma, sdr, hdr, base_is_hdr=is_hdr)
    gains.channels()
    return gains


def to_xmp(gains: Gains) -> bytes:
    """The XMP of a map with these numbers."""
    ends = sorted((gains.base, gains.alternate))
    texts = {"HDRCapacityMin": f"{ends[0]:.9g}", "HDRCapacityMax": f"{ends[1]:.9g}"}
    texts |= {"Version": "1.0", "BaseRenditionIsHDR": str(gains.base_is_hdr)}
    lists, columns = "", zip(*gains.channels(), strict=True)
    for name, column in zip(
        ("GainMapMin", "GainMapMax", "Gamma", "OffsetSDR", "OffsetHDR"), columns, strict=True
    ):
        if len(column) == 1:
            texts[name] = f"{column[0]:.9g}"
        else:
            values = "".join(f"<rdf:li>{value:.9g}</rdf:li>" for value in column)
            lists += f"<hdrgm:{name}><rdf:Seq>{values}</rdf:Seq></hdrgm:{name}>"
    said = "".join(f' hdrgm:{name}="{text}"' for name, text in texts.items())
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""'
        f' xmlns:hdrgm="{_HDRGM}"{said}>{lists}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def from_iso(data: bytes) -> Gains:
    """Read the metadata of ISO 21496-1, from its versions on. Raises ValueError, struct.error."""
    least, _, flags = struct.unpack_from(">HHB", data)
    if least:
        raise ValueError("metadata of a later version")
    n_channels = 3 if flags & _MULTICHANNEL else 1
    signs = "II" + "iiIii" * n_channels
    if flags & _COMMON:
        below, *above = struct.unpack_from(">I" + signs, data, 5)
        pairs = [(value, below) for value in above]
    else:
        flat = struct.unpack_from(">" + "".join(sign + "I" for sign in signs), data, 5)
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
    if not all(below for _, below in pairs):
        raise ValueError("a division by zero")
    base, alternate, *rest = (above / below for above, below in pairs)
    minimum, maximum, gamma, here, there = (tuple(rest[i::5]) for i in range(5))
    base_is_hdr = bool(flags & _BACKWARD) or base > alternate
    if base_is_hdr:
        here, there = there, here
    space = bool(flags & _BASE_SPACE)
    gains = Gains(base, alternate, minimum, maximum, gamma, here, there, base_is_hdr, space)
    gains.channels()
    return gains


def to_iso(gains: Gains) -> bytes:
    """Write the metadata of ISO 21496-1, from its versions on."""
    channels = gains.channels()
    flags = _MULTICHANNEL if len(channels) > 1 else 0
    flags |= (_BASE_SPACE if gains.base_space else 0) | (_BACKWARD if gains.base_is_hdr else 0)
    values = [gains.base, gains.alternate]
    for minimum, maximum, gamma, sdr, hdr in channels:
        values += [minimum, maximum, gamma, *((hdr, sdr) if gains.base_is_hdr else (sdr, hdr))]
    written = struct.pack(">HHB", 0, 0, flags)
    for value in values:
        near = Fraction(value).limit_denominator(1 << 20)
        written += struct.pack(">iI", near.numerator, near.denominator)
    return written
