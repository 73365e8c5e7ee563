"""Arrays that may be pictures: what is to be done with one that is none is told in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from nic_cli.errors import WrongType, WrongValue
from nic_cli.types import PixelArray


def checked(given: Any) -> PixelArray:
    """`given` as an array of uint8 or uint16, [H, W] or [H, W, 1..4], not copied where it is one.

    Raises WrongType for other types and what gives no array, WrongValue for other shapes and sizes.
    """
    kind = type(given)
    if any(base.__module__.partition(".")[0] == "torch" for base in kind.__mro__):
        raise WrongType(
            "a torch tensor: give an array of uint8 with channels last, that of a [C, H, W] one is "
            "tensor.permute(1, 2, 0).cpu().numpy(); of floats in 0..1, (tensor * 255).round().byte() first"
        )
    try:
        values = np.asarray(given)
    except Exception as error:  # whatever another library raises
        raise WrongType(f"{kind.__name__} gives no numpy array: {error}") from error
    if values.size == 0 or values.ndim not in (2, 3) or (values.ndim == 3 and not 1 <= values.shape[2] <= 4):
        raise WrongValue(_of_shape(values.shape))
    if values.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise WrongType(_of_type(values))
    if np.ma.isMaskedArray(given) and np.ma.is_masked(given):
        raise WrongValue(
            "an array with masked values: fill them, or give the mask as alpha, the last channel"
        )
    return values


def _of_shape(shape: tuple[int, ...]) -> str:
    said = f"an array of shape {list(shape)}"
    if 0 in shape:
        return f"{said} is empty: give [H, W] or [H, W, 1 to 4]"
    if len(shape) == 3 and 1 <= shape[0] <= 4:
        return f"{said}: channels come last, numpy.moveaxis(array, 0, -1) puts them there"
    if len(shape) == 4:
        return f"{said}: one picture at a time, give [H, W] or [H, W, 1 to 4]"
    return f"{said}; give [H, W] or [H, W, 1 to 4]"


def _of_type(values: Any) -> str:
    """What to do with values of another type, by what they are."""
    said = f"an array of {values.dtype}"
    if values.dtype == bool:
        return f"{said}: multiply by 255 and use astype(numpy.uint8)"
    if values.dtype.kind not in "iuf":
        return f"{said}: give uint8 or uint16"
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{said} with nan or inf: replace them, convert them to uint8 or uint16"
    rounded = ".round()" * (values.dtype.kind == "f")
    if rounded and 0 <= low and high <= 1:
        return f"{said} in 0..1: multiply by 255 and use .round().astype(numpy.uint8)"
    for top, name in ((255, "uint8"), (65535, "uint16")):
        if low >= 0 and high <= top:
            return f"{said} in 0..{top}: use array{rounded}.astype(numpy.{name})"
    return (
        f"{said} from {low:g} to {high:g}: scale them to 0..65535 or 0..255, convert them to uint8 or uint16"
    )
