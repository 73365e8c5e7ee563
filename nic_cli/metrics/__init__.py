"""What is measured of a decoded picture, by name; each loads its libraries when it is first asked for.

A metric is a function of (wanted, found), uint8 or uint16 arrays of equal shape [H, W, 1 or 3] and
type, in sRGB; grey stands for three equal channels. It returns a number, nan where the picture is
too small for it. No metric decides alone: psnr, ms-ssim and ssimulacra2 say how near a picture is,
texture and octaves whether it looks as real, and a codec can win one and lose the other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nic_cli.errors import UsageError
from nic_cli.extras import adding

if TYPE_CHECKING:  # the table is read by commands that need no numpy
    from numpy.typing import NDArray

Measure: TypeAlias = Callable[["NDArray[Any]", "NDArray[Any]"], float]
SSIMULACRA2 = "ssimulacra2"
SQUEEZENET = "NIC_BENCH_SQUEEZENET"  # environment variable: the path of that network's weights


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and how to get it.

    extra: needs something that does not come with the program, a package or weights. best: the
    value of equal pictures where both sides of it are worse; `higher_is_better` then says nothing.
    of_sets: `load` gives not a function of two pictures but a `SetMetric`, new each time.
    """

    name: str
    title: str
    unit: str  # empty for plain numbers
    higher_is_better: bool
    extra: bool
    load: Callable[[], Any]
    best: float | None = None
    of_sets: bool = False

    def shown(self, value: float | None) -> str:
        """The value in words, as `33.10 dB`; None or nan: the picture is too small for it."""
        if value is None or math.isnan(value):
            return "too small for it"
        return f"{value:.{2 if self.unit or self.name == SSIMULACRA2 else 4}f} {self.unit}".strip()


def named(names: Sequence[str]) -> dict[str, Measure]:
    """The functions of these metrics of pictures; UsageError for one that is not known or not there."""
    if unknown := [name for name in names if name not in METRICS]:
        raise UsageError(f"metric {unknown[0]!r}: there are {', '.join(METRICS)}")
    return {name: METRICS[name].load() for name in names if not METRICS[name].of_sets}


class SetMetric(Protocol):
    """A metric of a whole set of pictures."""

    def add(self, wanted: NDArray[Any], found: NDArray[Any]) -> None:
        """One more picture and what became of it."""

    def value(self) -> float:
        """What all of them come to."""


def weights() -> Path:
    """Where the weights of SqueezeNet lie, as the environment says."""
    if path := os.environ.get(SQUEEZENET):
        return Path(path)
    raise UsageError(f"perceptual metrics: set {SQUEEZENET} to the safetensors file of SqueezeNet 1.0")


def _from(module: str, function: str) -> Callable[[], Measure]:
    def load() -> Measure:
        found: Measure = getattr(import_module(f"{__name__}.{module}"), function)
        return found

    return load


def _ssimulacra2() -> Measure:
    try:
        from nic_cli.metrics.ssimulacra2 import ssimulacra2
    except ImportError as error:
        need = f"metric 'ssimulacra2' needs the package ssimulacra2: {adding('bench')}"
        raise UsageError(f"{need} ({error})") from None
    return ssimulacra2


def _perceptual() -> Measure:
    path = weights()
    from nic_cli.metrics.perceptual import Perceptual

    return Perceptual(path)


def _kid() -> SetMetric:
    path = weights()
    from nic_cli.metrics.kid import PatchKid

    return PatchKid(path)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("psnr", "PSNR", "dB", True, False, _from("fidelity", "psnr")),
        Metric("ms-ssim", "MS-SSIM", "", True, False, _from("fidelity", "ms_ssim")),
        Metric("ssimulacra2", "SSIMULACRA 2", "", True, True, _ssimulacra2),
        Metric("haarpsi", "HaarPSI", "", True, False, _from("haarpsi", "haarpsi")),
        Metric("nlpd", "NLPD", "", False, False, _from("nlpd", "nlpd")),
        Metric("texture", "Texture distance", "levels", False, False, _from("texture", "texture")),
        Metric(
            "octaves", "Power of fine detail", "ratio", False, False, _from("texture", "octaves"), best=1.0
        ),
        Metric(
            "spectrum",
            "Median power of fine frequencies",
            "ratio",
            False,
            False,
            _from("spectrum", "median"),
            best=1.0,
        ),
        Metric(
            "peak",
            "Most power at a fine frequency",
            "ratio",
            False,
            False,
            _from("spectrum", "peak"),
            best=1.0,
        ),
        Metric("perceptual", "SqueezeNet distance", "", False, True, _perceptual),
        Metric("kid", "Patch KID", "", False, True, _kid, of_sets=True),
    )
}
