"""JPEG, WebP, AVIF and JPEG XL by Pillow, at a quality and with settings: what nic is compared with.

Colour alone goes in and comes out: neither alpha nor metadata.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow

from nic_cli.extras import adding
from nic_cli.types import PixelArray

Settings = Mapping[str, str]
FEATURES = {"jpeg": "libjpeg_turbo", "webp": "webp", "avif": "avif"}  # Pillow's names of the libraries
SUBSAMPLING = ("420", "422", "444")


@dataclass(frozen=True, slots=True)
class Classical:
    """A format of Pillow.

    kind: its name there. title: as people write it. qualities: seven, so that curves overlap from about 0.2
    to 1.2 bits a pixel. settings: what can be chosen besides -> its values. usual: those it is used with
    where none are named. best: those that compete with them for the best curve, each after the metric that
    it is made for, or after nothing. arguments: settings -> what Pillow is told, besides what is fixed.
    """

    kind: str
    title: str
    qualities: tuple[float, ...]
    settings: Mapping[str, tuple[str, ...]]
    usual: Settings
    arguments: Callable[[Settings], dict[str, Any]]
    best: tuple[tuple[str, Settings], ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _chroma(settings: Settings) -> dict[str, Any]:
    return {"subsampling": ":".join(settings["sub"])}


def _avif(settings: Settings) -> dict[str, Any]:
    return {
        **_chroma(settings),
        "speed": int(settings["speed"]),
        "max_threads": max(2, os.cpu_count() or 1),  # with one, files are others than with any more
        "advanced": {"tune": settings["tune"]},
    }


CLASSICAL: dict[str, Classical] = {
    "jpeg": Classical(
        "JPEG",
        "JPEG",
        (8, 15, 25, 40, 60, 80, 90),
        {"sub": SUBSAMPLING},
        {"sub": "420"},
        _chroma,
        (("", {"sub": "444"}),),
        {"optimize": True, "progressive": True},
    ),
    "webp": Classical(
        "WEBP",
        "WebP",
        (1, 10, 25, 45, 65, 80, 92),
        {"method": tuple("0123456")},
        {"method": "6"},
        lambda settings: {"method": int(settings["method"])},
    ),
    # The usual ones are what Pillow 13 does unless told otherwise, by libavif 1.4: tune=iq, 4:2:0, speed 6.
    # That is made for looks, and has up to a decibel less of PSNR than tune=psnr at the same bytes.
    "avif": Classical(
        "AVIF",
        "AVIF",
        (15, 25, 35, 45, 55, 70, 82),
        {
            "tune": ("iq", "ssim", "psnr", "ssimulacra2"),
            "sub": SUBSAMPLING,
            "speed": tuple(map(str, range(11))),
        },
        {"tune": "iq", "sub": "420", "speed": "6"},
        _avif,
        (
            ("psnr", {"tune": "psnr", "sub": "444"}),
            ("ms-ssim", {"tune": "ssimulacra2", "sub": "444"}),
            ("ssimulacra2", {"tune": "ssimulacra2", "sub": "444"}),
        ),
    ),
    "jxl": Classical(
        "JXL",
        "JPEG XL",
        (10, 25, 40, 55, 70, 82, 92),
        {"effort": tuple(map(str, range(1, 11)))},
        {"effort": "7"},
        lambda settings: {"effort": int(settings["effort"])},
    ),
}


def missing(name: str) -> str | None:
    """Why this Pillow cannot write a format; None if it can."""
    if name == "jxl":
        try:
            import pillow_jxl  # noqa: F401 its import adds the format to Pillow
        except ImportError:
            return f"needs a plugin of Pillow: {adding('formats')}"
    elif name in ("avif", "webp") and not features.check(name):
        return "this Pillow was built without it"
    return None


@lru_cache(16)
def tunes(tune: str) -> bool:
    """Whether this Pillow's AVIF knows a tune: `iq` and `ssimulacra2` came with libaom 3.13."""
    try:
        Image.new("RGB", (8, 8)).save(io.BytesIO(), "AVIF", speed=10, advanced={"tune": tune})
    except (ValueError, OSError):
        return False
    return True


def usual(name: str) -> dict[str, str]:
    """The settings that a format is used with where none are named, every one of them."""
    found = dict(CLASSICAL[name].usual)
    if name == "avif" and not tunes(found["tune"]):
        found["tune"] = "ssim"  # what libavif up to 1.3 does with stills
    return found


def encode(pixels: PixelArray, name: str, quality: float, settings: Settings | None = None) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 -> a whole file.

    name: of CLASSICAL, not missing. quality: 0..100. settings: some of those that the format has, the usual
    ones for the rest. Raises ValueError for 16 bits, and whatever Pillow does, as for sides that the format
    cannot say.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} takes 8 bits a channel here, this picture has 16")
    about = CLASSICAL[name]
    options = about.arguments(usual(name) | dict(settings or {})) | dict(about.fixed)
    if pixels.shape[2] == 1:
        options.pop("subsampling", None)
    stream = io.BytesIO()
    _image(pixels).save(stream, about.kind, quality=round(quality), **options)
    return stream.getvalue()


def decode(data: bytes, name: str) -> PixelArray:
    """A file of that format -> pixels [H, W, 1 or 3]; grey may come back as three equal channels."""
    with Image.open(io.BytesIO(data), formats=(CLASSICAL[name].kind,)) as image:
        array = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return array[..., None] if array.ndim == 2 else array


def webp(pixels: PixelArray) -> bytes:
    """Pixels [H, W, 1 or 3] as lossless WebP of 8 bits, for a page."""
    stream = io.BytesIO()
    shown = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    _image(shown).convert("RGB").save(stream, "WEBP", lossless=True, quality=60, method=3)
    return stream.getvalue()


def libraries() -> dict[str, str]:
    """Versions of the libraries behind Pillow's formats, which decide what a quality means."""
    found = {name: features.version(name) for name in FEATURES.values()}
    return {name: version for name, version in found.items() if version}


def software(name: str) -> str:
    """What makes files of a format, with versions: `pillow 13.0.0, libavif 1.4.2, aom 3.14.1`."""
    if name not in FEATURES:
        return f"pillow {pillow}, pillow-jxl-plugin {metadata.version('pillow-jxl-plugin')}"
    library = f"lib{FEATURES[name].removeprefix('lib')}"
    found = f"pillow {pillow}, {library} {features.version(FEATURES[name])}"
    return found if name != "avif" else f"{found}{_encoder()}"


def _encoder() -> str:
    """The AV1 encoder inside libavif, which Pillow tells no other way."""
    from PIL import _avif

    match = re.search(r"(\w+) \[enc\w*/?\w*\]:v?([\w.]+)", getattr(_avif, "codec_versions", str)())
    return f", {match[1]} {match[2]}" if match else ""


def _image(pixels: PixelArray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
