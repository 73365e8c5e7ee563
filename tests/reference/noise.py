"""What realisms over 0.5 add: noise of a hash, by octaves of a Haar transform, as loud as the model says."""

import numpy as np

from tests.reference.layers import dense, leaky
from tests.reference.model import Model

SIDES, BANDS, LOUDEST = (4, 2, 1), 9, 0.05  # of an octave; planes x directions


def mixed(x: np.ndarray) -> np.ndarray:
    """Any u32 -> another, one to one."""
    x = (x ^ x >> 16) * np.uint32(0x7FEB352D)
    x = (x ^ x >> 15) * np.uint32(0x846CA68B)
    return x ^ x >> 16


def signed(seed: int, height: int, width: int) -> np.ndarray:
    """The bytes of cells of 8x8 pixels, [height, width, 189] i8."""
    rows, columns, words = (np.arange(n, dtype=np.uint32) for n in (height, width, 48))
    x = mixed(rows + np.uint32(seed))[:, None]
    x = mixed(x + columns * np.uint32(0x9E3779B1))[..., None]
    x = mixed(x + words * np.uint32(0x85EBCA77)).astype("<u4")
    return x.view(np.int8)[..., :189]


def added(h: np.ndarray, q: float, share: float, seed: int, model: Model) -> np.ndarray:
    """What to add to the 192 channels; h: the features before the fine blocks; share: 0..1."""
    name = "synthesis.realism"
    x = leaky(dense(model, f"{name}.seen", h) + q * model[f"{name}.by_q"])
    t = dense(model, f"{name}.loudness", leaky(dense(model, f"{name}.deep", x)))
    loud = share**0.5 * LOUDEST * ((t + np.sqrt(t * t + 1)) / 2) ** 2
    noise = (signed(seed, *h.shape[:2]) + 0.5) / np.sqrt(65535 / 12)  # of variance 1
    grain = noise * np.repeat(loud, np.repeat(np.square(SIDES), BANDS), -1)
    return dense(model, f"{name}.direct", grain)
