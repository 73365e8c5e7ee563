"""`nic compare` measures what nic bench measures, of any two pictures that are made alike and said to be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from nic_cli.extras import adding
from nic_cli.image import rowwise
from nic_cli.image.ancillary import profiles
from nic_cli.image.ancillary.colour_codes import P3, ColourCode
from nic_cli.metrics import METRICS, named
from nic_cli.metrics.pixels import eight_bits
from nic_cli.quality import measuring
from nic_cli.types import Metadata
from tests.cli.conftest import ROOT, damaged

SCENE = ROOT / "tests/pictures/scene.png"


@pytest.fixture
def scene(clean_place) -> np.ndarray:
    """a.png and a.jpg, a crop [192, 208, 3], which is returned."""
    pixels = np.array(Image.open(SCENE).convert("RGB"))[40:232, 100:308]
    Image.fromarray(pixels).save("a.png")
    Image.fromarray(pixels).save("a.jpg", quality=50)
    return pixels


def compared(nic, *arguments, **streams) -> dict:
    done = nic("compare", "--json", *arguments, **streams)
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    return json.loads(line)


def deep(name: str, values: np.ndarray) -> None:
    with Path(name).open("wb") as stream:
        rowwise.write_png([values], values.shape, 16, stream, Metadata())


def test_the_table_and_the_object_say_the_same_as_the_metrics_do(nic, scene):
    found = np.array(Image.open("a.jpg"))
    said = compared(nic, "a.png", "a.jpg")
    usual = ("psnr", "ms-ssim", "ssimulacra2")
    assert said["metrics"] == {name: round(f(scene, found), 6) for name, f in named(usual).items()}
    sizes = [Path(name).stat().st_size for name in ("a.png", "a.jpg")]
    assert [said[side]["bytes"] for side in "ab"] == sizes
    assert said["ratio"] == round(sizes[1] / sizes[0], 6)
    assert said["a"]["bpp"] == round(8 * sizes[0] / scene[..., 0].size, 6)
    assert list(said) == "a b width height bit_depth alpha ratio metrics left_out".split()
    assert list(said["a"]) == "input bytes bpp channels bit_depth alpha b".split()
    assert (said["width"], said["height"], said["bit_depth"], said["alpha"]) == (208, 192, 8, "")
    table = nic("compare", "a.png", "a.jpg").out.decode()
    assert f"{sizes[0]:,} bytes" in table and f"{100 * sizes[1] / sizes[0]:.1f} % of the first" in table
    for name, value in said["metrics"].items():
        assert METRICS[name].shown(value) in table


def test_a_nic_file_is_decoded_as_nic_decode_does(nic, scene):
    nic("encode", "a.png", "-o", "a.nic", "-q", 1)
    for b in (None, 0, 1):
        asked = () if b is None else ("-b", b)
        nic("decode", "a.nic", "-o", "back.png", "-f", *asked)
        direct, through = compared(nic, "a.png", "a.nic", *asked), compared(nic, "a.png", "back.png")
        assert direct["metrics"] == through["metrics"]
        assert direct["b"]["b"] == (0.75 if b is None else b) and through["b"]["b"] is None
    assert (
        compared(nic, "a.nic", "a.png")["metrics"]["psnr"]
        == compared(nic, "a.png", "a.nic")["metrics"]["psnr"]
    )


def test_either_may_come_from_standard_input(nic, scene):
    data = Path("a.jpg").read_bytes()
    piped = compared(nic, "a.png", "-", stdin=data)
    assert piped["b"]["input"] == "-" and piped["b"]["bytes"] == len(data)
    assert piped["metrics"] == compared(nic, "a.png", "a.jpg")["metrics"]
    assert compared(nic, "-", "a.jpg", stdin=Path("a.png").read_bytes())["metrics"] == piped["metrics"]


@pytest.mark.skipif(sys.platform == "win32", reason="cat")
@pytest.mark.parametrize("name", ["a.jpg", "a.nic"])
def test_a_true_pipe_is_counted_whole(nic, scene, name):
    nic("encode", "a.png", "-o", "a.nic")
    command = f"cat {name} | {sys.executable} -m nic_cli compare --json -m psnr a.png -"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=120)
    said = json.loads(done.stdout)
    assert said["b"]["bytes"] == Path(name).stat().st_size
    assert said["metrics"] == compared(nic, "a.png", name, "-m", "psnr")["metrics"]


def test_all_metrics_are_measured_and_those_left_out_say_why(nic, scene, monkeypatch):
    monkeypatch.delenv("NIC_BENCH_SQUEEZENET", raising=False)
    said = compared(nic, "a.png", "a.jpg", "--metrics", "all")
    assert sorted([*said["metrics"], *said["left_out"]]) == sorted(METRICS)
    assert "NIC_BENCH_SQUEEZENET" in said["left_out"]["perceptual"] and "sets" in said["left_out"]["kid"]
    assert all(value is not None for value in said["metrics"].values())
    table = nic("compare", "a.png", "a.jpg", "--metrics", "all").out.decode()
    assert "left out: " in table and "NIC_BENCH_SQUEEZENET" in table


def test_a_metric_that_is_not_installed_is_left_out_and_refused_where_it_was_named(nic, scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    monkeypatch.delitem(sys.modules, "nic_cli.metrics.ssimulacra2", raising=False)
    said = compared(nic, "a.png", "a.jpg")
    assert list(said["metrics"]) == ["psnr", "ms-ssim"]
    assert adding("bench") in said["left_out"]["ssimulacra2"]
    named_ = nic("compare", "a.png", "a.jpg", "-m", "ssimulacra2")
    assert named_.code == 2 and adding("bench") in named_.err and len(named_.lines) == 1


def test_other_sizes_are_refused_with_both(nic, scene):
    Image.fromarray(scene[:100]).save("small.png")
    done = nic("compare", "a.png", "small.png")
    assert (done.code, done.out, len(done.lines)) == (2, b"", 1)
    for part in ("a.png", "208 x 192", "small.png", "208 x 100"):
        assert part in done.err


def test_too_small_for_a_metric_is_said(nic, clean_place):
    for name, value in (("x.png", 10), ("y.png", 12)):
        Image.fromarray(np.full((20, 20, 3), value, np.uint8)).save(name)
    said = compared(nic, "x.png", "y.png")
    assert said["metrics"]["ms-ssim"] is None and said["metrics"]["psnr"] > 40
    assert "ms-ssim      too small for it" in nic("compare", "x.png", "y.png").out.decode()


def test_sixteen_bits_are_kept_where_both_have_them(nic, scene):
    wide = scene.astype(np.uint16) * 257
    deep("a16.png", wide)
    deep("b16.png", wide + (wide < 65000))
    both = compared(nic, "a16.png", "b16.png", "-m", "psnr")
    assert both["bit_depth"] == 16 and 90 < both["metrics"]["psnr"] < 100  # in 8 bits they are equal
    done = nic("compare", "b16.png", "a.png", "-m", "psnr", "--json")
    one = json.loads(done.out)
    assert one["bit_depth"] == 8 and one["metrics"]["psnr"] == 100
    assert "compared in 8 bits" in done.err and [one[side]["bit_depth"] for side in "ab"] == [16, 8]


def test_alpha_is_laid_over_mid_grey_and_said(nic, scene):
    alpha = np.zeros(scene.shape[:2], np.uint8)
    alpha[:, 100:] = 255
    Image.fromarray(np.dstack([scene, alpha])).save("cut.png")
    hidden = scene.copy()
    hidden[:, :100] = 255 - hidden[:, :100]
    Image.fromarray(np.dstack([hidden, alpha])).save("hidden.png")
    same = compared(nic, "cut.png", "hidden.png", "-m", "psnr")
    assert same["metrics"]["psnr"] == 100 and "over mid-grey" in same["alpha"]
    shown = scene.copy()
    shown[:, :100] = 127
    Image.fromarray(shown).save("shown.png")
    assert compared(nic, "cut.png", "shown.png", "-m", "psnr")["metrics"]["psnr"] == 100
    assert compared(nic, "cut.png", "a.png", "-m", "psnr")["metrics"]["psnr"] < 30
    assert "alpha" in nic("compare", "cut.png", "a.png", "-m", "psnr").out.decode()


def test_grey_is_compared_with_colour_as_three_equal_channels(nic, scene):
    grey = scene[..., 1]
    Image.fromarray(grey).save("grey.png")
    Image.fromarray(np.dstack([grey] * 3)).save("three.png")
    said = compared(nic, "grey.png", "three.png", "-m", "psnr")
    assert said["metrics"]["psnr"] == 100 and [said[side]["channels"] for side in "ab"] == [1, 3]


def test_pictures_under_different_profiles_are_compared_in_srgb(nic, scene):
    Image.fromarray(scene).save("wide.png", icc_profile=profiles.profile_of(ColourCode(P3, "srgb")))
    done = nic("compare", "--json", "wide.png", "a.png", "-m", "psnr")
    assert done.code == 0 and "compared in sRGB" in done.err
    assert json.loads(done.out)["metrics"]["psnr"] < 45
    assert compared(nic, "wide.png", "wide.png", "-m", "psnr")["metrics"]["psnr"] == 100
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(scene).save("named.png", icc_profile=plain)
    assert compared(nic, "named.png", "a.png", "-m", "psnr")["metrics"]["psnr"] == 100


def test_what_cannot_be_read_is_named_with_its_own_code(nic, scene, coded):
    Path("words.png").write_text("no picture\n")
    Path("bad.nic").write_bytes(damaged(coded))
    for name, code in (("words.png", 3), ("bad.nic", 3), ("missing.png", 3)):
        for order in (("a.png", name), (name, "a.png")):
            done = nic("compare", *order)
            assert (done.code, done.out, len(done.lines)) == (code, b"", 1), done
            assert name in done.err and not done.err.startswith("nic: a.png")


def test_pictures_over_the_limit_are_refused_and_memory_is_asked_for_first(nic, scene, monkeypatch):
    monkeypatch.setattr("nic_cli.memory.left", lambda: (10**6, "the machine has 1 MB free"))
    said = compared(nic, "a.png", "a.jpg")
    assert "MB of memory, and the machine has 1 MB free" in said["left_out"]["ssimulacra2"]
    assert list(said["metrics"]) == ["psnr", "ms-ssim"]
    monkeypatch.setattr(measuring, "MOST", 1000)
    done = nic("compare", "a.png", "a.jpg")
    assert done.code == 2 and "over the 1000 pixels" in done.err and len(done.lines) == 1


def test_rounding_to_eight_bits_is_to_the_nearest():
    values = np.array([0, 128, 129, 385, 386, 65535], np.uint16)
    assert eight_bits(values).tolist() == [0, 0, 1, 1, 2, 255]
    assert eight_bits(np.arange(256, dtype=np.uint16) * 257).tolist() == list(range(256))
