"""Pictures for the slider of the report: every codec at about the same number of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path

from nic_cli.bench.codecs import Codec
from nic_cli.bench.measure import Input, Metrics
from nic_cli.bench.report import Scene, Shown
from nic_cli.bench.rows import Row
from nic_cli.classical import webp
from nic_cli.errors import UsageError
from nic_cli.metrics.pixels import with_equal_channels
from nic_cli.types import Picture, PixelArray

WANTED = 0.3  # bits a pixel: where differences are plain to see
SIDE = 768, 512  # pixels shown of each picture, about its middle
ROOM = 12_000_000  # bytes of pictures in a page, which its encoding as text makes a third larger


def scenes(
    inputs: Sequence[Input],
    codecs: Sequence[Codec],
    rows: Sequence[Row],
    anchor: str,
    metrics: Metrics,
    open_: Callable[[Path], Picture],
) -> Iterator[Scene]:
    """As many pictures as there is room for, spread over the run, each coded once more at usual settings.

    The anchor at the setting nearest to WANTED sets the size; a codec that can meet a size does, others
    come as near as their settings let them. Failed rows are left out.
    """
    usual = {codec.curve: codec.variant for codec in reversed(codecs)}
    codecs = [codec for codec in codecs if codec.variant == usual[codec.curve]]
    room = ROOM
    step = max(1, len(inputs) // 8)
    for item in inputs[::step]:
        found = {(r.curve, r.setting): r for r in rows if r.sha256 == item.sha256 and not r.error}
        if not found:
            continue
        scene = _scene(item, open_(item.path), codecs, found, anchor, metrics)
        room -= len(scene.original) + sum(len(shown.image) for shown in scene.shown)
        if room < 0:
            return
        yield scene


def _scene(
    item: Input,
    picture: Picture,
    codecs: Sequence[Codec],
    found: Mapping[tuple[str, str], Row],
    anchor: str,
    metrics: Metrics,
) -> Scene:
    picture = Picture(picture.pixels)
    curves = {codec.curve for codec in codecs}
    base = _nearest([c for c in codecs if c.curve == anchor or anchor not in curves], found, WANTED)
    bpp = WANTED if base is None else found[base.curve, base.setting].bpp
    size = int(bpp * item.width * item.height / 8)
    nearest = (
        _nearest([c for c in codecs if c.curve == curve], found, bpp)
        for curve in dict.fromkeys(codec.curve for codec in codecs)
    )
    shown = []
    for codec in (codec for codec in nearest if codec is not None):
        data, setting = _sized(codec, picture, size)
        pixels = codec.decoded(data, picture)
        wanted, found_pixels = picture.pixels, pixels
        if wanted.shape != pixels.shape:  # a grey picture in a format of colours
            wanted, found_pixels = with_equal_channels(wanted, pixels)
        values = {name: float(metric(wanted, found_pixels)) for name, metric in metrics.items()}
        rate = 8 * len(data) / (item.width * item.height)
        shown.append(Shown(codec.curve, setting, rate, values, webp(_middle(pixels))))
    original = _middle(picture.pixels)
    return Scene(item.name, original.shape[1], original.shape[0], webp(original), tuple(shown))


def _sized(codec: Codec, picture: Picture, size: int) -> tuple[bytes, str]:
    """The picture in at most `size` bytes where the codec can, else as its setting gives it."""
    if codec.to_size is not None:
        try:
            return codec.to_size(picture, size), "to size"
        except UsageError:  # its smallest file is larger
            pass
    return codec.encode(picture), codec.setting


def _nearest(codecs: Sequence[Codec], found: Mapping[tuple[str, str], Row], bpp: float) -> Codec | None:
    there = [codec for codec in codecs if (codec.curve, codec.setting) in found]
    return min(there, key=lambda c: abs(log(found[c.curve, c.setting].bpp / bpp)), default=None)


def _middle(pixels: PixelArray) -> PixelArray:
    height, width = pixels.shape[:2]
    wide, high = SIDE if width >= height else SIDE[::-1]
    top, left = max(0, (height - high) // 2), max(0, (width - wide) // 2)
    return pixels[top : top + high, left : left + wide]
