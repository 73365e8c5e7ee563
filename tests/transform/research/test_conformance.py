"""Research systems do what their authors' programs do, with the same weights, to the last integer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from nic_cli.transform.research.systems import SYSTEMS
from tests.transform.research.conformance import build, compare, strings, strings_hold
from tests.transform.research.weights import uniform

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.npz"))


@lru_cache(1)  # half a gigabyte each
def system_of(kind, variant):
    return build(kind, variant)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_integers_pictures_bits_and_byte_strings_are_the_originals(path):
    kind = path.stem.partition("_")[0]
    with np.load(path) as held:
        vector = {name: held[name] for name in held.files}
    system = system_of(kind, str(vector["variant"]) if kind == "hific" else "low")
    found = compare(system, vector)
    assert (found.z, found.y, found.index) == (0, 0, 0)
    assert found.x_hat < 1e-4 and found.bits < 1e-5
    if strings(kind, vector) is not None:
        assert strings_hold(system, vector)


def test_every_system_is_compared():
    assert {path.stem.partition("_")[0] for path in VECTORS} == set(SYSTEMS)


def test_the_comparison_sees_a_small_mistake():
    """The control."""
    with np.load(next(path for path in VECTORS if path.stem.startswith("qvrf"))) as held:
        vector = {name: held[name] for name in held.files}
    system = build("qvrf")
    system.g_s[1].conv1.bias.data[3] += 0.01
    system.entropy_parameters[4].bias.data += 0.01
    found = compare(system, vector)
    assert found.x_hat > 1e-4 and found.index > 0 and found.bits > 1e-5


def test_the_recipe_of_the_weights_is_that_of_the_vectors():
    found = uniform("Gain", 8)
    assert np.allclose(found[:3] * 0.04 + np.float32([1.0, 1.45, 1.9]), [0.9553369, 1.5093869, 1.9103128])
