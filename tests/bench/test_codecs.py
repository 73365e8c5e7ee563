"""Codec strings mean what the documentation says, and every codec gives back what it was given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nic_cli import classical
from nic_cli.bench import codecs, programs
from nic_cli.bench.codecs import parse
from nic_cli.bench.strings import numbers
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


@pytest.mark.parametrize("text", ["0..99999999999", "0..1/0.000000001", f"1{'0' * 400}", f"0..1{'0' * 400}"])
def test_endless_lists_are_refused_before_they_are_made(text):
    with pytest.raises(UsageError, match="1 to 1000 settings"):
        numbers(text, "here")


@pytest.mark.parametrize("text", ["jpeg:q40,q50", "avif:speed=8,speed=9", "avif:q40,speed=8,q1"])
def test_what_is_given_twice_is_not_dropped(text):
    with pytest.raises(UsageError, match=r"given twice: join values by \|"):
        parse(text, [], (), ())


def test_spaces_about_commas_do_no_harm():
    assert settings("jpeg:q40 , webp:q10") == settings("jpeg:q40,webp:q10")


@pytest.mark.parametrize("text", ["", "a", "1..", "..3", "1/2", "3..1", "0..1/0", "0..9/0.001", "-1", "1e3"])
def test_what_is_no_number_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="here:"):
        numbers(text, "here")


def test_a_comma_leads_to_the_next_codec_or_the_next_dial(model):
    webp = [("webp", "q10,method=6"), ("webp", "q20,method=6")]
    assert settings("jpeg:q40,webp:q10|20") == [("jpeg", "q40,sub=420"), *webp]
    assert settings("nic:q1.5,b0.5,jpeg:q1", [model]) == [("nic", "q1.5,b0.5"), ("jpeg", "q1,sub=420")]
    assert settings("nic", [model], (0.0, 1.0)) == [("nic", "q0,b0"), ("nic", "q1,b0")]


def test_each_realism_is_a_curve_of_its_own(model):
    both = [("nic b0", "q1,b0"), ("nic b1", "q1,b1")]
    assert settings("nic:q1", [model], realisms=(0.0, 1.0)) == both
    assert settings("nic:q1,b0,nic:q1,b1", [model]) == both


def test_each_effort_is_a_curve_of_its_own(model):
    assert settings("nic:q1,e0|1|5", [model]) == [("nic", "q1,b0"), ("nic e5", "q1,b0,e5")]
    both = [("nic b0 e3", "q1,b0,e3"), ("nic b1 e3", "q1,b1,e3")]
    assert settings("nic:q1,e3", [model], realisms=(0.0, 1.0)) == both


def test_a_codec_without_settings_has_seven_qualities_and_one_named_twice_counts_once():
    assert len(settings("webp")) == 7
    assert settings("jpeg:q40,jpeg:q40|60") == [("jpeg", "q40,sub=420"), ("jpeg", "q60,sub=420")]


def test_named_settings_are_curves_of_their_own_and_every_setting_is_spelled_out():
    assert settings("avif:q40,tune=psnr|ssim,sub=444") == [
        ("avif tune=psnr sub=444", "q40,tune=psnr,sub=444,speed=6"),
        ("avif tune=ssim sub=444", "q40,tune=ssim,sub=444,speed=6"),
    ]
    assert settings("avif:speed=9,q1,jpeg:q2") == [
        ("avif speed=9", f"q1,tune={classical.usual('avif')['tune']},sub=420,speed=9"),
        ("jpeg", "q2,sub=420"),
    ]


def test_a_codec_alone_is_at_the_best_of_its_settings_for_what_is_measured_the_usual_first():
    def tunes(metrics):
        found = parse("avif", [], None, (), metrics)
        assert {codec.curve for codec in found} == {"avif"}
        return list(dict.fromkeys(codec.variant for codec in found))

    usual = classical.usual("avif")["tune"]
    assert tunes(()) == [f"tune={usual},sub=420,speed=6"]
    assert tunes(("psnr", "texture")) == [*tunes(()), "tune=psnr,sub=444,speed=6"]
    if classical.tunes("ssimulacra2"):
        assert "tune=ssimulacra2,sub=444,speed=6" in tunes(("ssimulacra2",))
    both = parse("avif:best,speed=9,q30", [], None, (), ("psnr",))
    assert [(codec.curve, codec.setting) for codec in both] == [
        ("avif speed=9", f"q30,tune={usual},sub=420,speed=9"),
        ("avif speed=9", "q30,tune=psnr,sub=444,speed=9"),
    ]


def test_settings_are_what_the_library_makes_of_them():
    """Bytes of the string, and of Pillow asked by hand."""
    import io

    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for text, kind, options in (
        ("jpeg:q60,sub=444", "JPEG", {"subsampling": "4:4:4", "optimize": True, "progressive": True}),
        ("webp:q60,method=0", "WEBP", {"method": 0}),
        ("avif:q60,tune=psnr,sub=422,speed=8", "AVIF",
         {"subsampling": "4:2:2", "speed": 8, "advanced": {"tune": "psnr"}}),
    ):  # fmt: skip
        (codec,) = parse(text, [], (), ())
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind, quality=60, **options)
        assert codec.encode(Picture(pixels)) == stream.getvalue()
        assert codec.software.startswith("pillow ")


@pytest.mark.skipif(programs.missing("cwebp") is not None, reason="cwebp is not installed")
def test_a_codec_by_its_own_command_has_its_own_dial_and_tells_its_line():
    found = parse("cwebp:q20|40,method=0,sharp=0|1", [], None, ())
    assert [(codec.curve, codec.setting) for codec in found] == [
        (f"cwebp method=0 sharp={sharp}", f"q{q},method=0,sharp={sharp}")
        for sharp in (0, 1)
        for q in (20, 40)
    ]
    assert (
        found[0].software
        == f"{programs.version('cwebp')}: {programs.command('cwebp', 20, {'method': '0', 'sharp': '0'})}"
    )
    picture = Picture(
        np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    )
    assert found[0].decoded(found[0].encode(picture), picture).shape == picture.pixels.shape
    assert codecs.programs_of(found) == {"cwebp": programs.version("cwebp")}


def test_dials_and_settings_of_commands_are_theirs(monkeypatch):
    monkeypatch.setattr(programs, "missing", lambda name: None)
    monkeypatch.setattr(programs, "version", lambda name: name)
    monkeypatch.setattr(programs, "command", lambda name, quality, chosen: f"{name} {quality}")
    monkeypatch.setattr(programs, "knows", lambda name, chosen: dict(chosen)["tune"] != "iq")
    assert settings("cjxl:d1|2.5,effort=9") == [
        ("cjxl effort=9", "d1,effort=9"), ("cjxl effort=9", "d2.5,effort=9")
    ]  # fmt: skip
    assert settings("vvencapp:qp32")[0][1] == "qp32,preset=slower,qpa=0"
    for wrong in ("cjxl:q30", "cjxl:d", "vvencapp:q30", "cjxl:effort=30", "cjxl:tune=psnr"):
        with pytest.raises(UsageError, match="cannot be used"):
            settings(wrong)
    both = [codec.variant for codec in parse("heif-enc:best,q40", [], None, (), ("ssimulacra2",))]
    assert [re.findall(r"tune=(\w+)", one)[0] for one in both] == ["psnr", "ssim"]
    tunes = [codec.variant for codec in parse("avifenc:best,q40", [], None, (), ("ms-ssim",))]
    assert [re.findall(r"tune=(\w+)", one)[0] for one in tunes] == ["psnr", "ssim", "ssimulacra2"]
    assert len(parse("avifenc", [], None, (), ("psnr",))) == 7


def test_what_comes_back_with_even_sides_is_cut():
    codec = codecs.Codec("x", "y", lambda p: b"", lambda data: np.zeros((4, 6, 3), np.uint8), pads=True)
    assert codec.decoded(b"", Picture(np.zeros((3, 5, 3), np.uint8))).shape == (3, 5, 3)


def test_a_tune_that_the_library_has_not_is_refused_and_does_not_compete(monkeypatch):
    monkeypatch.setattr(classical, "tunes", lambda tune: tune in ("ssim", "psnr"))
    with pytest.raises(UsageError, match="tune=iq: the libavif of this Pillow does not know it"):
        parse("avif:tune=iq", [], (), ())
    found = {codec.variant for codec in parse("avif", [], (), (), ("ssimulacra2", "psnr"))}
    assert found == {f"tune={t},speed=6" for t in ("ssim,sub=420", "ssim,sub=444", "psnr,sub=444")}


@pytest.mark.parametrize(
    ("text", "words"),
    [("gif", "'gif' is no codec"), ("", "give some of"), ("jpeg:x3", "'x3'"), ("jpeg:b1", "'b1'"),
     ("jpeg:tune=psnr", "'tune' cannot be used: its settings are sub"), ("jpeg:q101", "quality 101"),
     ("avif:tune=vmaf", "tune=vmaf cannot be used: there are iq, ssim"), ("jpeg:q2.5", "quality 2.5"),
     ("nic:sub=444", "no such settings"), ("nic:q7", "takes q from 0 to 6"), ("nic:q1,b2", "b2"),
     ("nic:e10", "effort 10"), ("nic:e1.5", "effort 1.5"), ("jpeg:e5", "'e5'"),
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
