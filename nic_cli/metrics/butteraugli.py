"""Butteraugli through libjxl's program butteraugli_main, which is optional."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nic_cli.errors import NicError, UsageError
from nic_cli.metrics.pixels import check
from nic_cli.storage.atomic import put

PROGRAM = "butteraugli_main"
BRIGHTEST = "80"  # nits of white: what all its versions take for sRGB, said lest one takes another
SMALLEST = 8  # side; under it the program says 0 of any two pictures
NORM = re.compile(r"^3-norm: (\S+)$", re.MULTILINE)


class Butteraugli:
    """The 3-norm over its map of differences: 0 for equal pictures, no upper end; its steadier number.

    The other one that the program prints is the largest value of that map: one bad spot decides it.
    """

    def __init__(self) -> None:
        found = shutil.which(PROGRAM)
        if found is None:
            need = f"metric 'butteraugli' needs {PROGRAM} of libjxl on the PATH"
            raise UsageError(f"{need}: apt install libjxl-devtools, or build libjxl with its tools")
        self._program = found

    def __call__(self, wanted: NDArray[Any], found: NDArray[Any]) -> float:
        """The distance, nan under 8 pixels; NicError in one line if the program gives none.

        Sixteen bits count in full. The program takes about 240 bytes of memory a pixel.
        """
        check(wanted, found)
        if min(wanted.shape[:2]) < SMALLEST:
            return math.nan
        with TemporaryDirectory(prefix="nic-") as folder:
            paths = [Path(folder) / name for name in ("wanted.ppm", "found.ppm")]
            for path, picture in zip(paths, (wanted, found), strict=True):
                put(path, _file(picture))
            command = [self._program, *map(str, paths), "--intensity_target", BRIGHTEST, "--pnorm", "3"]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
        norm = NORM.search(done.stdout)
        if done.returncode or norm is None:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise NicError(
                f"{self._program}: gave no 3-norm: {said[-1] if said else f'code {done.returncode}'}"
            )
        return float(norm[1])


def _file(picture: NDArray[Any]) -> bytes:
    """[H, W, 1 or 3] -> a PGM or PPM, which every build of the program reads, as sRGB."""
    height, width, channels = picture.shape
    big_endian = picture.astype(picture.dtype.newbyteorder(">"))
    head = f"P{6 if channels == 3 else 5}\n{width} {height}\n{np.iinfo(picture.dtype).max}\n"
    return head.encode() + big_endian.tobytes()
