"""SSIMULACRA 2 (Sneyers, 2022) through the package of that name, which is optional."""

from __future__ import annotations

import io
import math
from typing import Any

from numpy.typing import NDArray
from ssimulacra2 import compute_ssimulacra2  # type: ignore[import, unused-ignore]

from nic_cli.metrics.pixels import check, eight_bits

SMALLEST = 8  # side; under it there is no scale at all


def ssimulacra2(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """100 for equal pictures, 90 where nobody sees a difference, 50 as JPEG of quality 35; may be negative.

    Sixteen bits are rounded to eight, as the package does not take more. Its arrays of doubles need
    about half a kilobyte a pixel.
    """
    check(wanted, found)
    if min(wanted.shape[:2]) < SMALLEST:
        return math.nan
    return float(compute_ssimulacra2(_file(wanted), _file(found)))


def _file(picture: NDArray[Any]) -> io.BytesIO:
    """[H, W, 1 or 3] -> a PPM in memory: the package takes files, and of all formats this costs least."""
    picture = eight_bits(picture)
    height, width, channels = picture.shape
    head = f"P{6 if channels == 3 else 5} {width} {height} 255\n"
    return io.BytesIO(head.encode() + picture.tobytes())
