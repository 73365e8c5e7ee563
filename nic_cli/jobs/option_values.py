"""Targets of encoding and decoding: the rate, the metadata that are left out, the view."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nic_cli import units
from nic_cli.errors import UsageError
from nic_cli.jobs.settings import Settings
from nic_cli.limits import MAX_BPP
from nic_cli.tiles.grid import Grid
from nic_cli.types import Header, Region

if TYPE_CHECKING:
    from nic_cli.types import Picture

SCALES = {"1": 1, "1/2": 2, "1/4": 4, "1/8": 8}
STRIPPABLE = ("all", "gps", "exif", "xmp", "icc", "gainmap", "iptc", "text", "geo", "resolution", "name")


@dataclass(frozen=True, slots=True)
class RateTarget:
    """The rate asked for: q, or at most `bpp` bits a pixel, or at most `n_bytes` a file.

    by_score: it is that of a wanted score.
    """

    q: float | None
    bpp: float | None = None
    n_bytes: int | None = None
    by_score: bool = False

    @property
    def by_quality(self) -> bool:
        """Whether q says it all."""
        return self.bpp is None and self.n_bytes is None and not self.by_score

    def target(self, picture: Picture) -> int | None:
        """Give the largest file in bytes that fulfils the wish, None if only q counts."""
        if self.bpp is None:
            return self.n_bytes
        return math.floor(self.bpp * picture.width * picture.height / 8)


@dataclass(frozen=True, slots=True)
class View:
    """The part of a picture asked for, None for all, and how many times smaller it shall be."""

    region: Region | None = None
    scale: int = 1

    def size(self, header: Header) -> tuple[int, int]:
        """Give width and height of what is seen of a file. Raises UsageError if the part is outside."""
        area = Grid(header.width, header.height, header.tile).area(self.region, self.scale)
        return area.width // self.scale, area.height // self.scale


WHOLE = View()


def view(crop: str | None, scale: str | None) -> View:
    """Read --crop and --scale. Raises UsageError."""
    region = None
    if crop is not None:
        found = re.fullmatch(r"(\d{1,7}),(\d{1,7}),(\d{1,7}),(\d{1,7})", crop.replace(" ", ""), re.ASCII)
        if found is None or not int(found[3]) or not int(found[4]):
            raise UsageError(f"--crop: {crop!r} cannot be used: give X,Y,WIDTH,HEIGHT in pixels")
        region = Region(*map(int, found.groups()))
    if scale is not None and scale not in SCALES:
        raise UsageError(f"--scale: {scale!r} cannot be used: give {', '.join(SCALES)}")
    return View(region, SCALES.get(scale or "1", 1))


def output_format(given: str | None, known: Sequence[str]) -> str | None:
    """Read --format; jpg and tif are what most people write. Raises UsageError."""
    if given is None:
        return None
    name = given.lower().removeprefix(".")
    name = {"jpg": "jpeg", "tif": "tiff", "pnm": "ppm"}.get(name, name)
    if name not in known:
        raise UsageError(f"--format: {given!r} cannot be used: give {', '.join(known)}")
    return name


def pixel_limit(given: int | None) -> int | None:
    """Read --max-pixels. Raises UsageError."""
    if given is not None and given < 1:
        raise UsageError(f"--max-pixels: {given} cannot be used: give a whole number from 1 up")
    return given


def rate_target(
    chosen: Settings,
    quality: float | None,
    bpp: float | None,
    size: str | None,
    score: float | None = None,
    like: str | None = None,
) -> RateTarget:
    """Read -q, --bpp and --target-size, of which one may be given, or a wanted score. Raises UsageError."""
    if sum(value is not None for value in (quality, bpp, size, score, like)) > 1:
        raise UsageError("-q, --bpp, --target-size, --ssimulacra2 and --like exclude each other: give one")
    if bpp is not None and not 0 < bpp <= MAX_BPP:
        raise UsageError(f"--bpp: {bpp:g} cannot be used: give a number over 0 and up to {MAX_BPP:g}")
    try:
        n_bytes = None if size is None else units.parse_bytes(size)
    except ValueError as error:
        raise UsageError(f"--target-size: {size!r} cannot be used: {error}") from error
    return RateTarget(chosen.quality, bpp, n_bytes, score is not None or like is not None)


def frame_number(given: int | None) -> int | None:
    """Read --frame. Raises UsageError."""
    if given is not None and given < 1:
        raise UsageError(f"--frame: {given} cannot be used: frames and pages count from 1")
    return given


def stripped_kinds(given: list[str]) -> frozenset[str]:
    """Read what --strip names. Raises UsageError."""
    kinds = frozenset(kind for text in given for kind in text.split(","))
    for kind in sorted(kinds - set(STRIPPABLE)):
        raise UsageError(f"--strip: {kind!r} cannot be used: give {', '.join(STRIPPABLE)}")
    return kinds


def keeps_hdr(given: str | None) -> bool:
    """Read --hdr. Raises UsageError."""
    if given not in (None, "keep", "plain"):
        raise UsageError(f"--hdr: {given!r} cannot be used: give keep or plain")
    return given == "keep"
