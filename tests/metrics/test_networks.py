"""Metrics that need a network: with random weights, as those of ImageNet do not come with the program."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import save_file

from nic_cli.errors import UsageError
from nic_cli.metrics import named
from nic_cli.metrics.kid import PatchKid
from nic_cli.metrics.optional import SQUEEZENET
from tests.metrics.test_metrics import grey, jpeg, scene

EXPAND = {2: 64, 3: 64, 4: 128, 5: 128, 6: 192, 7: 192, 8: 256, 9: 256}  # fire module -> half of its features


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of He's random weights: features of all depths keep about one size."""
    chance, tensors, inputs = torch.Generator().manual_seed(3), {}, 96

    def layer(name, outputs, inputs, side):
        spread = math.sqrt(2 / (inputs * side**2))
        tensors[f"{name}.weight"] = torch.randn(outputs, inputs, side, side, generator=chance) * spread
        tensors[f"{name}.bias"] = torch.randn(outputs, generator=chance) * 0.1

    layer("conv1", 96, 3, 7)
    for fire, half in EXPAND.items():
        layer(f"fire{fire}/squeeze", half // 4, inputs, 1)
        layer(f"fire{fire}/expand1", half, half // 4, 1)
        layer(f"fire{fire}/expand3", half, half // 4, 3)
        inputs = 2 * half
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file({name: tensor.half() for name, tensor in tensors.items()}, path)
    return path, {name: tensor.half().double().numpy() for name, tensor in tensors.items()}


@pytest.fixture
def perceptual(weights, monkeypatch):
    monkeypatch.setenv(SQUEEZENET, str(weights[0]))
    return named(["perceptual"])["perceptual"]


def plain_features(picture: np.ndarray, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """[H, W, 3] -> [C, h, w] after conv1 and fire 2 to 9."""

    def conv(name, x, stride=1, padding=0):
        kernel = tensors[f"{name}.weight"]
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        windows = sliding_window_view(x, kernel.shape[2:], (1, 2))[:, ::stride, ::stride]
        summed = np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True)
        return np.maximum(summed + tensors[f"{name}.bias"][:, None, None], 0)

    x = picture[..., ::-1].astype(float) - (104, 117, 123)
    seen = [conv("conv1", np.moveaxis(x, 2, 0), 2)]
    for fire in EXPAND:
        h = seen[-1]
        if fire in (2, 5, 9):
            rows, columns = (range(0, max(side - 2, 0) + (side - 3) % 2, 2) for side in h.shape[1:])
            h = np.array([[h[:, i : i + 3, j : j + 3].max((1, 2)) for j in columns] for i in rows])
            h = np.moveaxis(h, 2, 0)
        h = conv(f"fire{fire}/squeeze", h)
        seen.append(
            np.concatenate((conv(f"fire{fire}/expand1", h), conv(f"fire{fire}/expand3", h, padding=1)))
        )
    return seen


@pytest.mark.parametrize("shape", [(64, 64), (75, 98), (32, 37)])
def test_the_distance_is_what_its_definition_gives(perceptual, weights, shape):
    wanted = scene(*shape)
    found = jpeg(wanted, 20)
    seen = [[plain_features(x, weights[1])[at] for at in (0, 2, 3, 5, 7, 8)] for x in (wanted, found)]
    apart = [
        (a / np.linalg.norm(a, axis=0) - b / np.linalg.norm(b, axis=0)) ** 2
        for a, b in zip(*seen, strict=True)
    ]
    assert perceptual(wanted, found) == pytest.approx(sum(x.sum(0).mean() for x in apart), rel=1e-4)


def test_equal_pictures_are_no_distance_apart_and_less_quality_is_more(perceptual):
    values = [perceptual(scene(), jpeg(scene(), quality)) for quality in (4, 10, 25, 50, 80, 95)]
    assert values == sorted(values, reverse=True)
    assert perceptual(scene(), scene()) == 0 < values[-1]


def test_grey_and_sixteen_bits_are_seen_as_well(perceptual):
    wanted, found = scene(96, 96), jpeg(scene(96, 96), 20)
    deep = perceptual(wanted.astype(np.uint16) * 257, found.astype(np.uint16) * 257)
    assert deep == pytest.approx(perceptual(wanted, found), rel=1e-4)
    repeated = perceptual(np.repeat(grey(wanted), 3, 2), np.repeat(grey(found), 3, 2))
    assert perceptual(grey(wanted), grey(found)) == pytest.approx(repeated, rel=1e-6)
    assert math.isnan(perceptual(scene(31, 80), scene(31, 80)))


@pytest.mark.parametrize("content", [None, b"nothing", {}, {"conv1.weight": torch.zeros(96, 3, 3, 3)}])
def test_files_that_hold_no_such_network_are_refused(tmp_path, monkeypatch, content):
    path = tmp_path / "weights.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file(content, path)
    monkeypatch.setenv(SQUEEZENET, str(path))
    with pytest.raises(UsageError, match="not the weights of SqueezeNet"):
        named(["perceptual"])


def test_kid_is_the_mean_over_pairs_of_patches(weights):
    kid = PatchKid(weights[0])
    pictures = [scene(140, 200), scene(64, 127)]  # 2 x 3 patches and one
    features = []
    for wanted in pictures:
        found = jpeg(wanted, 10)
        kid.add(wanted, found)
        for y in range(0, wanted.shape[0] - 63, 64):
            for x in range(0, wanted.shape[1] - 63, 64):
                cut = (p[y : y + 64, x : x + 64] for p in (wanted, found))
                means = [plain_features(p, weights[1])[-1].mean((1, 2)) for p in cut]
                features.append([mean / np.linalg.norm(mean) for mean in means])
    total, count = 0.0, len(features)
    for i, (x, y) in enumerate(features):
        for j, (u, v) in enumerate(features):
            total += (
                0 if i == j else (x @ u + 1) ** 3 + (y @ v + 1) ** 3 - (x @ v + 1) ** 3 - (y @ u + 1) ** 3
            )
    assert count == 7
    assert kid.value() == pytest.approx(total / (count * (count - 1)), abs=1e-6)


def test_kid_of_equal_sets_is_nothing_and_grows_as_quality_falls(weights):
    values = []
    for quality in (None, 40, 8, 2):
        kid = PatchKid(weights[0])
        kid.add(scene(), scene() if quality is None else jpeg(scene(), quality))
        values.append(kid.value())
    assert values[0] == pytest.approx(0, abs=1e-12)
    assert values == sorted(values)


def test_kid_knows_no_answer_from_one_patch(weights):
    kid = PatchKid(weights[0])
    assert math.isnan(kid.value())
    kid.add(scene(63, 200), scene(63, 200))
    kid.add(scene(64, 64), scene(64, 64))
    assert math.isnan(kid.value())
