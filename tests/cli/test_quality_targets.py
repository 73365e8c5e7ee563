"""A wanted score is kept by the file that is written, and what cannot be had is said and not written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from nic_cli import score_control
from nic_cli.extras import adding
from nic_cli.quality import judging, measuring
from tests.cli.conftest import ROOT
from tests.cli.test_compare import deep
from tests.cli.test_json import ENCODE

SCENE = ROOT / "tests/pictures/scene.png"
MEASURED = [*ENCODE, "ssimulacra2", "like", "codings", "metrics"]


@pytest.fixture
def crop(clean_place) -> Path:
    """a.png, 256 x 256 of the scene."""
    pixels = np.array(Image.open(SCENE).convert("RGB"))[40:296, 100:356]
    Image.fromarray(pixels).save("a.png")
    return Path("a.png")


def independent(nic, original="a.png", packed="a.nic") -> float:
    """The score of what nic decode writes, by the package alone."""
    assert nic("decode", packed, "-o", "back.png", "-f").code == 0
    return compute_ssimulacra2(original, "back.png")


@pytest.mark.parametrize(("wish", "b"), [(70, None), (45, 0), (80, 1)])
def test_a_file_has_the_wanted_score_and_no_more_than_a_point_above(nic, crop, wish, b):
    done = nic("encode", "--json", "--ssimulacra2", wish, crop, *(() if b is None else ("-b", b)))
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert list(said) == MEASURED and said["codings"] <= score_control.CODINGS
    assert wish <= said["ssimulacra2"] <= wish + 1
    assert independent(nic) == pytest.approx(said["ssimulacra2"], abs=1e-5)
    assert said["bytes"] == Path("a.nic").stat().st_size and said["b"] == (0.75 if b is None else b)
    assert (
        f"ssimulacra2 {said['ssimulacra2']:.2f}" in done.err
        and said["like"] is None
        and said["metrics"] == {}
    )


def test_a_lower_wish_is_a_smaller_file(nic, crop):
    sizes = []
    for wish in (40, 60):
        assert nic("encode", crop, "-f", "--ssimulacra2", wish).code == 0
        sizes.append(Path("a.nic").stat().st_size)
    assert sizes == sorted(set(sizes))


def test_the_file_is_the_one_that_its_q_gives(nic, crop):
    said = json.loads(nic("encode", "--json", "--ssimulacra2", 60, crop).out)
    nic("encode", crop, "-q", said["q"], "-o", "plain.nic")
    assert Path("plain.nic").read_bytes() == Path("a.nic").read_bytes()


def test_what_even_the_top_rate_does_not_have_is_refused_with_what_it_has(nic, crop):
    done = nic("encode", "--ssimulacra2", 99, crop)
    assert (done.code, done.out, len(done.lines)) == (2, b"", 1)
    assert "SSIMULACRA 2 99.00 cannot be reached: at q 6 this picture has " in done.err
    reached = float(done.err.split()[-1])
    assert not Path("a.nic").exists()
    nic("encode", crop, "-q", 6, "-Q")
    assert independent(nic) == pytest.approx(reached, abs=0.006)


def test_what_q_0_has_already_is_q_0_and_said(nic, crop):
    done = nic("encode", "--json", "--ssimulacra2", 1, crop)
    said = json.loads(done.out)
    assert done.code == 0 and said["q"] == 0 and said["ssimulacra2"] > 2
    assert f"SSIMULACRA 2 is {said['ssimulacra2']:.2f} at q 0 already" in done.err


def test_a_batch_goes_on_after_a_picture_that_has_not_the_score(nic, crop):
    chance = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    Image.fromarray(chance).save("noise.png")
    done = nic("encode", "noise.png", crop, "--ssimulacra2", 70)
    assert done.code == 1 and Path("a.nic").exists() and not Path("noise.nic").exists()


@pytest.mark.parametrize(("like", "format"), [("jpeg:60", "JPEG"), ("webp:q40", "WEBP")])
def test_like_another_codec_is_as_good_and_tells_what_that_has(nic, crop, like, format):
    done = nic("encode", "--json", "--like", like, crop)
    assert done.code == 0, done.err
    said = json.loads(done.out)
    other = said["like"]
    assert other["codec"] == like.replace("q", "") and list(said) == MEASURED
    options = {"JPEG": {"optimize": True, "progressive": True}, "WEBP": {"method": 6}}[format]
    Image.open(crop).save("other.bin", format, quality=int(like[-2:]), **options)
    assert other["bytes"] == Path("other.bin").stat().st_size
    assert other["ssimulacra2"] == pytest.approx(compute_ssimulacra2("a.png", "other.bin"), abs=1e-6)
    assert other["ssimulacra2"] <= independent(nic) <= other["ssimulacra2"] + 1
    assert said["bytes"] < other["bytes"]
    line = f"a.png: {other['codec']} has SSIMULACRA 2 {other['ssimulacra2']:.2f} in {other['bytes']:,} bytes"
    assert line in done.lines


def test_what_another_codec_has_and_nic_has_not_is_refused_with_both(nic, crop):
    done = nic("encode", "--like", "jpeg:100", crop)
    assert done.code == 2 and len(done.lines) == 1 and not Path("a.nic").exists()
    assert "a.png: jpeg:100 has SSIMULACRA 2 9" in done.err and "cannot be reached: at q 6" in done.err


def test_a_search_for_better_latents_keeps_the_wish(nic, crop):
    """Of so small a picture its scores jump: what is over a point above is said to be."""
    Image.open(crop).crop((128, 128, 256, 256)).save(crop)
    done = nic("encode", "--json", "--ssimulacra2", 60, "-e", 2, crop)
    said = json.loads(done.out)
    assert said["ssimulacra2"] >= 60 and (said["ssimulacra2"] <= 61 or "came no closer to 60.00" in done.err)
    assert independent(nic) == pytest.approx(said["ssimulacra2"], abs=1e-5)


def test_alpha_lets_mid_grey_through_in_the_score_and_that_is_said(nic, crop):
    """What lies under alpha 0, here noise, is nobody's to see."""
    pixels = np.array(Image.open(crop))
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    alpha[:, :64] = 0
    pixels[:, :64] = np.random.default_rng(0).integers(0, 256, (256, 64, 3))
    Image.fromarray(np.dstack([pixels, alpha])).save("cut.png")
    done = nic("encode", "--json", "--ssimulacra2", 60, "cut.png")
    plain = nic("encode", "--json", "--ssimulacra2", 60, crop)
    compared = json.loads(nic("compare", "--json", "-m", "ssimulacra2", "cut.png", "cut.nic").out)
    assert "nic: warning: cut.png: measured over mid-grey, where its alpha lets that through" in done.lines
    assert "alpha" not in plain.err
    said = json.loads(done.out)["ssimulacra2"]
    assert 60 <= said and (said <= 61 or "came no closer to 60.00" in done.err)
    assert said == pytest.approx(compared["metrics"]["ssimulacra2"], abs=1e-4)


def test_grey_and_sixteen_bits_have_scores_too(nic, crop):
    pixels = np.array(Image.open(crop))
    Image.fromarray(pixels[..., 1]).save("grey.png")
    deep("deep.png", pixels.astype(np.uint16) * 257)
    for name in ("grey", "deep"):
        said = json.loads(nic("encode", "--json", "--like", "jpeg:50", f"{name}.png").out)
        assert said["like"]["ssimulacra2"] <= said["ssimulacra2"] <= said["like"]["ssimulacra2"] + 1
        nic("decode", f"{name}.nic", "-o", "back.png", "-f")
        measured = json.loads(nic("compare", "--json", f"{name}.png", "back.png").out)["metrics"]
        assert measured["ssimulacra2"] == pytest.approx(said["ssimulacra2"], abs=1e-5)


def test_metrics_are_told_of_the_file_that_is_written(nic, crop):
    done = nic("encode", "--json", "-q", 1, "--metrics", "psnr,ssimulacra2,octaves", crop)
    said = json.loads(done.out)
    assert list(said) == MEASURED and list(said["metrics"]) == ["psnr", "ssimulacra2", "octaves"]
    found = json.loads(nic("compare", "--json", crop, "a.nic", "-m", "psnr,ssimulacra2,octaves").out)
    assert said["metrics"] == found["metrics"] and said["codings"] == 1 and said["ssimulacra2"] is None
    assert f"psnr {said['metrics']['psnr']:.2f} dB" in done.err
    plain = nic("encode", "--json", "-q", 1, crop, "-o", "plain.nic")
    assert list(json.loads(plain.out)) == ENCODE  # who asks for nothing gets the old object
    assert Path("plain.nic").read_bytes() == Path("a.nic").read_bytes()


def test_metrics_can_be_told_of_what_was_searched(nic, crop):
    said = json.loads(nic("encode", "--json", "--ssimulacra2", 50, "--metrics", "psnr", crop).out)
    assert said["metrics"].keys() == {"psnr"} and 50 <= said["ssimulacra2"] <= 51
    found = json.loads(nic("compare", "--json", crop, "a.nic").out)["metrics"]
    assert found["psnr"] == said["metrics"]["psnr"] and found["ssimulacra2"] == said["ssimulacra2"]


def test_a_metric_that_is_too_small_is_null(nic, picture):
    said = json.loads(nic("encode", "--json", "--metrics", "ms-ssim", picture).out)
    assert said["metrics"] == {"ms-ssim": None}


def test_pictures_too_small_or_too_large_are_refused_before_they_are_coded(nic, crop, monkeypatch):
    Image.fromarray(np.zeros((7, 40, 3), np.uint8)).save("thin.png")
    thin = nic("encode", "--ssimulacra2", 50, "thin.png")
    assert thin.code == 2 and "40 x 7 pixels are too few" in thin.err and len(thin.lines) == 1
    monkeypatch.setattr("nic_cli.codec.encode", lambda *_, **__: pytest.fail("coded"))
    monkeypatch.setattr("nic_cli.memory.left", lambda: (10**7, "the machine has 10 MB free"))
    short = nic("encode", "--ssimulacra2", 50, crop)
    assert short.code == 1 and "takes 34 MB of memory, and the machine has 10 MB free" in short.err
    monkeypatch.setattr(measuring, "MOST", 256 * 256 - 1)
    large = nic("encode", "--metrics", "psnr", crop)
    assert large.code == 2 and "256 x 256 is over the 65535 pixels" in large.err and len(large.lines) == 1
    assert not Path("a.nic").exists()


def test_without_the_package_one_line_says_how_to_get_it(nic, crop, monkeypatch):
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    monkeypatch.delitem(sys.modules, "nic_cli.metrics.ssimulacra2", raising=False)
    for asked in (("--ssimulacra2", 70), ("--like", "jpeg:80"), ("--metrics", "ssimulacra2")):
        done = nic("encode", crop, *asked)
        assert done.code == 2 and adding("bench") in done.err and len(done.lines) == 1
    assert nic("encode", crop, "--metrics", "psnr").code == 0  # which needs none


def test_a_codec_that_pillow_has_not_is_refused(nic, crop, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    done = nic("encode", crop, "--like", "jxl:80")
    assert done.code == 2 and "--like: jxl: needs a plugin of Pillow" in done.err and len(done.lines) == 1


def test_what_a_codec_cannot_hold_is_one_line(nic, clean_place):
    Image.fromarray(np.zeros((8, 16400, 3), np.uint8)).save("long.png")
    done = nic("encode", "long.png", "--like", "webp:50")
    assert done.code == 2 and "--like: webp cannot hold this picture" in done.err and len(done.lines) == 1


def test_the_usual_scores_rise_as_a_search_needs_them():
    assert list(judging.MEANS) == sorted(set(judging.MEANS))


def test_a_dry_run_codes_nothing(nic, crop, monkeypatch):
    monkeypatch.setattr("nic_cli.codec.encode", lambda *_, **__: pytest.fail("coded"))
    assert nic("encode", crop, "--ssimulacra2", 70, "--dry-run").code == 0
