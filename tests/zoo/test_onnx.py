"""`nic models export --onnx`: what ONNX Runtime makes of the graphs is what torch makes of the networks."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nic_cli.errors import OutputExists
from nic_cli.extras import adding
from nic_cli.train.export import coding_tables
from nic_cli.transform.context_model import phase_of
from nic_cli.transform.layer_order import PHASES
from nic_cli.transform.native import Native, filled
from nic_cli.transform.network import Network
from nic_cli.zoo import directories
from nic_cli.zoo.model_folder import read_folder, write_folder
from tests import reference
from tests.golden import V1, model_of
from tests.golden.pictures import drawn

from ..cli.conftest import python
from .conftest import refused, tiny_network

WHY = "the package {0} is not here: pip install '.[test]'"
onnx = pytest.importorskip("onnx", reason=WHY.format("onnx"))
onnxruntime = pytest.importorskip("onnxruntime", reason=WHY.format("onnxruntime"))

from nic_cli.zoo.onnx_export import export  # noqa: E402
from tests import onnx_example  # noqa: E402

GRAPHS = {"analysis", "hyper_analysis", "scales", "hyper_synthesis", "synthesis"}
GRAPHS |= {f"context_{phase}" for phase in range(4)}
FILES = {f"{name}.onnx" for name in GRAPHS} | {"README.md", "tables.npz"}
SIZES = ((64, 128), (192, 64))
DIALS = ((0, 0, 1), (1.37, 0.3, 0.3), (6, 1, 0.8))  # q, b of the file, b that is shown


class Exported:
    """A model: its parts, its network in torch, and its graphs in ONNX Runtime."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.folder, self.parts = folder, read_folder(model)
        export(model, folder, "mit")
        self.network = filled(self.parts.config, self.parts.floats).eval().requires_grad_(False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.graphs = {
            path.stem: onnxruntime.InferenceSession(path, options) for path in folder.glob("*.onnx")
        }

    def run(self, name: str, **given: np.ndarray | torch.Tensor) -> np.ndarray:
        return self.graphs[name].run(None, {key: np.asarray(value) for key, value in given.items()})[0]

    def compare(self, name: str, wanted: torch.Tensor, **given: np.ndarray | torch.Tensor) -> None:
        """To 1e-5, of the largest value where that is over 1."""
        found, wanted = self.run(name, **given), wanted.numpy()
        assert found.shape == wanted.shape and found.dtype == np.float32
        assert np.abs(found - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max()), name


@pytest.fixture(scope="module")
def lively(tmp_path_factory):
    """A tiny model that has all that a model can have, with no weight left at zero."""
    network = Network(replace(tiny_network(1).config, realism_rank=3, noise=8)).requires_grad_(False)
    for p in network.parameters():
        p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    folder = tmp_path_factory.mktemp("lively")
    write_folder(folder / "model", network, coding_tables(network))
    return Exported(folder / "model", folder / "onnx")


@pytest.fixture(scope="module")
def plain(tiny, tmp_path_factory):
    """One without updates and noise, and its graphs."""
    folder = tmp_path_factory.mktemp("plain")
    for name, data in tiny.items():
        (folder / name).write_bytes(data)
    return Exported(folder, folder / "onnx")


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    return Exported(directories.embedded("iris"), tmp_path_factory.mktemp("iris") / "onnx")


def check_all(model: Exported, size: tuple[int, int], dials: tuple[float, float, float]) -> None:
    """Every graph against its network, each with what the network before it gives."""
    generator = torch.Generator().manual_seed(round(1000 * sum(dials)))
    network, (h, w) = model.network, (side // 16 for side in size)
    q, made, shown = (torch.tensor([float(dial)]) for dial in dials)
    inward, outward = network.gains(q, made)
    pixels = torch.rand(1, *size, 3, generator=generator)
    y = network.analysis(pixels - 0.5, made) * inward
    model.compare("analysis", y, pixels=pixels, q=q, b=made)
    z = network.hyper_analysis(y)
    model.compare("hyper_analysis", z, y=y)
    z = z.round().clamp(-127, 127)
    for any_z in (z, torch.randint(-127, 128, z.shape, generator=generator).float()):
        tables = model.run("scales", z=any_z, q=q)
        assert tables.dtype == np.int32
        assert np.array_equal(tables[0], model.parts.integers(any_z[0].numpy().astype(np.int32), dials[0]))
    features = network.hyper_synthesis(z, q)
    model.compare("hyper_synthesis", features, z=z, q=q)
    before: list[torch.Tensor] = []
    for phase, step in enumerate(network.context.steps):
        means = step(phase_of(features, phase), before)
        seen = {"before": torch.cat(before, 3)} if before else {}
        model.compare(f"context_{phase}", means, features=features, **seen)
        before.append(means + torch.randn(means.shape, generator=generator).round())
    latents = 2 * torch.randn(1, h, w, model.parts.config.latent, generator=generator)
    noise, given = None, {}
    if model.parts.config.noise:
        words = torch.randint(-128, 128, (1, 2 * h, 2 * w, 189), generator=generator, dtype=torch.int8)
        noise, given = ((words + 0.5) / (65535 / 12) ** 0.5, q), {"noise": words}
    x = network.synthesis(latents * outward, made, shown, noise=noise) + 0.5
    model.compare("synthesis", x, latents=latents, q=q, b_made=made, b_shown=shown, **given)


@pytest.mark.parametrize("dials", DIALS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["plain", "lively"])
def test_every_graph_is_its_network_at_any_size_rate_and_realism(kind, size, dials, request):
    check_all(request.getfixturevalue(kind), size, dials)


def test_and_so_are_those_of_the_embedded_model(iris):
    check_all(iris, (128, 64), (2.625, 0.75, 0.9))


def test_the_tables_of_residuals_are_right_at_every_step_of_q(lively):
    z = np.random.default_rng(0).integers(-127, 128, (1, 1, 1, 8)).astype(np.float32)
    for units in (*range(0, 24577, 997), 2047, 2048, 2049, 24576):
        q = np.float32([units / 4096])
        found = lively.run("scales", z=z, q=q)[0]
        assert np.array_equal(found, lively.parts.integers(z[0].astype(np.int32), units / 4096)), units


def test_symbols_of_the_encoder_are_those_of_nic(iris):
    """But for a residual that lies between two integers, which may fall on either side."""
    q, b = 2.25, 0.6
    pixels = drawn(64, 128)[None].astype(np.float32) / 255
    dials = {"q": np.float32([q]), "b": np.float32([b])}
    y = iris.run("analysis", pixels=pixels, **dials)
    z = np.clip(np.rint(iris.run("hyper_analysis", y=y)), -127, 127)
    tables = iris.run("scales", z=z, q=dials["q"])
    features = iris.run("hyper_synthesis", z=z, q=dials["q"])
    r, before = np.zeros(y.shape), np.zeros((1, *phase_of(y, 0).shape[1:3], 0), np.float32)
    for phase, (i, j) in enumerate(PHASES):
        means = iris.run(f"context_{phase}", features=features, **({"before": before} if phase else {}))
        there = np.rint(phase_of(y, phase) - means) * (phase_of(tables, phase) >= iris.parts.config.skip)
        r[:, i::2, j::2] = there
        before = np.concatenate((before, means + there), 3, dtype=np.float32)
    native = Native(filled(iris.parts.config, iris.parts.floats), iris.parts.integers, "cpu")
    (latents,) = native.analyse([pixels[0]], q, b)
    wanted = native.quantise(latents, q, b)
    assert np.array_equal(z[0], wanted.z)
    assert (r[0] != wanted.r).mean() < 1e-3 and np.abs(r[0] - wanted.r).max() <= 1 and np.abs(r).max() > 3


def test_noise_is_heard_over_one_half_alone(lively):
    """Control."""
    latents, words = np.ones((1, 4, 4, 24), np.float32), np.full((1, 8, 8, 189), 100, np.int8)
    for b, heard in ((0.5, False), (0.75, True)):
        dials = {"q": np.float32([1]), "b_made": np.float32([0.5]), "b_shown": np.float32([b])}
        loud, silent = (
            lively.run("synthesis", latents=latents, noise=n, **dials) for n in (words, words * 0)
        )
        assert (np.abs(loud - silent).max() > 1e-3) == heard


@pytest.mark.parametrize(
    ("name", "of", "b"),
    [("tiles", "iris", 0.8), ("grey-of-16-bits", "iris", None), ("another-model", "tiny", 0.2)],
)
def test_the_example_decodes_what_the_second_decoder_does(name, of, b, iris, tmp_path):
    folder, data = iris.folder, (V1 / f"{name}.nic").read_bytes()
    if of != "iris":
        folder = tmp_path / "onnx"
        export(model_of(of), folder, None)
    wanted, _ = reference.decode(data, model_of(of), b)
    found = onnx_example.decode(data, folder, b)
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1
    if of != "iris":
        with pytest.raises(ValueError, match="another model"):
            onnx_example.decode(data, iris.folder)


def test_parts_that_overlap_as_the_page_says_are_the_whole(iris):
    reach, cut = iris.parts.config.reach, 4
    assert f"depend on {reach} latents" in (iris.folder / "README.md").read_text()
    generator = np.random.default_rng(0)
    latents = generator.standard_normal((1, 4, cut + reach + 4, 256), np.float32)
    noise = generator.integers(-128, 128, (1, 8, 2 * latents.shape[2], 189), np.int8)
    dials = {"q": np.float32([2]), "b_made": np.float32([0.7]), "b_shown": np.float32([0.9])}
    whole = iris.run("synthesis", latents=latents, noise=noise, **dials)
    room = cut + reach
    part = iris.run("synthesis", latents=latents[:, :, :room], noise=noise[:, :, : 2 * room], **dials)
    apart = np.abs(whole[:, :, : 16 * room] - part).max((0, 1, 3))
    assert apart[: 16 * cut].max() < 1e-5 < apart[16 * cut :].max()


def test_the_example_writes_a_png(iris, tmp_path):
    out, file = tmp_path / "p.png", V1 / "no-tile-cut.nic"
    code = "import runpy; runpy.run_module('tests.onnx_example', run_name='__main__')"
    assert python(code, file, iris.folder, out).returncode == 0
    assert reference.png.read(out.read_bytes()).shape == (64, 64, 3)


def test_the_page_says_what_the_graphs_take_and_give(lively):
    page = (lively.folder / "README.md").read_text()
    assert {path.name for path in lively.folder.iterdir()} == FILES
    assert f"id {lively.parts.id.hex()}" in page and "Licence of the weights: mit" in page
    for name, graph in lively.graphs.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}.onnx`"))
        _, _, takes, gives, _ = line.split("|")
        for ports, said in ((graph.get_inputs(), takes), (graph.get_outputs(), gives)):
            kinds = {"tensor(float)": "", "tensor(int32)": " int32", "tensor(int8)": " int8"}
            wanted = [f"`{p.name}`{kinds[p.type]} [{', '.join(map(str, p.shape))}]" for p in ports]
            assert said.strip() == ", ".join(wanted)
        about = graph.get_modelmeta().custom_metadata_map
        assert about == {"model": "tiny", "id": lively.parts.id.hex(), "licence": "mit"}


def test_weights_stay_as_small_as_they_are(iris):
    size = sum(path.stat().st_size for path in iris.folder.iterdir())
    assert size < 1.01 * (directories.embedded("iris") / "model.safetensors").stat().st_size


def test_an_export_says_what_it_wrote(nic, tiny_folder, tiny_id):
    done = nic("models", "export", tiny_folder, "--onnx", "out/", "--json")
    said = json.loads(done.out)
    assert (said["name"], said["id"], said["licence"]) == ("tiny", tiny_id, "cc-by-4.0")
    sizes = {path.name: path.stat().st_size for path in Path("out").iterdir()}
    assert {one["name"]: one["bytes"] for one in said["files"]} == sizes and sizes.keys() == FILES
    first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    Path("out/mine").write_text("mine")
    Path("out/tables.npz").write_text("spoiled")
    refused(nic("models", "export", tiny_folder, "--onnx", "out"), 5, "out: exists; -f writes into it")
    assert nic("models", "export", tiny_folder, "--onnx", "out", "-f").code == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == {**first, "mine": b"mine"}


def test_an_empty_folder_is_as_good_as_none(nic, tiny_folder):
    Path("out").mkdir()
    assert nic("models", "export", tiny_folder, "--onnx", "out").code == 0


def test_a_failure_leaves_what_was_there(tiny_folder, tmp_path, monkeypatch):
    from nic_cli.zoo import onnx_export

    def put(path, data):
        path.write_bytes(data)
        raise OSError(28, "No space left on device")

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scales.onnx").write_text("old")
    with pytest.raises(OutputExists):
        export(tiny_folder, tmp_path / "out", None)
    monkeypatch.setattr(onnx_export, "put", put)
    with pytest.raises(Exception, match="No space left"):
        export(tiny_folder, tmp_path / "out", None, force=True)
    assert (tmp_path / "out" / "scales.onnx").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"out", "tiny-folder"}


def test_what_cannot_be_exported_is_refused_in_one_line(nic, tiny_folder, monkeypatch):
    Path("file").write_text("")
    folder = V1 / "models" / "qvrf"
    refused(nic("models", "export", folder, "--onnx", "out", "-Q"), 2, "imported model", "only native")
    refused(nic("models", "export", "nobody", "--onnx", "out", "-Q"), 4, "no model 'nobody'")
    refused(nic("models", "export", tiny_folder, "--onnx", "file", "-Q"), 2, "file: is no folder")
    refused(nic("models", "export", tiny_folder, "--onnx", tiny_folder, "-f", "-Q"), 2, "folder of a model")
    refused(nic("models", "export", tiny_folder, "-Q"), 2, "--onnx")
    weights = tiny_folder / "model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-1])
    refused(nic("models", "export", tiny_folder, "--onnx", "out", "-Q"), 4, "model.safetensors")
    weights.write_bytes(sound)
    for name in [name for name in sys.modules if name.startswith("nic_cli.transform.graphs")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(nic("models", "export", tiny_folder, "--onnx", "out", "-Q"), 2, adding("onnx"))
    assert not Path("out").exists()


def test_an_export_needs_no_torch(tiny_folder, place):
    code = (
        "import sys\nfrom nic_cli.__main__ import main\ncode = main(['models', 'export', *sys.argv[1:]])\n"
        "print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    assert python(code, tiny_folder, "--onnx", "out", "-Q").stderr.decode() == "0 False\n"
