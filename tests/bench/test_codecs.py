"""Codec strings mean what the documentation says, and every codec gives back what it was given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nic_cli import classical
from nic_cli.bench import codecs
from nic_cli.bench.codecs import numbers, parse
from nic_cli.errors import UsageError
from nic_cli.extras import adding
from nic_cli.types import Picture
from nic_cli.zoo.load import load


@pytest.fixture(scope="module")
def model():
    return load(None, "cpu")


def settings(text, models=(), rates=(2.0,), realisms=(0.0,)):
    return [(c.curve, c.setting) for c in parse(text, models, rates, realisms)]


@pytest.mark.parametrize(
    ("text", "values"),
    [("3", [3]), ("1|2.5", [1, 2.5]), ("0..3", [0, 1, 2, 3]), ("0..1/0.25", [0, 0.25, 0.5, 0.75, 1]),
     ("0,1", [0, 1]), ("1|4..5|.5", [1, 4, 5, 0.5])],
)  # fmt: skip
def test_lists_and_ranges_of_numbers(text, values):
    assert numbers(text, "here") == values


@pytest.mark.parametrize("text", ["", "a", "1..", "..3", "1/2", "3..1", "0..1/0", "0..9/0.001", "-1", "1e3"])
def test_what_is_no_number_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="here:"):
        numbers(text, "here")


def test_a_comma_leads_to_the_next_codec_or_the_next_dial(model):
    assert settings("jpeg:q40,webp:q10|20") == [("jpeg", "q40"), ("webp", "q10"), ("webp", "q20")]
    assert settings("nic:q1.5,b0.5,jpeg:q1", [model]) == [("nic", "q1.5,b0.5"), ("jpeg", "q1")]
    assert settings("nic", [model], (0.0, 1.0)) == [("nic", "q0,b0"), ("nic", "q1,b0")]


def test_each_realism_is_a_curve_of_its_own(model):
    both = [("nic b0", "q1,b0"), ("nic b1", "q1,b1")]
    assert settings("nic:q1", [model], realisms=(0.0, 1.0)) == both
    assert settings("nic:q1,b0,nic:q1,b1", [model]) == both


def test_each_effort_is_a_curve_of_its_own(model):
    assert settings("nic:q1,e0|1|5", [model]) == [("nic", "q1,b0"), ("nic e5", "q1,b0,e5")]
    both = [("nic b0 e3", "q1,b0,e3"), ("nic b1 e3", "q1,b1,e3")]
    assert settings("nic:q1,e3", [model], realisms=(0.0, 1.0)) == both


def test_a_codec_without_settings_has_seven_and_a_setting_named_twice_counts_once():
    assert len(settings("jpeg")) == 7
    assert settings("jpeg:q40,jpeg:q40|60") == [("jpeg", "q40"), ("jpeg", "q60")]


@pytest.mark.parametrize(
    ("text", "words"),
    [("gif", "'gif' is no codec"), ("", "give some of"), ("jpeg:x3", "'x3'"), ("jpeg:b1", "'b1'"),
     ("jpeg:q101", "quality 101"), ("jpeg:q2.5", "quality 2.5"), ("nic:q7", "takes q from 0 to 6"),
     ("nic:q1,b2", "b2"), ("nic:e10", "effort 10"), ("nic:e1.5", "effort 1.5"), ("jpeg:e5", "'e5'"),
     ("q3,jpeg", "'q3' is no codec")],
)  # fmt: skip
def test_a_wrong_codec_is_refused_in_one_line(text, words, model):
    with pytest.raises(UsageError, match=words):
        parse(text, [model], (2.0,), (0.0,))


def test_a_format_that_pillow_cannot_write_is_refused_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_jxl", None)
    with pytest.raises(UsageError, match=re.escape(adding("formats"))):
        parse("jxl", [], (), ())
    assert "jxl" not in codecs.defaults() and "jpeg" in codecs.defaults()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("text", ["jpeg:q95", "webp:q95", "avif:q95", "nic:q6"])
def test_what_is_decoded_is_the_picture(text, channels, model):
    rows, columns = np.mgrid[:40, :72]
    plane = (rows * 3 + columns).astype(np.uint8)
    picture = Picture(np.repeat(plane[..., None], channels, 2))
    (codec,) = parse(text, [model], (2.0,), (0.0,))
    found = codec.decode(codec.encode(picture))
    assert found.dtype == np.uint8 and found.shape[:2] == (40, 72)
    assert np.abs(found.astype(int) - picture.pixels).mean() < 4


def test_classical_codecs_are_given_neither_alpha_nor_metadata_and_no_16_bits():
    (codec,) = parse("jpeg:q50", [], (), ())
    with pytest.raises(ValueError, match="16"):
        codec.encode(Picture(np.zeros((8, 8, 3), np.uint16)))


def test_pictures_for_a_page_are_lossless():
    import io

    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(classical.webp(pixels)))), pixels)
