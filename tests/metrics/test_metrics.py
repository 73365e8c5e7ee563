"""Metrics: what all of them promise; against packages of others where there are any."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nic_cli.errors import UsageError
from nic_cli.extras import adding
from nic_cli.metrics import METRICS, named
from nic_cli.metrics.optional import SQUEEZENET
from nic_cli.metrics.spectrum import worst

SCENE = Path(__file__).parents[1] / "pictures" / "scene.png"
OWN = ("psnr", "ms-ssim", "haarpsi", "nlpd", "texture", "octaves", "spectrum", "peak")
EQUAL = {
    "psnr": 100,
    "ms-ssim": 1,
    "haarpsi": 1,
    "nlpd": 0,
    "texture": 0,
    "octaves": 1,
    "spectrum": 1,
    "peak": 1,
}
POWERS = ("octaves", "spectrum", "peak")  # which less quality takes to either side of 1


@cache
def scene(height: int = 256, width: int = 320) -> np.ndarray:
    return np.array(Image.open(SCENE).convert("RGB"))[40 : 40 + height, 100 : 100 + width]


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return np.array(Image.open(file))


def measure(name: str, wanted: np.ndarray, found: np.ndarray) -> float:
    return named([name])[name](wanted, found)


def grey(picture: np.ndarray) -> np.ndarray:
    return picture[..., 1:2].copy()


@pytest.mark.parametrize("shape", [(256, 320), (191, 253), (161, 161)])
@pytest.mark.parametrize("quality", [5, 40, 95])
def test_ms_ssim_is_that_of_the_package_everybody_uses(shape, quality):
    package = pytest.importorskip("pytorch_msssim")
    wanted = scene(*shape)
    found = jpeg(wanted, quality)
    a, b = (torch.from_numpy(x).double().permute(2, 0, 1)[None] for x in (wanted, found))
    expected = package.ms_ssim(a, b, data_range=255).item()
    assert measure("ms-ssim", wanted, found) == pytest.approx(expected, abs=1e-5)


def test_psnr_is_that_of_the_squared_error():
    wanted = scene()
    found = wanted ^ 1  # each level one off
    assert measure("psnr", wanted, found) == pytest.approx(20 * math.log10(255), abs=1e-6)


def test_ssimulacra2_is_that_of_the_package_on_files(tmp_path):
    package = pytest.importorskip("ssimulacra2")
    wanted = scene(90, 70)
    found = jpeg(wanted, 40)
    for name, picture in (("wanted", wanted), ("found", found)):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    expected = package.compute_ssimulacra2(tmp_path / "wanted.png", tmp_path / "found.png")
    assert measure("ssimulacra2", wanted, found) == expected
    deep = measure("ssimulacra2", wanted.astype(np.uint16) * 257, found.astype(np.uint16) * 257)
    assert deep == expected
    assert measure("ssimulacra2", grey(wanted), grey(wanted)) == 100
    assert math.isnan(measure("ssimulacra2", wanted[:7], wanted[:7]))


@pytest.mark.parametrize("name", OWN)
def test_equal_pictures_have_the_best_value(name):
    assert measure(name, scene(), scene()) == pytest.approx(EQUAL[name], abs=1e-6)
    flat = np.full((192, 192, 3), 90, np.uint8)
    assert measure(name, flat, flat) == pytest.approx(EQUAL[name], abs=1e-6)
    assert measure(name, flat * 0, flat * 0) == pytest.approx(EQUAL[name], abs=1e-6)


@pytest.mark.parametrize("name", [name for name in OWN if name not in POWERS])
def test_less_quality_is_worse(name):
    values = [measure(name, scene(), jpeg(scene(), quality)) for quality in (4, 10, 25, 50, 80, 95)]
    values.append(EQUAL[name])
    assert values == sorted(values, reverse=not METRICS[name].higher_is_better)
    assert len(set(values)) == len(values)


def test_octaves_tells_smooth_from_harsh():
    y = scene().astype(float)
    mean = sum(np.roll(y, shift, (0, 1)) for shift in ((0, 0), (0, 1), (1, 0), (1, 1))) / 4
    smooth, harsh = (np.clip(x, 0, 255).round().astype(np.uint8) for x in (mean, 1.5 * y - 0.5 * mean))
    assert measure("octaves", scene(), smooth) < 0.9 < 1.1 < measure("octaves", scene(), harsh)


def test_spectrum_tells_smooth_from_harsh():
    y = scene().astype(float)
    mean = sum(np.roll(y, shift, (0, 1)) for shift in ((0, 0), (0, 1), (1, 0), (1, 1))) / 4
    smooth, harsh = (np.clip(x, 0, 255).round().astype(np.uint8) for x in (mean, 1.5 * y - 0.5 * mean))
    assert measure("spectrum", scene(), smooth) < 0.5 < 1.2 < measure("spectrum", scene(), harsh)


def test_a_mesh_is_a_peak_where_it_repeats_and_hardly_a_change_to_the_median():
    down, across = np.mgrid[:256, :320]
    mesh = 8 * np.cos(2 * np.pi * (down / 4 + across * 3 / 8))[..., None]
    found = np.clip(scene() + mesh, 0, 255).round().astype(np.uint8)
    ratio, frequency = worst(scene(), found)
    assert ratio == measure("peak", scene(), found) > 20
    assert frequency in ((0.25, 0.375), (-0.25, -0.375))
    assert measure("spectrum", scene(), found) == pytest.approx(1, abs=0.1)


def test_texture_forgives_other_grain_of_the_same_strength_but_not_its_loss():
    rng = np.random.default_rng(1)
    wanted, other = (rng.normal(128, 20, (256, 256, 1)).round().clip(0, 255).astype(np.uint8) for _ in "ab")
    flat = np.full_like(wanted, 128)
    assert measure("texture", wanted, other) < measure("texture", wanted, flat) / 4
    assert measure("psnr", wanted, other) < measure("psnr", wanted, flat)  # which prefers the loss


def test_texture_sees_edges_between_blocks_of_eight():
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (256, 1, 1))
    blocks = ramp // 8 * 8 + 3  # flat within each block
    assert measure("texture", ramp, blocks) > 0.2


@pytest.mark.parametrize("name", OWN)
def test_grey_is_three_equal_channels(name):
    wanted, found = grey(scene()), grey(jpeg(scene(), 20))
    repeated = measure(name, np.repeat(wanted, 3, 2), np.repeat(found, 3, 2))
    assert measure(name, wanted, found) == pytest.approx(repeated, rel=1e-4)


@pytest.mark.parametrize("name", OWN)
def test_sixteen_bits_are_measured_as_eight_where_they_say_the_same(name):
    wanted, found = scene(), jpeg(scene(), 20)
    deep = measure(name, wanted.astype(np.uint16) * 257, found.astype(np.uint16) * 257)
    assert deep == pytest.approx(measure(name, wanted, found), rel=1e-5)


def test_sixteen_bits_count_in_full():
    wanted = scene().astype(np.uint16) * 257
    assert measure("psnr", wanted, wanted ^ 1) == pytest.approx(20 * math.log10(65535), abs=1e-3)


@pytest.mark.parametrize("name", [name for name in OWN if name != "psnr"])
def test_too_small_a_picture_has_no_value(name):
    assert math.isnan(measure(name, scene(15, 300), scene(15, 300)))
    assert math.isnan(measure(name, scene(1, 1), scene(1, 1)))


@pytest.mark.parametrize("name", OWN)
def test_what_cannot_be_compared_is_refused(name):
    for other in (scene()[1:], scene().astype(np.uint16), scene()[..., :1]):
        with pytest.raises(ValueError, match="against"):
            measure(name, scene(), other)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        measure(name, scene() / 255, scene() / 255)


def test_unknown_names_are_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"'vmaf'.*psnr, ms-ssim"):
        named(["psnr", "vmaf"])


def test_what_is_missing_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    monkeypatch.delitem(sys.modules, "nic_cli.metrics.ssimulacra2", raising=False)
    with pytest.raises(UsageError, match=re.escape(adding("bench"))):
        named(["ssimulacra2"])
    monkeypatch.delenv(SQUEEZENET, raising=False)
    with pytest.raises(UsageError, match=SQUEEZENET):
        named(["perceptual"])


def test_the_table_is_read_without_torch():
    code = "import sys, nic_cli.metrics; print({'torch', 'scipy', 'PIL'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
