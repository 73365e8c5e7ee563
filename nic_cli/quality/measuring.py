"""Metrics of a picture and what became of it, and how large a picture they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nic_cli import memory
from nic_cli.errors import UsageError
from nic_cli.limits import HELD, WHOLE
from nic_cli.metrics import METRICS, SSIMULACRA2, Measure, named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nic_cli.types import Container, Picture, PixelArray
    from nic_cli.zoo.load import Model

MOST = WHOLE
"""Pixels of a picture that is measured: metrics need it whole, and some of them many times over."""
SMALLEST = 8  # pixels a side that SSIMULACRA 2 has a value for
BYTES_A_PIXEL = {SSIMULACRA2: 520, "st-lpips": 1950, "cvvdp": 480, "butteraugli": 240}
"""That the hungriest metrics take, measured for 0.4 to 6 megapixels."""


def functions(text: str) -> dict[str, Measure]:
    """The metrics that --metrics names. Raises UsageError for what is not known, not there, or of sets."""
    names = list(dict.fromkeys(filter(None, text.split(","))))
    if not names:
        raise UsageError(f"--metrics: give some of {', '.join(METRICS)}")
    for name in names:
        if name in METRICS and METRICS[name].of_sets:
            raise UsageError(f"metric {name!r} is of whole sets of pictures, as nic bench has them")
    return named(names)


def available() -> tuple[dict[str, Measure], dict[str, str]]:
    """All metrics of a picture that can be had here, and why the others cannot."""
    found: dict[str, Measure] = {}
    left_out: dict[str, str] = {}
    for name in METRICS:
        try:
            found |= functions(name)
        except UsageError as error:
            left_out[name] = str(error)
    return found, left_out


def check(width: int, height: int, name: str) -> None:
    """Raise UsageError where a picture is too large to be measured."""
    if width * height > MOST:
        raise UsageError(
            f"{name}: {width} x {height} is over the {MOST} pixels that metrics take: measure a part of it"
        )


def shortage(width: int, height: int, metrics: Sequence[str]) -> str:
    """Why one of these metrics would take more memory than there is; "" if none would."""
    limit, name = memory.left(), max(metrics, key=lambda name: BYTES_A_PIXEL.get(name, 0), default="")
    needs = BYTES_A_PIXEL.get(name, 0) * width * height
    if not needs or limit is None or limit[0] >= needs:
        return ""
    what = f"{METRICS[name].title} of {width} x {height} pixels"
    return f"{what} takes {needs // memory.MB:,} MB of memory, and {limit[1]}"


def decoded(
    container: Container, model: Model, warn: Callable[[str], None], b: float | None = None
) -> Picture:
    """What a file decodes to, at the b that it names or at another."""
    from nic_cli import codec

    header = container.header
    needs = memory.for_coding(header.width, header.height, header.channels * header.bit_depth // 8)

    def held(divisor: int) -> Picture:
        return codec.held(codec.stream(container, model, b=b, divisor=divisor, most=HELD))

    return memory.with_less_memory(held, warn, needs)


def values(
    metrics: Mapping[str, Measure], wanted: NDArray[Any], found: NDArray[Any]
) -> dict[str, float | None]:
    """What each metric gives, None where the picture is too small for it."""
    measured = {name: float(metric(wanted, found)) for name, metric in metrics.items()}
    return {name: None if math.isnan(value) else value for name, value in measured.items()}


def seen(picture: Picture) -> PixelArray:
    """Its pixels, over mid-grey where it has alpha: what lies under alpha 0 is nobody's to see."""
    if picture.alpha is None:
        return picture.pixels
    from nic_cli.metrics.pixels import over_grey

    colours: PixelArray = over_grey(picture.pixels[: picture.height], picture.alpha)
    return colours


def shown(measured: Mapping[str, float | None]) -> dict[str, str]:
    """The values in words, by name."""
    return {name: METRICS[name].shown(value) for name, value in measured.items()}


def in_words(measured: Mapping[str, float | None]) -> str:
    """The values in a line: `psnr 33.10 dB  ssimulacra2 70.21`."""
    return "  ".join(map(" ".join, shown(measured).items()))


def for_programs(measured: Mapping[str, float | None]) -> dict[str, float | None]:
    """The values with six decimals."""
    return {name: None if value is None else round(value, 6) for name, value in measured.items()}
