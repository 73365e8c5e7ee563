"""jpegli by the library pyjpegli, where its commands are not installed: colour in 4:2:0, q alone."""

from __future__ import annotations

from importlib import metadata

import numpy as np

from nic_cli.bench.programs.pictures import of_three
from nic_cli.errors import NicError
from nic_cli.types import PixelArray


def missing() -> str | None:
    """Why it cannot be used; None if it can."""
    try:
        import pyjpegli  # noqa: F401
    except ImportError:
        return "needs a library: pip install pyjpegli"
    return None


def version() -> str:
    """Of the library, which holds its own jpegli."""
    return f"pyjpegli {metadata.version('pyjpegli')}"


def encode(pixels: PixelArray, quality: int) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 -> JPEG of three channels. Raises NicError for what it refuses."""
    import pyjpegli

    colours = np.ascontiguousarray(of_three(pixels))
    try:
        return bytes(pyjpegli.encode(colours, colours.shape[1], colours.shape[0], quality=quality))
    except (RuntimeError, ValueError) as error:
        raise NicError(f"pyjpegli: {' '.join(str(error).split())}") from None
