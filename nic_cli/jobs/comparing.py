"""The work of `nic compare`: two pictures of any kind, made alike, and how near one is to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from nic_cli.container import incoming, layout
from nic_cli.errors import NicError, UsageError
from nic_cli.jobs.files import outputs, streams
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.outcome import Report
from nic_cli.metrics import Measure
from nic_cli.quality import measuring
from nic_cli.terminal.comparison_table import table
from nic_cli.terminal.console import Console

if TYPE_CHECKING:
    from nic_cli.types import Picture, PixelArray

ALL = "all"
OVER_GREY = "both over mid-grey"
USUAL = "psnr,ms-ssim,ssimulacra2"


@dataclass(frozen=True, slots=True)
class Side:
    """The JSON object of one of the two. bytes: of its file. b: of a `.nic`, what it was decoded at."""

    input: str
    bytes: int
    bpp: float
    channels: int
    bit_depth: int
    alpha: bool
    b: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The JSON object of two pictures. ratio: bytes of the second over those of the first.

    bit_depth: that they were compared in. alpha: how, "" if neither has any. metrics: by name, null where the
    pictures are too small for it. left_out: metrics that were not measured, and why.
    """

    a: Side
    b: Side
    width: int
    height: int
    bit_depth: int
    alpha: str
    ratio: float
    metrics: dict[str, float | None]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Opened:
    """An input, whose pixels are there when they are asked for."""

    name: str
    bytes: int
    width: int
    height: int
    b: float | None
    picture: Callable[[], Picture]


def chosen(text: str | None) -> tuple[dict[str, Measure], dict[str, str]]:
    """The metrics that --metrics names, and why others are left out: of the usual ones, or of all.

    Raises UsageError for one that was named and is not to be had.
    """
    if text is not None and text != ALL:
        return measuring.functions(text), {}
    found, left_out = measuring.available()
    if text is None:
        usual = USUAL.split(",")
        found = {name: found[name] for name in usual if name in found}
        left_out = {name: left_out[name] for name in usual if name in left_out}
    return found, left_out


def compare(
    paths: tuple[Path | None, Path | None],
    metrics: Mapping[str, Measure],
    left_out: Mapping[str, str],
    b: float | None,
    models: Models,
    console: Console,
) -> Report:
    """Compare two pictures, None for standard input. b: what `.nic` files are decoded at, None for their own.

    Raises UsageError where they have other sizes or are too large, and whatever reading them raises.
    """
    first, second = (_opened(path, b, models, console) for path in paths)
    if b is not None and first.b is None and second.b is None:
        raise UsageError("--realism: neither is a .nic file: leave it out")
    size = first.width, first.height
    if (second.width, second.height) != size:
        raise UsageError(
            f"{first.name} has {size[0]} x {size[1]} pixels and {second.name} {second.width} x "
            f"{second.height}: only pictures of one size can be compared"
        )
    measuring.check(*size, first.name)
    reasons = dict(left_out)
    for name in metrics:
        if reason := measuring.shortage(*size, [name]):
            reasons[name] = reason
    pictures = first.picture(), second.picture()
    wanted, found, alpha = _alike(*pictures, console)
    measured = {name: metric for name, metric in metrics.items() if name not in reasons}
    values = measuring.values(measured, wanted, found)
    record = Compared(
        a=_side(first, pictures[0], paths[0]),
        b=_side(second, pictures[1], paths[1]),
        width=size[0],
        height=size[1],
        bit_depth=8 * wanted.dtype.itemsize,
        alpha=alpha,
        ratio=round(second.bytes / first.bytes, 6),
        metrics=measuring.for_programs(values),
        left_out=reasons,
    )
    return Report(table((first.name, second.name), asdict(record), measuring.shown(values)), record)


def _side(opened: _Opened, picture: Picture, path: Path | None) -> Side:
    bpp = round(8 * opened.bytes / (opened.width * opened.height), 6)
    alpha = picture.alpha is not None
    return Side(outputs.named(path), opened.bytes, bpp, picture.channels, picture.bit_depth, alpha, opened.b)


# -- reading ---------------------------------------------------------------------------------------


class _Counted:
    """A pipe whose first bytes can be looked at, and that knows how many it gave."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.opening = self._ahead = stream.read(len(layout.SIGNATURE))
        self.count = len(self.opening)

    def seekable(self) -> bool:
        """Say that it is a pipe."""
        return False

    def read(self, size: int) -> bytes:
        """Read at most so many bytes, none at the end."""
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        if not piece:
            piece = self._stream.read(size)
            self.count += len(piece)
        return piece


def _opened(path: Path | None, b: float | None, models: Models, console: Console) -> _Opened:
    """Read an input: of a `.nic` file the bytes, of any other picture its pixels."""
    name = outputs.spoken(path, "standard input")
    try:
        with streams.opened(path) as stream:
            if stream.seekable():
                opening = stream.read(len(layout.SIGNATURE))
                stream.seek(0)
            else:
                stream = cast(BinaryIO, _Counted(stream))
                opening = cast(_Counted, stream).opening
            if opening == layout.SIGNATURE:
                return _coded(incoming.read(stream), name, b, models, console)
            return _read(stream, name, console)
    except NicError as error:  # whoever is given bytes cannot know whose they are
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error


def _coded(data: bytes, name: str, b: float | None, models: Models, console: Console) -> _Opened:
    from nic_cli.container.file import unpack

    container = unpack(data)
    header = container.header

    def picture() -> Picture:
        return measuring.decoded(container, models.for_decoding(header), console.warn, b)

    return _Opened(name, len(data), header.width, header.height, header.b if b is None else b, picture)


def _read(stream: BinaryIO, name: str, console: Console) -> _Opened:
    from nic_cli.image.reading import read

    picture = read(stream, name, warn=console.warn)
    n_bytes = stream.count if isinstance(stream, _Counted) else stream.seek(0, 2)
    return _Opened(name, n_bytes, picture.width, picture.height, None, lambda: picture)


# -- making alike ----------------------------------------------------------------------------------


def _alike(a: Picture, b: Picture, console: Console) -> tuple[PixelArray, PixelArray, str]:
    """Pixels of both in one depth, number of channels and space of colours, and what became of alpha."""
    from nic_cli.image.colour_space import without_profile
    from nic_cli.image.value_range import narrowed
    from nic_cli.metrics.pixels import eight_bits, over_grey, with_equal_channels

    pictures = [a, b]
    if len({_profile(picture) for picture in pictures}) > 1:
        console.warn("they have different colour profiles: compared in sRGB")
        pictures = [without_profile(p, console.warn) if _profile(p) else p for p in pictures]
    deep = a.bit_depth == b.bit_depth == 16
    if deep and a.top != b.top:
        pictures = [narrowed(picture) for picture in pictures]
    if a.bit_depth != b.bit_depth:
        console.warn("one of them has 8 bits a channel: compared in 8 bits")
    planes = [(p.pixels, p.alpha) for p in pictures]
    if not deep:
        planes = [(eight_bits(pixels), None if x is None else eight_bits(x)) for pixels, x in planes]
    seen = [pixels if alpha is None else over_grey(pixels, alpha) for pixels, alpha in planes]
    wanted, found = with_equal_channels(*seen)
    return wanted, found, "" if a.alpha is None and b.alpha is None else OVER_GREY


def _profile(picture: Picture) -> bytes:
    """That of its values, empty if they are in sRGB."""
    return b"" if picture.original_space else picture.metadata.icc
