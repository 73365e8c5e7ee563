"""The symbols of a tile: which table each has, in integers, and their decoding."""

import numpy as np

from tests.reference.ans import Decoder
from tests.reference.container import check
from tests.reference.layers import depthwise, squares
from tests.reference.model import Model


def anchor_step(model: Model) -> int:
    """The distance of the anchors of q, in 1/4096."""
    return int(4096 * model.config["q_top"]) // (model.config["q_anchors"] - 1)


def symbols_of(payload: bytes, height: int, width: int, q: int, model: Model) -> tuple[np.ndarray, ...]:
    """The symbols z [height / 64, width / 64, H] and r [height / 16, width / 16, L] of a tile in pixels."""
    channels, step = model.config["hyper"], anchor_step(model)
    anchor = min((q + step // 2) // step, model.config["q_anchors"] - 1)
    own = model.config["scales"] + channels * anchor + np.arange(channels)
    likeliest = [np.diff(model.cumulated(table)).max() for table in own]
    bits = height // 64 * (width // 64) * float(np.sum(24 - np.log2(likeliest)))
    check(8 * len(payload) + 64 >= 0.99 * bits, "a payload is shorter than its tile's cheapest symbols")
    tables, coder = np.broadcast_to(own, (height // 64, width // 64, channels)), Decoder(payload)
    z = coder.part(tables, np.ones(tables.shape, bool), model)
    check(np.abs(z).max() <= 127, "a hyper-latent beyond 127")
    tables = residual_tables(z, q, model)
    r = coder.part(tables, tables >= model.config["skip"], model)
    coder.end()
    return z, r


def rounded(x: np.ndarray, shift: np.ndarray | int, low: int, high: int) -> np.ndarray:
    """R of the page: x * 2^-shift rounded down, then clamped."""
    return np.clip(np.floor(x * np.exp2(-np.asarray(shift, np.float64))), low, high)


def residual_tables(z: np.ndarray, q: int, model: Model) -> np.ndarray:
    """The scale network, z [h, w, H] -> the table of each residual [4 h, 4 w, L]: integers, kept in f64."""

    def layer(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight, bias, shift = (model[f"scales.{name}.{part}"] for part in ("weight", "bias", "shift"))
        return (depthwise(x, weight) if weight.ndim == 4 else x @ weight.T) + bias, shift

    def block(name: str, h: np.ndarray) -> np.ndarray:
        x, s = layer(f"{name}.0", rounded(h, 3, -128, 127))
        x, s = layer(f"{name}.1", rounded(x, s, -128, 127))
        x, s = layer(f"{name}.2", rounded(x, s, 0, 127))
        return np.clip(h + rounded(x, s - 3, -(2**22), 2**22), -32768, 32767)

    step, biases = anchor_step(model), model["scales.q_bias"]
    low = min(q // step, model.config["q_anchors"] - 2)
    bias = np.floor((biases[low] * (step - q + low * step) + biases[low + 1] * (q - low * step)) / step)
    x, s = layer("entry", z.astype(np.float64))
    h = np.clip(rounded(x, s - 7, -32768, 32767) + bias, -32768, 32767)
    h = block("coarse", squares(h, 2))
    x, s = layer("up", rounded(h, 3, -128, 127))
    h = block("fine", squares(rounded(x, s - 3, -32768, 32767), 2))
    x, s = layer("head", rounded(h, 3, -128, 127))
    return rounded(x, s + 1, 0, 63).astype(np.int64)
