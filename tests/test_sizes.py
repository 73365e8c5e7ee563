"""Pictures of every size come back in their size, whatever tile borders they cross."""

from __future__ import annotations

import pytest

from nic_cli.image.reading import read
from nic_cli.zoo.load import load

from .bench.sizes import PICTURE, cut, error, every, near
from .zoo.conftest import tiny_files


@pytest.fixture(scope="module")
def pixels():
    return read(PICTURE).pixels


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """Untrained, as small as can be, of the same plan."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_files(folder)
    return load(str(folder), "cpu")


def test_every_width_and_height_from_1_to_130(tiny_model, pixels):
    sizes = list(every(all_pairs=False))
    assert {w for w, _ in sizes} == {h for _, h in sizes} == set(range(1, 131))
    for width, height in sizes:
        error(cut(pixels, width, height), tiny_model, 64)


def test_sizes_around_tile_borders(tiny_model, pixels):
    for width, height in near(64, 24):
        error(cut(pixels, width, height), tiny_model, 64)


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 130), (130, 1), (3, 5), (5, 3), (63, 65), (64, 64), (65, 127), (128, 129), (129, 193)],
)
def test_the_embedded_model_gives_the_picture_back(model, pixels, width, height):
    assert error(cut(pixels, width, height), model, 64) < 6
