"""Metrics against second implementations, in doubles and as plainly as can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.metrics.test_metrics import jpeg, measure, scene


def slid(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlation where the kernel lies inside."""
    return np.einsum("hwij,ij->hw", sliding_window_view(x, kernel.shape), kernel, optimize=True)


def gauss(deviation: float, reach: int) -> np.ndarray:
    line = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    return np.outer(line, line) / line.sum() ** 2


def plain_ms_ssim(wanted: np.ndarray, found: np.ndarray) -> float:
    c1, c2, window = 6.5025, 58.5225, gauss(1.5, 5)
    values = []
    for x, y in zip(
        np.moveaxis(wanted, 2, 0).astype(float), np.moveaxis(found, 2, 0).astype(float), strict=True
    ):
        value = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            mx, my = slid(x, window), slid(y, window)
            vx, vy = slid(x * x, window) - mx**2, slid(y * y, window) - my**2
            factor = (2 * (slid(x * y, window) - mx * my) + c2) / (vx + vy + c2)
            if scale == 4:
                factor *= (2 * mx * my + c1) / (mx**2 + my**2 + c1)
            value *= max(factor.mean(), 0) ** weight
            odd = [(side % 2, side % 2) for side in x.shape]
            x, y = (np.pad(p, odd)[: p.shape[0] + odd[0][0], : p.shape[1] + odd[1][0]] for p in (x, y))
            x, y = (p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2).mean((1, 3)) for p in (x, y))
        values.append(value)
    return float(np.mean(values))


def plain_haarpsi(wanted: np.ndarray, found: np.ndarray) -> float:
    def same(x: np.ndarray, side: int, kernel: np.ndarray) -> np.ndarray:
        return np.abs(slid(np.pad(x, (side // 2 - 1, side // 2)), kernel))

    def alike(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (2 * x * y + 30) / (x**2 + y**2 + 30)

    matrix = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    mean = np.full((2, 2), 0.25)
    halves = [
        [slid(np.pad(p, (0, 1)), mean)[::2, ::2] for p in np.moveaxis(x @ matrix.T, 2, 0)]
        for x in (wanted, found)
    ]
    weights, likeness = [], []
    for turned in (False, True):
        edges = []
        for y in (halves[0][0], halves[1][0]):
            for side in (2, 4, 8):
                haar = np.repeat([-1.0, 1.0], side // 2)[:, None] * np.ones(side) / side
                edges.append(same(y, side, haar.T if turned else haar))
        weights.append(np.maximum(edges[2], edges[5]))
        likeness.append((alike(edges[0], edges[3]) + alike(edges[1], edges[4])) / 2)
    chroma = [alike(same(halves[0][i], 2, mean), same(halves[1][i], 2, mean)) for i in (1, 2)]
    likeness.append((chroma[0] + chroma[1]) / 2)
    weights.append((weights[0] + weights[1]) / 2)
    s = np.average(1 / (1 + np.exp(-4.2 * np.array(likeness))), weights=np.array(weights))
    return float((np.log(s / (1 - s)) / 4.2) ** 2)


def plain_nlpd(wanted: np.ndarray, found: np.ndarray) -> float:
    window = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    near = ((0.1011, 0.1493, 0.1460, 0.0072, 0.1015), (0.0757, 0.1986, 0.1846, 0, 0.0837))
    near += ((0.0477, 0.2138, 0.2243, 0, 0.0467), (0, 0.2503, 0.2616, 0, 0), (0, 0.2598, 0.2552, 0, 0))
    near += ((0, 0.2215, 0.0717, 0, 0),)
    sums = []
    for picture in (wanted, found):
        x, bands = picture @ np.array([0.299, 0.587, 0.114]) / 255, []
        for octave in range(6):
            rest = slid(np.pad(x, 2, "reflect"), window)[::2, ::2]
            wide = np.pad(rest, 1, "reflect")
            spread = np.zeros((2 * wide.shape[0] + 3, 2 * wide.shape[1] + 3))
            spread[: 2 * wide.shape[0] : 2, : 2 * wide.shape[1] : 2] = wide
            band = x if octave == 5 else x - 4 * slid(spread, window)[: x.shape[0], : x.shape[1]]
            kernel = np.zeros(25)
            kernel[[7, 11, 13, 14, 17]] = near[octave]
            sigma = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)[octave]
            bands.append(band / (sigma + slid(np.pad(np.abs(band), 2), kernel.reshape(5, 5))))
            x = rest
        sums.append(bands)
    return float(np.mean([np.sqrt(((x - y) ** 2).mean()) for x, y in zip(*sums, strict=True)]))


def plain_texture(wanted: np.ndarray, found: np.ndarray) -> float:
    matrix = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    whole, total = gauss(4, 12), 0.0
    for colour, weight in enumerate((1, 0.5, 0.5)):
        pair = [p @ matrix[colour] for p in (wanted, found)]
        for _ in range(5):
            for rows, columns in (((1, 1), (1, -1)), ((1, -1), (1, 1)), ((1, -1), (1, -1))):
                bands = [slid(p, np.outer(rows, columns) / 4) for p in pair]
                height, width = bands[0].shape
                for y in range(0, height, 4):
                    for x in range(0, width, 4):
                        top, left = max(y - 12, 0), max(x - 12, 0)
                        cut = [band[top : y + 13, left : x + 13] for band in bands]
                        size, down, right = cut[0].shape, top - y + 12, left - x + 12
                        window = whole[down : down + size[0], right : right + size[1]]
                        means = [np.average(c, weights=window) for c in cut]
                        deviations = [
                            np.sqrt(np.average((c - m) ** 2, weights=window))
                            for c, m in zip(cut, means, strict=True)
                        ]
                        apart = (means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2
                        total += weight * apart / (5 * 3 * -(-height // 4) * -(-width // 4))
            even = [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in pair]
            pair = [p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2).mean((1, 3)) for p in even]
    return math.sqrt(total)


def plain_octaves(wanted: np.ndarray, found: np.ndarray) -> float:
    powers = []
    for picture in (wanted, found):
        y = picture @ np.array([0.299, 0.587, 0.114])
        window = np.outer(*(np.sin(np.pi * np.arange(side) / (side - 1)) ** 2 for side in y.shape))
        power = np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2 / (y.size * (window**2).sum())
        far = np.maximum(*np.meshgrid(*(abs(np.fft.fftfreq(side)) for side in y.shape), indexing="ij"))
        powers.append(power[far >= 0.125].sum() + 1 / 12)
    return float(powers[1] / powers[0])


def plain_ratios(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Of the fine frequencies."""
    powers = []
    for picture in (wanted, found):
        y, window = picture @ np.array([0.299, 0.587, 0.114]), np.outer(*[np.hanning(64)] * 2)
        total, count = 0, 0
        for i in range(0, y.shape[0] - 63, 32):
            for j in range(0, y.shape[1] - 63, 32):
                part = y[i : i + 64, j : j + 64]
                total, count = total + np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2, count + 1
        powers.append(total / count / (window**2).sum() + 1 / 1200)
    return (powers[1] / powers[0])[np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64))) > 0.2]


PLAIN = {
    "spectrum": (lambda wanted, found: float(np.median(plain_ratios(wanted, found))), 131, 165),
    "peak": (lambda wanted, found: float(plain_ratios(wanted, found).max()), 131, 165),
    "ms-ssim": (plain_ms_ssim, 163, 201),
    "haarpsi": (plain_haarpsi, 161, 90),
    "nlpd": (plain_nlpd, 131, 98),
    "texture": (plain_texture, 71, 90),
    "octaves": (plain_octaves, 71, 90),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("odd", [0, 1])
def test_a_metric_is_what_its_definition_gives(name, odd):
    plain, height, width = PLAIN[name]
    wanted = scene(height + odd, width + odd)
    found = jpeg(wanted, 30)
    assert measure(name, wanted, found) == pytest.approx(plain(wanted, found), rel=2e-5)
