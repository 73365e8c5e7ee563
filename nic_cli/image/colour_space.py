"""Which colours a picture has, by its profile or a code of its format, and what becomes of them.

PNG: cICP, iCCP, sRGB, gAMA with cHRM       AVIF, HEIC: ICC, nclx       all others: ICC
sRGB                              values as they are, no profile needed
a curve of its own alone          converted to sRGB: that loses no colours
a profile no wider than sRGB      converted, and back in outputs that carry the profile
wider colours                     values as they are, under their profile or one made for them
HDR (PQ, HLG)                     values as they are, taken for sRGB or, if asked for, under their code
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

import numpy as np
from PIL import Image

from nic_cli.image import colour
from nic_cli.image.ancillary import colour_codes, isobmff, profiles
from nic_cli.image.ancillary.colour_codes import ColourCode, Transfer
from nic_cli.image.colour import changed
from nic_cli.image.opening import MAX_ITEM, Warn
from nic_cli.types import Picture, PixelArray

OF_CODES = ("PNG", "AVIF", "HEIF")
"""Formats that may say so by other means than a profile."""

STEEP = 1.6
"""Exponents below it leave too few steps to what is dark."""

_NAMES = {"pq": "PQ", "hlg": "HLG"}


def said(
    stream: BinaryIO | None, image: Image.Image, name: str, warn: Warn
) -> tuple[bytes, ColourCode | None]:
    """The profile that describes the values of an opened image, and the code that does so in its place.

    stream: what it was opened from, None where that is gone.
    """
    icc = bytes(image.info.get("icc_profile") or b"")
    if image.format == "PNG":
        found = _of_info(image, icc) if stream is None else colour_codes.png(stream, name, warn, MAX_ITEM)
        if isinstance(found, bytes) and stream is not None and not _fits(image, found):
            warn(f"{name}: the ICC profile was left out: it is broken, or of other channels")
            found = colour_codes.png(stream, name, warn, MAX_ITEM, icc=False)
        icc, code = (found, None) if isinstance(found, bytes) else (b"", found)
    elif image.format in ("AVIF", "HEIF") and not icc and stream is not None:
        icc, code = b"", isobmff.colour(stream)
    else:
        code = None
    return (b"", hdr) if icc and (hdr := colour_codes.hdr_of(icc)) else (icc, code)


def _fits(image: Image.Image, icc: bytes) -> bool:
    """Whether a profile can be used for the channels of an image, which may be of a palette."""
    grey = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    return colour.space(icc) == ("L" if grey else "RGB") and colour.is_sound(icc)


def _of_info(image: Image.Image, icc: bytes) -> bytes | ColourCode | None:
    """The same of a PNG that Pillow has closed, which keeps no cICP."""
    info = image.info
    if icc or "srgb" in info or not (info.get("gamma") or info.get("chromaticity")):
        return icc or None
    transfer: Transfer = 1 / float(info["gamma"]) if info.get("gamma") else "srgb"
    points = info.get("chromaticity") or [value for point in colour_codes.SRGB for value in point]
    white, red, green, blue = ((points[at], points[at + 1]) for at in range(0, 8, 2))
    return colour_codes.unless_srgb(ColourCode((white, red, green, blue), transfer))


def settled(
    picture: Picture, code: ColourCode | None, name: str, warn: Warn, *, hdr: bool = False
) -> Picture:
    """`picture`, whose values are as the file has them, in the colours that it is coded in.

    hdr: whether those of HDR keep their code, in 16 bits.
    """
    if code is None:
        return _by_profile(picture, name, warn)
    try:
        if profiles.is_hdr(code):
            return _in_hdr(picture, code, name, warn, keep=hdr)
        if picture.channels == 3 and profiles.wide(code):
            if (isinstance(code.transfer, float) and code.transfer < STEEP) or code.transfer == "linear":
                # Light itself is no scale to be coded on: most of its steps are too bright to be seen.
                curve = replace(code, primaries=colour_codes.SRGB)
                picture = replace(
                    picture, pixels=changed(picture.pixels, lambda x: profiles.to_srgb_values(x, curve))
                )
                code = replace(code, transfer="srgb")
            return replace(picture, metadata=replace(picture.metadata, icc=profiles.profile_of(code)))
        return replace(picture, pixels=changed(picture.pixels, lambda x: profiles.to_srgb_values(x, code)))
    except ValueError as error:
        warn(f"{name}: its colours cannot be used and sRGB was taken: {error}")
        return picture


def _in_hdr(picture: Picture, code: ColourCode, name: str, warn: Warn, *, keep: bool) -> Picture:
    curve = _NAMES[str(code.transfer)]
    if not (keep and code.cicp):
        warn(f"{name}: HDR by {curve}, taken for sRGB, which looks flat; --hdr keep keeps it as it is")
        return picture
    pixels, alpha = picture.pixels, picture.alpha
    if picture.bit_depth == 8:
        pixels = changed(pixels, _widened)
        alpha = None if alpha is None else _widened(alpha)
    return replace(
        picture, pixels=pixels, alpha=alpha, metadata=replace(picture.metadata, icc=b"", cicp=code.cicp)
    )


def _widened(values: PixelArray) -> PixelArray:
    return values.astype(np.uint16) * np.uint16(257)


def _by_profile(picture: Picture, name: str, warn: Warn) -> Picture:
    """Values in sRGB or under their profile; a profile of no use is left out."""
    icc = picture.metadata.icc
    if not icc:
        return picture
    try:
        if colour.space(icc) != ("L" if picture.channels == 1 else "RGB"):
            raise ValueError("it describes other channels")
        if picture.channels == 1 or picture.bit_depth == 16 or colour.is_srgb(icc) or colour.is_wide(icc):
            return picture
        pixels = colour.applied(colour.to_srgb, picture.pixels, icc)
    except ValueError as error:
        warn(f"{name}: the ICC profile was left out and sRGB taken: {error}")
        return replace(picture, metadata=replace(picture.metadata, icc=b""))
    picture = replace(picture, pixels=pixels, original_space=True)
    if not colour.has_way_back(icc):
        warn(f"{name}: the ICC profile leads to sRGB but not back; the picture stays in sRGB without it")
        return replace(picture, metadata=replace(picture.metadata, icc=b""), original_space=False)
    return picture


def without_profile(picture: Picture, warn: Warn) -> Picture:
    """`picture`, whose values are in the space of its profile, in sRGB, for an output that carries none."""
    icc = picture.metadata.icc
    if not icc:
        return picture
    plain = replace(picture, metadata=replace(picture.metadata, icc=b""))
    try:
        if picture.channels == 1:
            return replace(plain, pixels=changed(picture.pixels, lambda x: profiles.grey_to_srgb(x, icc)))
        if picture.bit_depth == 8 and colour.is_srgb(icc):
            return plain
        if picture.bit_depth == 16:
            change = lambda x: profiles.from_profile_values(x, icc)  # noqa: E731
            return replace(plain, pixels=changed(picture.pixels, change))
        return replace(plain, pixels=colour.applied(colour.to_srgb, picture.pixels, icc))
    except ValueError as error:
        warn(f"written without the profile that its values need: {error}")
        return plain
