"""Layers over activations [rows, columns, channels]."""

import numpy as np

from tests.reference.model import Model


def squares(x: np.ndarray, n: int) -> np.ndarray:
    """[h, w, n * n * c] -> [n * h, n * w, c]: blocks of channels become squares of positions."""
    h, w, _ = x.shape
    return x.reshape(h, w, n, n, -1).transpose(0, 2, 1, 3, 4).reshape(n * h, n * w, -1)


def neighbours(x: np.ndarray) -> list[np.ndarray]:
    """The nine shifts of x by up to a position, in raster order, zero beyond the borders."""
    h, w, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return [padded[i : i + h, j : j + w] for i in range(3) for j in range(3)]


def depthwise(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each channel by 3x3 weights of its own, [channels, 1, 3, 3]."""
    taps = weight.reshape(-1, 9).T
    return sum(view * tap for view, tap in zip(neighbours(x), taps, strict=True))


def conv3x3(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """All channels by weights [outputs, inputs, 3, 3]."""
    taps = weight.reshape(*weight.shape[:2], 9).transpose(2, 1, 0)
    return sum(view @ tap for view, tap in zip(neighbours(x), taps, strict=True))


def dense(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    """A product, and a bias where there is one."""
    out = x @ model[f"{name}.weight"].T
    return out + model[f"{name}.bias"] if f"{name}.bias" in model.tensors else out


def leaky(x: np.ndarray) -> np.ndarray:
    """0.01 of it below zero."""
    return np.maximum(x, 0.01 * x)
