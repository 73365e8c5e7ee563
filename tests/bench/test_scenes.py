"""The report's pictures stand at about the same size, whatever the settings that were measured."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from nic_cli.bench.codecs import REALISMS, parse
from nic_cli.bench.measure import Journal, measure, survey
from nic_cli.bench.scenes import scenes
from nic_cli.image.reading import read
from nic_cli.metrics import named
from nic_cli.zoo.load import load


def opened(path):
    return read(path, path.name)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(skimage.data.astronaut()[:256, :320]).save(folder / "a.png")
    inputs, _ = survey([folder / "a.png"], folder, opened)
    codecs = parse("nic:q1|3,jpeg:q10|30,webp:q5|40", [load(None, "cpu")], (), (0.0,))
    metrics = named(["psnr"])
    with Journal(None, {}) as journal:
        return inputs, codecs, list(measure(inputs, codecs, metrics, opened, journal)), metrics


def test_nic_is_shown_at_the_size_of_the_anchor_never_over_it(measured):
    inputs, codecs, rows, metrics = measured
    (scene,) = scenes(inputs, codecs, rows, "jpeg", metrics, opened)
    shown = {one.curve: one for one in scene.shown}
    assert list(shown) == ["nic", "jpeg", "webp"]
    assert 0.98 < shown["nic"].bpp / shown["jpeg"].bpp <= 1
    known = {(row.curve, row.setting): row for row in rows}
    assert shown["jpeg"].bpp == known["jpeg", shown["jpeg"].setting].bpp
    assert shown["jpeg"].metrics == known["jpeg", shown["jpeg"].setting].metrics


def test_the_original_is_shown_as_it_is(measured):
    inputs, codecs, rows, metrics = measured
    (scene,) = scenes(inputs, codecs, rows, "jpeg", metrics, opened)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(scene.original))), opened(inputs[0].path).pixels)
    assert (scene.width, scene.height) == (320, 256)


def test_realisms_of_nic_stand_beside_each_other_at_one_size(measured):
    inputs, _, _, metrics = measured
    codecs = parse("nic:q2", [load(None, "cpu")], None, REALISMS)
    with Journal(None, {}) as journal:
        rows = list(measure(inputs, codecs, metrics, opened, journal))
    (scene,) = scenes(inputs, codecs, rows, "nic b0", metrics, opened)
    assert [one.curve for one in scene.shown] == ["nic b0", "nic b0.75"]
    assert 0.98 < scene.shown[0].bpp / scene.shown[1].bpp < 1.02


def test_codecs_that_failed_are_left_out_and_pictures_beyond_the_room_too(measured, monkeypatch):
    inputs, codecs, rows, metrics = measured
    sound = [row for row in rows if row.curve != "webp"]
    (scene,) = scenes(inputs, codecs, sound, "jpeg", metrics, opened)
    assert [one.curve for one in scene.shown] == ["nic", "jpeg"]
    monkeypatch.setattr("nic_cli.bench.scenes.ROOM", 1000)
    assert not list(scenes(inputs, codecs, sound, "jpeg", metrics, opened))
