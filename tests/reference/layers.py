"""Layers over activations [rows, columns, channels]."""

from __future__ import annotations

import numpy as np


def squares(x: np.ndarray, n: int) -> np.ndarray:
    """[h, w, n * n * c] -> [n * h, n * w, c]: blocks of channels become squares of positions."""
    h, w, c = x.shape
    cells = x.reshape(h, w, n, n, c // (n * n))
    return cells.transpose(0, 2, 1, 3, 4).reshape(n * h, n * w, c // (n * n))


def neighbours(x: np.ndarray) -> list[np.ndarray]:
    """The nine views of 3x3 neighbourhoods in raster order, zero beyond the borders."""
    h, w, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return [padded[i : i + h, j : j + w] for i in range(3) for j in range(3)]


def depthwise(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each channel by its own 3x3 weights [channels, 1, 3, 3]."""
    taps = weight.reshape(-1, 9)
    out = np.zeros_like(x)
    for k, view in enumerate(neighbours(x)):
        out += view * taps[:, k]
    return out


def conv3x3(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights [outputs, inputs, 3, 3]."""
    out = np.zeros((*x.shape[:2], len(weight)), x.dtype)
    for k, view in enumerate(neighbours(x)):
        out += view @ weight[:, :, k // 3, k % 3].T
    return out


def leaky(x: np.ndarray) -> np.ndarray:
    """0.01 below zero."""
    return np.maximum(x, np.float32(0.01) * x)
