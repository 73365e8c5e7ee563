"""Symbols of a tile: which table each has, in integers, and their decoding."""

from __future__ import annotations

import numpy as np

from tests.reference import ans
from tests.reference.layers import depthwise, squares


def anchor_step(model) -> int:
    """The distance of the anchors of q, in 1/4096."""
    return int(4096 * model.config["q_top"]) // (model.config["q_anchors"] - 1)


def symbols_of(payload: bytes, height: int, width: int, q: int, model) -> tuple[np.ndarray, np.ndarray]:
    """The symbols z [height / 64, width / 64, H] and r [height / 16, width / 16, L] of a tile of pixels."""
    channels = model.config["hyper"]
    step = anchor_step(model)
    nearest = min((q + step // 2) // step, model.config["q_anchors"] - 1)
    row = model.config["scales"] + channels * nearest + np.arange(channels)
    positions = height // 64 * (width // 64)
    least = positions * sum(model.cheapest(int(table)) for table in row)
    if 8 * len(payload) + 64 < 0.99 * least:
        raise ValueError("a payload is shorter than the cheapest symbols of its tile")
    tables = np.broadcast_to(row, (height // 64, width // 64, channels))
    coder = ans.Decoder(payload)
    z = ans.part(coder, tables, np.ones(tables.shape, bool), model)
    tables = residual_tables(z, q, model)
    r = ans.part(coder, tables, tables >= model.config["skip"], model)
    coder.end()
    return z, r


def clamp(x: np.ndarray, low: int, high: int) -> np.ndarray:
    """Between low and high."""
    return np.clip(x, low, high)


def rounded(x: np.ndarray, shift: np.ndarray | int, low: int, high: int) -> np.ndarray:
    """R of the page: x * 2^-shift rounded down, then clamped."""
    return np.clip(np.floor(x * np.exp2(-np.asarray(shift, np.float64))), low, high)


def residual_tables(z: np.ndarray, q: int, model) -> np.ndarray:
    """The scale network: z [h, w, H] -> the table of each residual [4 h, 4 w, L]; floats that hold integers."""

    def layer(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = model[f"scales.{name}.weight"].astype(np.float64)
        bias, shift = model[f"scales.{name}.bias"], model[f"scales.{name}.shift"].astype(np.int64)
        return (depthwise(x, weight) if weight.ndim == 4 else x @ weight.T) + bias, shift

    def block(name: str, h: np.ndarray) -> np.ndarray:
        a, s = layer(f"{name}.0", rounded(h, 3, -128, 127))
        a, s = layer(f"{name}.1", rounded(a, s, -128, 127))
        d, s = layer(f"{name}.2", rounded(a, s, 0, 127))
        return clamp(h + rounded(d, s - 3, -(2**22), 2**22), -32768, 32767)

    x, s = layer("entry", z.astype(np.float64))
    h = clamp(rounded(x, s - 7, -32768, 32767) + q_bias(q, model), -32768, 32767)
    h = block("coarse", squares(h, 2))
    x, s = layer("up", rounded(h, 3, -128, 127))
    h = block("fine", squares(rounded(x, s - 3, -32768, 32767), 2))
    x, s = layer("head", rounded(h, 3, -128, 127))
    return rounded(x, s + 1, 0, 63).astype(np.int64)


def q_bias(q: int, model) -> np.ndarray:
    """What q adds to the scale network, in integers."""
    step, bias = anchor_step(model), model["scales.q_bias"].astype(np.int64)
    low = min(q // step, model.config["q_anchors"] - 2)
    p = q - low * step
    return (bias[low] * (step - p) + bias[low + 1] * p) // step
