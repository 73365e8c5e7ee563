"""The codecs that can be compared, and the strings that name them with their settings.

    nic:q0..6            q = 0, 1, ..., 6          jpeg             at its usual seven settings
    nic:q0..6/0.5        in steps of a half        avif:q40|60      at two
    nic:q1.5,b0.8        one setting of two dials          nic:e1|5         at two efforts of encoding

Classical codecs get the picture's colour alone: neither alpha nor metadata, as nic does here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, features

from nic_cli.errors import UsageError
from nic_cli.extras import adding
from nic_cli.limits import SEARCH_STEPS
from nic_cli.types import Picture, PixelArray

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec at one setting. encode: picture -> bytes of a whole file; decode: bytes -> pixels.

    to_size: encode to at most so many bytes, where a codec can.
    """

    curve: str
    setting: str
    encode: Callable[[Picture], bytes]
    decode: Callable[[bytes], PixelArray]
    to_size: Callable[[Picture, int], bytes] | None = None


# Format for Pillow, what it is saved with, and default qualities: those of most published comparisons,
# seven each, so that curves overlap from about 0.2 to 1.2 bits a pixel.
CLASSICAL: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "jpeg": ("JPEG", {"optimize": True, "progressive": True}, (8, 15, 25, 40, 60, 80, 90)),
    "webp": ("WEBP", {"method": 6}, (1, 10, 25, 45, 65, 80, 92)),
    "avif": ("AVIF", {"speed": 4}, (15, 25, 35, 45, 55, 70, 82)),
    "jxl": ("JXL", {"effort": 7}, (10, 25, 40, 55, 70, 82, 92)),
}
NAMES = ("nic", *CLASSICAL)
RATES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  # of nic, where neither -q nor the string names any
REALISMS = (0.0, 0.75)  # the most faithful, and what nic encode aims at unless told otherwise


def defaults() -> str:
    """What is compared unless told otherwise: everything that this Pillow can write."""
    return ",".join(("nic", *(name for name in CLASSICAL if _missing(name) is None)))


def parse(
    text: str, models: Sequence[Model], rates: Sequence[float] | None, realisms: Sequence[float]
) -> list[Codec]:
    """All codecs at all settings that `text` names; rates and realisms are for nic, where it names none.

    rates: None for all of RATES that a model has.

    Raises UsageError in one line for what cannot be understood or cannot be had.
    """
    found: list[Codec] = []
    asked = list(_split(text))
    aims = {b for name, dials in asked if name == "nic" for b in dials.get("b") or realisms}
    for name, dials in asked:
        if name == "nic":
            given = dials.get("q") or rates or None, dials.get("b") or realisms, dials.get("e") or [1.0]
            found += _neural(models, *given, several=len(aims) > 1)
        else:
            found += _classical(name, dials)
    return list({(codec.curve, codec.setting): codec for codec in found}.values())


def _split(text: str) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Codecs with the values of their dials: a comma leads to the next codec or to the next dial."""
    pieces: list[list[str]] = []
    for piece in filter(None, text.split(",")):
        name, colon, rest = piece.partition(":")
        if name in NAMES:
            pieces.append([name, rest] if colon else [name])
        elif pieces and len(pieces[-1]) > 1:
            pieces[-1].append(piece)
        else:
            raise UsageError(f"--codecs: {piece!r} is no codec: there are {', '.join(NAMES)}")
    if not pieces:
        raise UsageError(f"--codecs: give some of {', '.join(NAMES)}")
    for name, *given in pieces:
        dials: dict[str, list[float]] = {}
        for dial in given:
            if dial[:1] not in (("q", "b", "e") if name == "nic" else ("q",)):
                raise UsageError(f"--codecs: {name}: {dial!r} cannot be used: give q30, q30|60 or q10..90/20")
            dials[dial[0]] = numbers(dial[1:], f"--codecs: {name}")
        yield name, dials


def numbers(text: str, where: str) -> list[float]:
    """`1|2.5` or `0..6` or `0..6/0.5` as numbers; UsageError that begins with `where`."""
    values: list[float] = []
    for part in re.split(r"[|,]", text):
        match = re.fullmatch(r"(\d*\.?\d+)(?:\.\.(\d*\.?\d+)(?:/(\d*\.?\d+))?)?", part.strip())
        if match is None or (match[3] is not None and float(match[3]) == 0):
            raise UsageError(f"{where}: {part!r} cannot be used: give a number, 1|2|3, 0..6 or 0..6/0.5")
        low, high, step = float(match[1]), float(match[2] or match[1]), float(match[3] or 1)
        values += [round(low + i * step, 6) for i in range(int((high - low) / step + 1e-6) + 1)]
    if not values or len(values) > 1000:
        raise UsageError(f"{where}: {text!r} gives {len(values)} settings: 1 to 1000 can be used")
    return values


def _neural(
    models: Sequence[Model],
    rates: Sequence[float] | None,
    realisms: Sequence[float],
    efforts: Sequence[float],
    *,
    several: bool,
) -> list[Codec]:
    """A curve for each model and effort and, where `several` realisms are compared, for each of them."""
    from nic_cli import codec
    from nic_cli.container import file

    if wrong := [e for e in efforts if e not in range(len(SEARCH_STEPS))]:
        raise UsageError(
            f"--codecs: nic: effort {wrong[0]:g} cannot be used: give 0 to {len(SEARCH_STEPS) - 1}"
        )

    def made(model: Model, q: float, b: float, e: float) -> Codec:
        curve = "nic" if len(models) == 1 else f"nic {model.name}"
        curve += f" b{b:g}" if several else ""
        effort = f"e{e:g}" if SEARCH_STEPS[int(e)] else ""
        top = model.config.q_top
        if q > top or b > 1:
            raise UsageError(
                f"model {model.name} takes q from 0 to {top:g} and b from 0 to 1, not q{q:g},b{b:g}"
            )
        return Codec(
            f"{curve} {effort}" if effort else curve,
            ",".join(filter(None, (f"q{q:g},b{b:g}", effort))),
            lambda picture: file.pack(codec.encode(picture, model, q=q, b=b, effort=int(e))),
            lambda data: codec.decode(file.unpack(data), model).pixels,
            lambda picture, size: file.pack(
                codec.encode(picture, model, b=b, target_bytes=size, effort=int(e))
            ),
        )

    def of(model: Model) -> Sequence[float]:
        return rates or [q for q in RATES if q <= model.config.q_top]

    return [made(model, *dials) for model in models for dials in product(of(model), realisms, efforts)]


def _classical(name: str, dials: dict[str, list[float]]) -> list[Codec]:
    if (reason := _missing(name)) is not None:
        raise UsageError(f"--codecs: {name}: {reason}")
    kind, options, usual = CLASSICAL[name]

    def made(quality: float) -> Codec:
        def encode(picture: Picture) -> bytes:
            if picture.pixels.dtype != np.uint8:
                raise ValueError(f"{name} takes 8 bits a channel here, this picture has 16")
            stream = io.BytesIO()
            _image(picture.pixels).save(stream, kind, quality=round(quality), **options)
            return stream.getvalue()

        return Codec(name, f"q{quality:g}", encode, lambda data: _pixels(data, kind))

    if wrong := [q for q in dials.get("q", ()) if not 0 <= q <= 100 or q != round(q)]:
        raise UsageError(f"--codecs: {name}: quality {wrong[0]:g} cannot be used: give 0 to 100")
    return [made(quality) for quality in dials.get("q") or usual]


def _missing(name: str) -> str | None:
    """Why this Pillow cannot write a format; None if it can."""
    if name == "jxl":
        try:
            import pillow_jxl  # noqa: F401 its import adds the format to Pillow
        except ImportError:
            return f"needs a plugin of Pillow: {adding('formats')}"
    elif name in ("avif", "webp") and not features.check(name):
        return "this Pillow was built without it"
    return None


def webp(pixels: PixelArray) -> bytes:
    """Pixels [H, W, 1 or 3] as lossless WebP of 8 bits, for a page."""
    stream = io.BytesIO()
    shown = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    _image(shown).convert("RGB").save(stream, "WEBP", lossless=True, quality=60, method=3)
    return stream.getvalue()


def _image(pixels: PixelArray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _pixels(data: bytes, kind: str) -> PixelArray:
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        array = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return array[..., None] if array.ndim == 2 else array


def libraries() -> dict[str, str]:
    """Versions of the libraries behind Pillow's formats, which decide what a quality means."""
    found = {name: features.version(name) for name in ("libjpeg_turbo", "webp", "avif")}
    return {name: version for name, version in found.items() if version}
