"""The pictures that files were made from, to be looked at in the place of what was decoded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nic_cli.errors import UsageError
from nic_cli.storage.printable import printable
from nic_cli.tiles.grid import Grid

if TYPE_CHECKING:
    from nic_cli.types import Picture, PixelArray, Region

BAND = 512  # rows at a time, of a picture that may be read by rows


class Originals:
    """Reads them, and holds the one that was asked for last."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn, self._lock = warn, threading.Lock()
        self._held: tuple[Any, Picture] | None = None

    def part(
        self, path: Path, size: tuple[int, int], region: Region | None, scale: int, *, hdr: bool
    ) -> Picture:
        """`region` of the picture in `path`, None for all, `scale` times smaller.

        size: width and height that it has to have. hdr: whether its colours by PQ or HLG are kept.
        Raises UsageError where it is of another size, and what reading a picture raises.
        """
        from nic_cli.image.reading import read

        state = path.stat()
        key = path, state.st_mtime_ns, state.st_size, hdr
        with self._lock:
            if self._held is None or self._held[0] != key:
                self._held = None  # before the next one takes as much
                name = printable(path)
                self._held = key, read(path, name, warn=self._warn, hdr=hdr)
            picture = self._held[1]
            if (picture.width, picture.height) != size:
                raise UsageError(
                    f"{printable(path)}: {picture.width} x {picture.height} pixels, where the file has "
                    f"{size[0]} x {size[1]}: name the picture that it was made from"
                )
            return _cut(picture, Grid(*size, 64).area(region, scale), scale)


def _cut(picture: Picture, area: Region, scale: int) -> Picture:
    import numpy as np

    from nic_cli.tiles import strips
    from nic_cli.types import Region

    bands = []
    for top in range(0, area.height, BAND):
        rows = picture.pixels[area.y + top : min(area.y + top + BAND, picture.height)]
        bands.append(strips.shrunk(rows, Region(area.x, 0, area.width, min(BAND, area.height - top)), scale))
    alpha = None if picture.alpha is None else strips.shrunk(picture.alpha, area, scale)
    return replace(picture, pixels=cast("PixelArray", np.concatenate(bands)), alpha=alpha)
