"""Pictures as metrics take them: arrays of integers, two of one shape and type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check(wanted: NDArray[Any], found: NDArray[Any]) -> None:
    """Refuse what cannot be compared: a fault of the program, as codecs give back what they took."""
    if wanted.shape != found.shape or wanted.dtype != found.dtype:
        raise ValueError(f"{wanted.shape} {wanted.dtype} against {found.shape} {found.dtype}")
    if wanted.ndim != 3 or wanted.shape[2] not in (1, 3) or wanted.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a picture is uint8 or uint16 [H, W, 1 or 3], not {wanted.dtype} {wanted.shape}")


def eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 as they are, uint16 rounded to the nearest: 65535 is 257 times 255."""
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def with_equal_channels(*pictures: NDArray[Any]) -> list[NDArray[Any]]:
    """[H, W, 1 or 3] each -> the same, grey as three equal channels where another has colours."""
    channels = max(picture.shape[2] for picture in pictures)
    return [np.broadcast_to(picture, (*picture.shape[:2], channels)) for picture in pictures]


def over_grey(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """[H, W, C] with [H, W] of the same type -> what is seen of it on a ground in the middle of the range."""
    top = int(np.iinfo(pixels.dtype).max)
    part = alpha[..., None].astype(np.uint64)
    seen = pixels * part + (top // 2) * (top - part)
    return ((seen + top // 2) // top).astype(pixels.dtype)
