"""What `nic_cli.encode` does."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nic_cli import memory
from nic_cli.api import given
from nic_cli.api.call import Call
from nic_cli.errors import WrongType, WrongValue
from nic_cli.limits import MAX_BPP, SEARCH_STEPS, check_size
from nic_cli.units import parse_bytes

if TYPE_CHECKING:
    from nic_cli.quality.judging import Judge
    from nic_cli.types import Container, Picture

HDR = ("plain", "keep")


@dataclass(frozen=True, slots=True)
class Rate:
    """What decides on the rate: q, a largest size in bits a pixel or in bytes, or what judges a score.

    Nothing for the usual q.
    """

    q: float | None = None
    bpp: float | None = None
    n_bytes: int | None = None
    judge: Judge | None = None

    def target(self, picture: Picture) -> int | None:
        """The largest file in bytes, None if only q counts."""
        if self.bpp is None:
            return self.n_bytes
        return math.floor(self.bpp * picture.width * picture.height / 8)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a picture is read, as the arguments of these names say; `strip` as the parts of it."""

    strip: frozenset[str]
    frame: int | None
    max_pixels: int | None
    hdr: str
    accept_truncated: bool
    preview: bool


def encode(
    image: object,
    *,
    q: float | None,
    b: float,
    bpp: float | None,
    target_size: int | str | None,
    ssimulacra2: float | None,
    like: str | None,
    target_bytes: int | None,
    effort: int,
    tile: int,
    preview: bool,
    strip: str | Iterable[str],
    frame: int | None,
    max_pixels: int | None,
    hdr: str,
    accept_truncated: bool,
    model: str | os.PathLike[str] | None,
    device: str,
) -> bytes:
    """As `nic_cli.encode` tells."""
    with Call() as call:
        if target_bytes is not None:
            call.warn("target_bytes is called target_size now", DeprecationWarning)
        rate = _rate(
            q=q,
            bpp=bpp,
            target_size=target_size,
            ssimulacra2=ssimulacra2,
            like=like,
            target_bytes=target_bytes,
        )
        realism = given.number("b", b)
        effort, tile = given.whole("effort", effort), given.whole("tile", tile)
        name, device = given.model_name(model), given.choice("device", device, given.DEVICES)
        reading = Reading(
            strip=_kinds(strip),
            frame=given.whole_or_none("frame", frame, 1),
            max_pixels=given.whole_or_none("max_pixels", max_pixels, 1),
            hdr=given.choice("hdr", hdr, HDR),
            accept_truncated=given.switch("accept_truncated", accept_truncated),
            preview=given.switch("preview", preview),
        )
        if realism is None:
            raise WrongType("b is None: it takes a number, 0 to 1")
        if not 0 <= effort < len(SEARCH_STEPS):  # before a picture is read and a model loaded
            raise WrongValue(f"effort is {effort}: it goes from 0 to {len(SEARCH_STEPS) - 1}")
        picture = _prepared(image, reading, call)

        from nic_cli import codec
        from nic_cli.container import file
        from nic_cli.zoo.load import shared

        using = shared(name, device)
        if SEARCH_STEPS[effort] and not using.searched:
            call.warn(f"model {using.name} cannot be searched for better latents: encoding without")

        def coded(q: float | None) -> Container:
            return memory.with_less_memory(
                lambda divisor: codec.encode(
                    picture,
                    using,
                    q=q,
                    b=realism,
                    tile=tile,
                    target_bytes=rate.target(picture),
                    effort=effort,
                    divisor=divisor,
                ),
                call.warn,
                memory.for_coding(picture.width, picture.height, picture.channels * picture.bit_depth // 8),
            )

        if rate.judge is None:
            return file.pack(coded(rate.q))
        rate.judge.check(picture, "the picture")
        searching = SEARCH_STEPS[effort] > 0 and using.searched
        judged = rate.judge(picture, using, coded, None, call.warn, None, jumpy=searching)
        for notice in judged.notices:
            call.warn(notice)
        return file.pack(judged.container)


def _rate(**ways: Any) -> Rate:
    """The one place that knows all that may decide on the rate; a further way belongs in here."""
    q, bpp, target_size, target_bytes = (ways[n] for n in ("q", "bpp", "target_size", "target_bytes"))
    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) > 1:
        known = ", ".join(name for name in ways if name != "target_bytes")
        raise WrongValue(f"{' and '.join(chosen)} exclude each other: give one of {known}")
    if ways["ssimulacra2"] is not None or ways["like"] is not None:
        return Rate(judge=_judge(ways["ssimulacra2"], ways["like"]))
    if target_bytes is not None:
        return Rate(n_bytes=given.whole("target_bytes", target_bytes, 1))
    if isinstance(target_size, str):
        try:
            return Rate(n_bytes=parse_bytes(target_size))
        except ValueError as error:
            raise WrongValue(f"target_size is {target_size!r}: {error}") from error
    if target_size is not None and not hasattr(target_size, "__index__"):
        raise WrongType(f"target_size is {target_size!r}: it takes whole bytes, or a text such as '40kB'")
    bits = given.number("bpp", bpp)
    if bits is not None and not 0 < bits <= MAX_BPP:
        raise WrongValue(f"bpp is {bits:g}: it takes a number over 0 and up to {MAX_BPP:g}")
    return Rate(given.number("q", q), bits, given.whole_or_none("target_size", target_size, 1))


def _judge(score: object, like: object) -> Judge:
    from nic_cli.quality import judging

    wanted = given.number("ssimulacra2", score)
    if like is not None and not isinstance(like, str):
        raise WrongType(f"like is {like!r}: it takes a codec and its quality, such as 'jpeg:80'")
    return judging.judge(wanted, like, None)


def _kinds(strip: object) -> frozenset[str]:
    """'exif,gps', or the parts one by one."""
    parts = strip.split(",") if isinstance(strip, str) else strip
    names: list[Any] = list(parts) if isinstance(parts, Iterable) else [parts]
    if not all(isinstance(name, str) for name in names):
        raise WrongType(f"strip is {strip!r}: it takes names such as 'exif' or ('exif', 'gps')")
    return frozenset(names)


def _prepared(image: object, reading: Reading, call: Call) -> Picture:
    """The picture, with what is wanted of what it says."""
    if isinstance(image, str | bytes | bytearray | memoryview | os.PathLike) or hasattr(image, "read"):
        pass  # a file, which numpy need not look at before it is known to be one
    elif not any(hasattr(image, name) for name in ("getbands", "__array_interface__", "__array__")):
        raise WrongType(
            "a picture is a path, the bytes of a picture file, a binary file object, a PIL image or an "
            f"array, not {type(image).__name__}"
        )
    picture = _read(image, reading, call)
    from nic_cli.image.metadata import strip
    from nic_cli.image.preview import with_useful_preview

    picture = strip(picture, reading.strip)
    return with_useful_preview(picture, call.warn, "the picture") if reading.preview else picture


def _read(image: object, reading: Reading, call: Call) -> Picture:
    from nic_cli.api.array_check import checked
    from nic_cli.image.reading import from_array, from_pil, read

    keep = reading.hdr == "keep"
    found = given.file_of(image, "the picture")
    if found is not None:
        try:
            return read(
                found.stream,
                found.name,
                warn=call.warn,
                frame=reading.frame,
                most=reading.max_pixels,
                hdr=keep,
                truncated=reading.accept_truncated,
                file_name=found.file_name,
            )
        finally:
            if found.owned:
                found.stream.close()
    if reading.frame is not None or reading.accept_truncated:
        raise WrongValue("frame and accept_truncated are for files: of an image, seek and give image.copy()")
    if hasattr(image, "getbands"):
        _check_size(image, reading, "the image")
        if getattr(image, "mode", "") == "CMYK":
            call.warn("the image: left out: inks (CMYK becomes RGB)")
        return from_pil(image, warn=call.warn, hdr=keep)  # type: ignore[arg-type]
    if keep:
        raise WrongValue("hdr is for files and PIL images: the values of an array are sRGB")
    picture = from_array(checked(image), warn=call.warn)
    _check_size(picture, reading, "the array")
    return picture


def _check_size(image: object, reading: Reading, name: str) -> None:
    if reading.max_pixels is not None:
        check_size(image.width, image.height, name, reading.max_pixels)  # type: ignore[attr-defined]
