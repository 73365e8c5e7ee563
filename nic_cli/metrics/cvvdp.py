"""ColorVideoVDP (Mantiuk et al., 2024) through the package cvvdp, which is optional."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycvvdp import cvvdp  # type: ignore[import-not-found, unused-ignore]

from nic_cli.metrics.pixels import check

DISPLAY = "standard_fhd"
"""Its name of a 24-inch screen of 1920 x 1080 pixels and 200 nits, 0.6 m away: 38 pixels a degree."""
SMALLEST = 16  # side; under it next to nothing of the pyramid is left


class VisibleDifference:
    """Quality in JOD: 10 for equal pictures; 1 apart, three of four people prefer the better one."""

    def __init__(self) -> None:
        self._metric = cvvdp(display_name=DISPLAY, device=torch.device("cpu"))

    @torch.no_grad()
    def __call__(self, wanted: NDArray[Any], found: NDArray[Any]) -> float:
        """The quality; nan under 16 pixels. The package takes about 480 bytes of memory a pixel.

        Grey goes in as three equal channels: of a single one the package makes something else.
        """
        check(wanted, found)
        if min(wanted.shape[:2]) < SMALLEST:
            return math.nan
        pair = (np.ascontiguousarray(np.broadcast_to(x, (*x.shape[:2], 3))) for x in (found, wanted))
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it warns of every dark picture, by the root logger
        try:
            quality, _ = self._metric.predict(*pair, dim_order="HWC")
        finally:
            logging.disable(before)
        return float(quality)
