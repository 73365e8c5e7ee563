"""What `nic_cli.open`, `nic_cli.info` and `nic_cli.decode` do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nic_cli.api import given
from nic_cli.api.call import Call
from nic_cli.api.info import Info
from nic_cli.api.nic_file import NicFile
from nic_cli.api.source import Source
from nic_cli.errors import WrongType, WrongValue

if TYPE_CHECKING:
    from PIL.Image import Image


def opened(data: object) -> NicFile:
    """As `nic_cli.open` tells."""
    with Call():
        return NicFile(_source(data))


def _source(data: object) -> Source:
    found = given.file_of(data, "the .nic file")
    if found is None:
        raise WrongType(f"a .nic file is a path, bytes or a binary file object, not {type(data).__name__}")
    return Source(found)


def info(data: object) -> Info:
    """As `nic_cli.info` tells."""
    with Call(), _source(data) as source:
        source.check()
        return source.info


def decode(
    data: object,
    *,
    b: float | None,
    crop: object,
    scale: int | str,
    model: str | os.PathLike[str] | None,
    device: str,
    max_pixels: int | None,
) -> Image:
    """As `nic_cli.decode` tells."""
    with opened(data) as nic:
        view = nic
        if crop is not None:
            said = f"crop is {crop!r}: it takes x, y, width and height in whole pixels"
            if not isinstance(crop, tuple | list):
                raise WrongType(said)
            if len(crop) != 4:
                raise WrongValue(said)
            view = nic.crop(*crop)
        return view.scale(scale).decode(b, model=model, device=device, max_pixels=max_pixels)
