"""Metrics of looks by programs and packages of others: as stand-ins and, where they are there, in person."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
import textwrap
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nic_cli.bench.plot import Quantity
from nic_cli.errors import NicError, UsageError
from nic_cli.losses.perceptual import Distance, Perceptual
from nic_cli.manual import blocks, source
from nic_cli.metrics import METRICS, named
from nic_cli.metrics.optional import ALEXNET
from nic_cli.metrics.st_lpips import ShiftTolerant
from tests.metrics.test_metrics import grey, jpeg, measure, scene

LUMA = ("nlpd", "octaves", "spectrum", "peak")
program = pytest.mark.skipif(sys.platform == "win32", reason="a script on the PATH")

# Prints what it was given and, as its 3-norm, the mean difference, as libjxl's program prints it.
STAND_IN = """\
#!{python}
import sys
def read(path):
    magic, size, top, data = open(path, "rb").read().split(b"\\n", 3)
    width, height = map(int, size.split())
    deep, planes = int(top) > 255, 3 if magic == b"P6" else 1
    values = [int.from_bytes(data[i : i + 1 + deep], "big") for i in range(0, len(data), 1 + deep)]
    assert len(values) == width * height * planes
    return [value / int(top) for value in values]
a, b = map(read, sys.argv[1:3])
assert sys.argv[3:] == ["--intensity_target", "80", "--pnorm", "3"], sys.argv
apart = [abs(x - y) for x, y in zip(a, b, strict=True)]
print(f"{{max(apart):.10f}}\\n3-norm: {{sum(apart) / len(apart):f}}")
print("sRGB is assumed", file=sys.stderr)
"""


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Put a program of this text on the PATH, alone there."""

    def put(text):
        path = tmp_path / "bin" / "butteraugli_main"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(python=sys.executable))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent))

    return put


def test_every_metric_says_what_it_is_blind_to_and_the_manual_has_it_all():
    items = [" ".join(block) for block in blocks(source("comparing"))]
    for name, m in METRICS.items():
        direction = Quantity(name, m.title, m.unit, m.higher_is_better, m.best).direction
        (item,) = [item for item in items if item.startswith(f"- `{name}`: ")]
        assert m.span and m.blind
        assert item.endswith(f" Values: {m.span}; {direction}. Blind to: {m.blind}.")


@pytest.mark.parametrize("name", LUMA)
def test_metrics_of_luma_alone_see_no_change_of_colour(name):
    wanted = np.clip(scene(), 40, 215)
    found = (wanted + np.array([15, -9, 7])).astype(np.uint8)  # of no luma, BT.601
    best = measure(name, wanted, wanted)
    assert measure(name, wanted, found) == pytest.approx(best, abs=1e-4)
    assert measure("psnr", wanted, found) < 30


def test_haarpsi_does_not_see_grain_of_single_pixels():
    wanted = np.clip(scene(), 20, 235)
    down, across = np.mgrid[:256, :320]
    grain = (10 * (-1) ** (down + across))[..., None]
    found = (wanted + grain).astype(np.uint8)
    assert measure("haarpsi", wanted, found) == pytest.approx(1, abs=1e-6)
    assert measure("haarpsi", wanted, jpeg(wanted, 50)) < 0.99  # though fewer levels are off


def test_ms_ssim_hardly_sees_a_shift_of_brightness():
    wanted = np.clip(scene(), 0, 240)
    assert measure("ms-ssim", wanted, wanted + 10) > 0.999 > measure("ms-ssim", wanted, jpeg(wanted, 80))


@pytest.mark.parametrize("name", ["psnr", "ssimulacra2"])
def test_the_same_grain_elsewhere_costs_more_than_its_loss(name):
    if name == "ssimulacra2":
        pytest.importorskip("ssimulacra2")
    rng = np.random.default_rng(1)
    wanted, other = (rng.normal(128, 20, (256, 256, 1)).round().clip(0, 255).astype(np.uint8) for _ in "ab")
    assert measure(name, wanted, other) < measure(name, wanted, np.full_like(wanted, 128))


# Butteraugli.


@program
@pytest.mark.parametrize("kind", ["colour", "grey"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_butteraugli_gives_the_program_both_pictures_and_reads_its_3_norm(on_path, kind, dtype):
    on_path(STAND_IN)
    wanted, found = scene(24, 17), jpeg(scene(24, 17), 30)
    if kind == "grey":
        wanted, found = grey(wanted), grey(found)
    scale = np.iinfo(dtype).max // 255
    a, b = (x.astype(dtype) * dtype(scale) for x in (wanted, found))
    expected = np.abs(wanted.astype(float) - found).mean() / 255
    assert measure("butteraugli", a, b) == pytest.approx(expected, abs=1e-6)
    assert measure("butteraugli", a, a) == 0


@program
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!{python}\nimport sys\nsys.exit('first\\nno such format')", "no such format"),
        ("#!{python}\nprint('0.5')", "0.5"),
        ("#!{python}\nraise SystemExit(3)", "code 3"),
    ],
)
def test_a_butteraugli_that_fails_is_told_in_one_line(on_path, text, words):
    on_path(text)
    with pytest.raises(NicError, match=re.escape(words)) as caught:
        measure("butteraugli", scene(), scene())
    assert "\n" not in str(caught.value) and "butteraugli_main: gave no 3-norm" in str(caught.value)


def test_butteraugli_is_refused_where_the_program_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="libjxl-devtools"):
        named(["butteraugli"])


@program
def test_butteraugli_has_no_value_of_what_the_program_calls_equal_for_its_size(on_path):
    on_path("#!{python}\nprint('0.0000000000\\n3-norm: 0.000000')")
    assert math.isnan(measure("butteraugli", scene(7, 40), jpeg(scene(7, 40), 5)))
    assert measure("butteraugli", scene(8, 40), jpeg(scene(8, 40), 5)) == 0  # the control: it was asked


@pytest.mark.skipif(shutil.which("butteraugli_main") is None, reason="apt install libjxl-devtools")
def test_butteraugli_is_that_of_the_program_called_by_hand_on_png(tmp_path):
    values = [0.0]
    for quality in (95, 60, 20, 4):
        found = jpeg(scene(), quality)
        for name, picture in (("a", scene()), ("b", found)):
            Image.fromarray(picture).save(tmp_path / f"{name}.png")
        by_hand = subprocess.run(
            ["butteraugli_main", tmp_path / "a.png", tmp_path / "b.png"], capture_output=True, text=True
        )
        values.append(measure("butteraugli", scene(), found))
        assert f"3-norm: {values[-1]:f}" in by_hand.stdout
    assert values == sorted(set(values)) and measure("butteraugli", scene(), scene()) == 0
    assert measure("butteraugli", grey(scene()), grey(scene())) == 0


# ColorVideoVDP.


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make this text the package pycvvdp."""

    def put(text):
        for name in ("pycvvdp", "nic_cli.metrics.cvvdp"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / "pycvvdp.py").write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(tmp_path)

    yield put
    sys.modules.pop("nic_cli.metrics.cvvdp", None)
    sys.modules.pop("pycvvdp", None)


def test_cvvdp_gives_the_package_what_was_found_first_in_colours_and_on_its_display(package):
    package("""
        import numpy as np
        class cvvdp:
            def __init__(self, display_name, device):
                assert display_name == "standard_fhd" and device.type == "cpu"
            def predict(self, test, reference, dim_order):
                assert dim_order == "HWC" and test.shape[2] == 3 and test.shape == reference.shape
                assert test.flags.c_contiguous and test.dtype == reference.dtype
                return 10 - np.mean(test.astype(float) - reference), {}
    """)
    wanted = np.full((20, 30, 1), 100, np.uint8)
    assert measure("cvvdp", wanted, wanted + 3) == 7
    deep = wanted.astype(np.uint16)
    assert measure("cvvdp", deep, deep + 3) == 7
    assert math.isnan(measure("cvvdp", wanted[:15], wanted[:15]))


@pytest.mark.parametrize(
    "text", ["raise ImportError('no einops')", "raise RuntimeError('nms does not exist')"]
)
def test_a_cvvdp_that_cannot_be_loaded_is_told_in_one_line(package, text):
    package(text)
    with pytest.raises(UsageError, match=r"pip install cvvdp \(n") as caught:
        named(["cvvdp"])
    assert "\n" not in str(caught.value)


def test_cvvdp_is_that_of_the_package():
    try:
        import pycvvdp
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"pip install cvvdp: {error}")
    by_hand = pycvvdp.cvvdp(display_name="standard_fhd", device=torch.device("cpu"))
    values = [10.0]
    for quality in (90, 40, 10):
        found = jpeg(scene(), quality)
        values.append(measure("cvvdp", scene(), found))
        assert values[-1] == float(by_hand.predict(found, scene(), dim_order="HWC")[0])
    assert values == sorted(set(values), reverse=True) and measure("cvvdp", scene(), scene()) == 10
    dark = (scene() * 0.85).round().astype(np.uint8)
    assert measure("cvvdp", scene(), dark) > values[1] and measure("psnr", scene(), dark) < 25


# Networks.


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """Random weights in the shapes of ST-LPIPS on VGG 16."""
    chance, tensors, inputs = torch.Generator().manual_seed(5), {}, 3
    slices = {1: (64, (0, 2)), 2: (128, (6, 8)), 3: (256, (12, 14, 16)), 4: (512, (20, 22, 24))}
    for index, (width, layers) in {**slices, 5: (512, (28, 30, 32))}.items():
        for layer in layers:
            name, spread = f"net.slice{index}.{layer}", (2 / (9 * inputs)) ** 0.5
            tensors[f"{name}.weight"] = torch.randn(width, inputs, 3, 3, generator=chance) * spread
            tensors[f"{name}.bias"], inputs = torch.zeros(width), width
        tensors[f"lin{index - 1}.model.1.weight"] = torch.rand(1, width, 1, 1, generator=chance) / width
    path = tmp_path_factory.mktemp("vgg") / "vgg.pth"
    torch.save(tensors, path)
    return str(path)


def test_st_lpips_is_the_distance_that_a_training_would_judge_by(vgg):
    metric, distance = ShiftTolerant(vgg), Distance(Perceptual("vgg", vgg), "cpu")
    wanted = scene(64, 80)
    values = [metric(wanted, jpeg(wanted, quality)) for quality in (95, 50, 5)]
    for value, quality in zip(values, (95, 50, 5), strict=True):
        a, b = (torch.tensor(x)[None] / 255 for x in (wanted, jpeg(wanted, quality)))
        assert value == pytest.approx(float(distance(b, a)), rel=1e-5)
    assert 0 == metric(wanted, wanted) < values[0] < values[1] < values[2]
    repeated = metric(*(np.repeat(grey(x), 3, 2) for x in (wanted, jpeg(wanted, 50))))
    assert metric(grey(wanted), grey(jpeg(wanted, 50))) == pytest.approx(repeated, rel=1e-5)
    assert math.isnan(metric(wanted[:47], wanted[:47]))


def test_st_lpips_bears_a_shift_that_others_do_not():
    try:
        metric = ShiftTolerant()
    except UsageError as error:
        pytest.skip(str(error))
    wanted, shifted = scene(96, 96), scene(97, 96)[1:]
    assert metric(wanted, shifted) < metric(wanted, jpeg(wanted, 60))
    assert measure("psnr", wanted, shifted) < measure("psnr", wanted, jpeg(wanted, 60))


def test_without_its_package_st_lpips_is_refused(monkeypatch):
    monkeypatch.setattr("nic_cli.losses.perceptual.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install --no-deps stlpips-pytorch"):
        named(["st-lpips"])


@pytest.fixture
def alexnet(tmp_path, monkeypatch):
    """AlexNet with random weights in a file as torchvision names them, and a package with random heads."""
    torch.manual_seed(2)
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2)]
    layers += [nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU()]
    layers += [nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU()]
    net = nn.Sequential(*layers)
    heads = {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate((64, 192, 384, 256, 256))}
    (tmp_path / "lpips" / "weights" / "v0.1").mkdir(parents=True)
    (tmp_path / "lpips" / "__init__.py").write_text("import torchvision_is_not_here")
    torch.save(heads, tmp_path / "lpips" / "weights" / "v0.1" / "alex.pth")
    torch.save({f"features.{name}": t for name, t in net.state_dict().items()}, tmp_path / "alexnet.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    monkeypatch.setenv(ALEXNET, str(tmp_path / "alexnet.pth"))
    return net, list(heads.values())


@pytest.mark.parametrize("shape", [(64, 64), (75, 98), (32, 33)])
def test_lpips_is_what_its_definition_gives(alexnet, shape):
    net, heads = alexnet
    wanted, found = scene(*shape), jpeg(scene(*shape), 20)
    mean, spread = (torch.tensor(v)[:, None, None] for v in ((-0.03, -0.088, -0.188), (0.458, 0.448, 0.45)))
    both = torch.stack([torch.tensor(x).permute(2, 0, 1) / 127.5 - 1 for x in (wanted, found)])
    seen, total = (both - mean) / spread, 0.0
    taps = iter(heads)
    with torch.no_grad():
        for layer in net:
            seen = layer(seen)
            if isinstance(layer, nn.ReLU):
                unit = seen / seen.norm(dim=1, keepdim=True)
                total += float(((unit[0] - unit[1]).square() * next(taps)[0]).sum(0).nanmean())
    assert measure("lpips", wanted, found) == pytest.approx(total, rel=1e-3)
    assert measure("lpips", wanted, wanted) == 0
    assert measure("lpips", grey(wanted), grey(found)) == pytest.approx(
        measure("lpips", np.repeat(grey(wanted), 3, 2), np.repeat(grey(found), 3, 2)), rel=1e-5
    )


def test_less_quality_is_more_lpips_and_too_small_is_none(alexnet):
    values = [measure("lpips", scene(), jpeg(scene(), quality)) for quality in (95, 70, 30, 5)]
    assert all(a < b for a, b in pairwise(values))
    assert math.isnan(measure("lpips", scene(31, 40), scene(31, 40)))


def test_what_lpips_misses_is_said_in_one_line(alexnet, monkeypatch, tmp_path):
    (tmp_path / "other.pth").write_bytes((tmp_path / "lpips/weights/v0.1/alex.pth").read_bytes())
    monkeypatch.setenv(ALEXNET, str(tmp_path / "other.pth"))
    with pytest.raises(UsageError, match=r"not the weights of AlexNet.*features\.0"):
        named(["lpips"])
    monkeypatch.setattr("nic_cli.metrics.lpips.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install --no-deps lpips"):
        named(["lpips"])
    monkeypatch.delenv(ALEXNET)
    with pytest.raises(UsageError, match=ALEXNET):
        named(["lpips"])
