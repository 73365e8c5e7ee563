"""What is measured of a decoded picture, by name; each loads its libraries when it is first asked for.

A metric is a function of (wanted, found), uint8 or uint16 arrays of equal shape [H, W, 1 or 3] and
type, in sRGB; grey stands for three equal channels. It returns a number, nan where the picture is
too small for it. No metric decides alone: psnr, ms-ssim and ssimulacra2 say how near a picture is,
texture and octaves whether it looks as real, and a codec can win one and lose the other; each says what
it is blind to. Alpha is shown to none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nic_cli.errors import UsageError
from nic_cli.metrics import optional
from nic_cli.waiting import import_torch

if TYPE_CHECKING:  # the table is read by commands that need no numpy
    from numpy.typing import NDArray

Measure: TypeAlias = Callable[["NDArray[Any]", "NDArray[Any]"], float]
SSIMULACRA2 = "ssimulacra2"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and how to get it.

    extra: needs something that does not come with the program, a package or weights. best: the
    value of equal pictures where both sides of it are worse; `higher_is_better` then says nothing.
    of_sets: `load` gives not a function of two pictures but a `SetMetric`, new each time. span: the values
    that there are; equal pictures have the best. blind: what it does not see, in a few words.
    """

    name: str
    title: str
    unit: str  # empty for plain numbers
    higher_is_better: bool
    extra: bool
    load: Callable[[], Any]
    best: float | None = None
    of_sets: bool = False
    span: str = ""
    blind: str = ""

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


def _from(module: str, function: str) -> Callable[[], Measure]:
    def load() -> Measure:
        import_torch()
        found: Measure = getattr(import_module(f"{__name__}.{module}"), function)
        return found

    return load


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "psnr",
            "PSNR",
            "dB",
            True,
            False,
            _from("fidelity", "psnr"),
            span="0 to 100",
            blind="whether it looks right: blur costs less than the same grain elsewhere",
        ),
        Metric(
            "ms-ssim",
            "MS-SSIM",
            "",
            True,
            False,
            _from("fidelity", "ms_ssim"),
            span="0 to 1, most files over 0.9",
            blind="shifts of brightness and casts of colour, nearly",
        ),
        Metric(
            "ssimulacra2",
            "SSIMULACRA 2",
            "",
            True,
            True,
            optional.ssimulacra2,
            span="under 0 to 100; at 90 nobody sees a difference",
            blind="what shows enlarged or from afar; grain elsewhere costs it more than blur",
        ),
        Metric(
            "butteraugli",
            "Butteraugli, 3-norm",
            "",
            False,
            True,
            optional.butteraugli,
            span="from 0; JPEG of quality 90 has about 0.7",
            blind="how much is spoilt at one spot; grain elsewhere costs it more than blur",
        ),
        Metric(
            "cvvdp",
            "ColorVideoVDP, standard_fhd",
            "JOD",
            True,
            True,
            optional.cvvdp,
            span="about 0 to 10; 1 apart, three of four people prefer the better",
            blind="brightness of the whole: half a stop less has 9.98; what a finer screen shows",
        ),
        Metric(
            "haarpsi",
            "HaarPSI",
            "",
            True,
            False,
            _from("haarpsi", "haarpsi"),
            span="0 to 1",
            blind="grain of single pixels: pictures are halved first",
        ),
        Metric(
            "nlpd",
            "NLPD",
            "",
            False,
            False,
            _from("nlpd", "nlpd"),
            span="from 0",
            blind="colour: it has luma alone",
        ),
        Metric(
            "st-lpips",
            "ST-LPIPS, VGG 16",
            "",
            False,
            True,
            optional.st_lpips,
            span="0 to about 1",
            blind="shifts of a pixel, by design, and slight casts; faint noise costs it much",
        ),
        Metric(
            "lpips",
            "LPIPS 0.1, AlexNet",
            "",
            False,
            True,
            optional.lpips,
            span="0 to about 1",
            blind="faults that codecs trained against it have learnt to hide",
        ),
        Metric(
            "perceptual",
            "SqueezeNet distance",
            "",
            False,
            True,
            optional.perceptual,
            span="0 to 12, not LPIPS's numbers",
            blind="what things are named without: fine grain, slight casts",
        ),
        Metric(
            "texture",
            "Texture distance",
            "levels",
            False,
            False,
            _from("texture", "texture"),
            span="from 0",
            blind="place within a window, so lines that bend; colours of large areas",
        ),
        Metric(
            "octaves",
            "Power of fine detail",
            "ratio",
            False,
            False,
            _from("texture", "octaves"),
            best=1.0,
            span="from 0; smooth under 1, harsh over it",
            blind="place, shape and colour: noise of the right power passes for detail",
        ),
        Metric(
            "spectrum",
            "Median power of fine frequencies",
            "ratio",
            False,
            False,
            _from("spectrum", "median"),
            best=1.0,
            span="from 0; smooth under 1",
            blind="place, shape and colour; a mesh, which is few frequencies",
        ),
        Metric(
            "peak",
            "Most power at a fine frequency",
            "ratio",
            False,
            False,
            _from("spectrum", "peak"),
            best=1.0,
            span="from 0; a mesh is many times 1",
            blind="lost texture, place and colour",
        ),
        Metric(
            "kid",
            "Patch KID",
            "",
            False,
            True,
            optional.kid,
            of_sets=True,
            span="from about 0",
            blind="single pictures and places: other things of the same look pass",
        ),
    )
}
