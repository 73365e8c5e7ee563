"""Critics learn to tell pictures apart, pull by a set share, and are saved with the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from nic_cli.errors import UsageError
from nic_cli.train.adversary import FORMS, Adversarial, Adversary, scaled
from nic_cli.train.critics import CRITICS
from nic_cli.train.distributed import ProcessGroup
from nic_cli.train.loop import Loop
from nic_cli.train.projected import STAGES, Backbone
from nic_cli.train.recipe import Phase, Recipe

from .test_training import TINY, pictures, ready, recipe

__all__ = ["pictures", "recipe"]  # fixtures

LATENT = 24


def players(**changed):
    torch.manual_seed(0)
    given = replace(Adversarial(alone=0, ramp=0, share=(1.0,), rate=1e-3), **changed)
    return Adversary(given, LATENT, 6.0, ProcessGroup())


@pytest.fixture
def batch():
    """Noise for real pictures, flat grey for reconstructions."""
    torch.manual_seed(1)
    real = (0.5 + 0.2 * torch.randn(2, 32, 32, 3)).clamp(0, 1)
    return torch.full_like(real, 0.5), real, torch.tensor([1.0, 4.0]), torch.randn(2, LATENT, 2, 2)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A state dict of EfficientNet-Lite0's shape, at random."""
    torch.manual_seed(2)
    state = {}

    def add(name, norm, shape):
        state[f"{name}.weight"] = torch.randn(shape) * (2 / (shape[1] * shape[2] ** 2)) ** 0.5
        state.update(
            {
                f"{norm}.weight": 1 + 0.1 * torch.randn(shape[0]),
                f"{norm}.bias": 0.1 * torch.randn(shape[0]),
            }
        )
        state[f"{norm}.running_mean"] = 0.1 * torch.randn(shape[0])
        state[f"{norm}.running_var"] = 0.5 + torch.rand(shape[0])

    add("_conv_stem", "_bn0", (32, 3, 3, 3))
    inputs, index = 32, 0
    for kernel, _, expansion, outputs, count in STAGES:
        for _ in range(count):
            name, wide = f"_blocks.{index}", inputs * expansion
            if expansion > 1:
                add(f"{name}._expand_conv", f"{name}._bn0", (wide, inputs, 1, 1))
            add(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel))
            add(f"{name}._project_conv", f"{name}._bn2", (outputs, wide, 1, 1))
            inputs, index = outputs, index + 1
    path = tmp_path_factory.mktemp("backbone") / "lite0.safetensors"
    save_file(state, path)
    return path


def test_the_backbone_is_its_network_unfolded(backbone):
    state = load_file(backbone)

    def same(h, name, norm, stride, groups=1):
        weight, sides = state[f"{name}.weight"], []
        for size in (h.shape[3], h.shape[2]):
            odd = weight.shape[2] - stride if size % stride == 0 else weight.shape[2] - size % stride
            sides += [max(odd, 0) // 2, max(odd, 0) - max(odd, 0) // 2]
        h = F.conv2d(F.pad(h, sides), weight, None, stride, groups=groups)
        stats = (state[f"{norm}.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(h, *stats, eps=1e-3)

    x = torch.rand(1, 3, 65, 96)
    h, taps, index = F.relu6(same(2 * (x * 255 - 127) / 256, "_conv_stem", "_bn0", 2)), [], 0
    for _, first, expansion, _, count in STAGES:
        for at in range(count):
            name, before, stride = f"_blocks.{index}", h, first if at == 0 else 1
            if expansion > 1:
                h = F.relu6(same(h, f"{name}._expand_conv", f"{name}._bn0", 1))
            h = F.relu6(same(h, f"{name}._depthwise_conv", f"{name}._bn1", stride, h.shape[1]))
            h = same(h, f"{name}._project_conv", f"{name}._bn2", 1)
            h, index = (h + before if at else h), index + 1
        taps.append(h)
    for found, wanted in zip(Backbone(backbone, "cpu")(x), (taps[i] for i in (1, 2, 4, 6)), strict=True):
        assert torch.allclose(found, wanted, atol=1e-3 * float(wanted.abs().max()))


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("form", FORMS)
def test_a_critic_learns_to_tell_noise_from_grey(batch, critic, form, backbone):
    game = players(critics=(critic,), form=form, backbone=str(backbone))
    gaps = [float(game.learn(*batch, 1.0)["gap"]) for _ in range(25)]
    assert gaps[-1] > gaps[0] + 0.1


def test_a_step_along_its_pull_looks_more_real_to_a_critic(batch):
    found, wanted, q, y = batch
    game = players(critics=("patch", "grain"), matching=0.1)
    for _ in range(25):
        game.learn(*batch, 1.0)

    def gap(picture):
        game.optimiser.param_groups[0]["lr"] = 0.0
        return float(game.learn(picture, wanted, q, y, 0.0)["gap"])

    pull = game.pull(found, wanted, q, y)
    assert gap(found - 0.05 * pull / pull.abs().max()) < gap(found)


def test_a_pull_has_its_share_of_each_samples_gradient():
    pull, gradient = torch.randn(3, 8, 8, 3), torch.tensor([1.0, 10.0, 0.0])[:, None, None, None]
    gradient = gradient * torch.randn(3, 8, 8, 3)
    lengths = [x.flatten(1).norm(dim=1) for x in (scaled(pull, gradient, 0.3), gradient)]
    assert torch.allclose(lengths[0], 0.3 * lengths[1])


def test_the_share_waits_then_rises_and_follows_realism(batch):
    game = players(alone=2, ramp=2, share=(0.0, 0.0, 0.6))
    shares = []
    for _ in range(6):
        shares.append(round(game.share(1.0), 3))
        game.learn(*batch, 1.0)
    assert shares == [0, 0, 0, 0.3, 0.6, 0.6]
    assert game.share(0.5) == 0 and game.share(0.75) == pytest.approx(0.3)


def test_frozen_layers_stay_and_critics_can_come_from_a_file(batch, tmp_path):
    one = players()
    for _ in range(3):
        one.learn(*batch, 1.0)
    path = tmp_path / "critics.safetensors"
    save_file({n: t.contiguous() for n, t in one.critics.state_dict().items()}, path)
    two = players(init=str(path), frozen=2)
    before = {n: p.detach().clone() for n, p in two.critics.named_parameters()}
    two.learn(*batch, 1.0)
    moved = {n for n, p in two.critics.named_parameters() if not torch.equal(p, before[n])}
    assert not any(".layers.0." in n or ".layers.1." in n for n in moved)
    assert any(".head." in n for n in moved)
    with pytest.raises(UsageError, match="not those"):
        players(init=str(path), critics=("grain",))


def test_what_the_projected_critic_looks_through_stays_as_it_was_and_is_not_saved(batch, backbone):
    game = players(critics=("projected",), backbone=str(backbone))
    weights = [t.clone() for layers in game.critics["projected"].backbone.layers for t, *_ in layers]
    mixing = {n: t.clone() for n, t in game.critics.state_dict().items() if "within" in n or "across" in n}
    game.learn(*batch, 1.0)
    after = [t for layers in game.critics["projected"].backbone.layers for t, *_ in layers]
    assert mixing and all(torch.equal(t, game.critics.state_dict()[n]) for n, t in mixing.items())
    assert all(torch.equal(a, b) for a, b in zip(weights, after, strict=True))
    assert sum(t.numel() for t in game.critics.state_dict().values()) < 500_000


def test_a_file_that_is_no_backbone_is_refused(tmp_path):
    save_file({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(UsageError, match="not the weights of EfficientNet-Lite0"):
        players(critics=("projected",), backbone=str(tmp_path / "x.safetensors"))


def test_a_penalty_on_slopes_flattens_the_critic(batch):
    """R1 (Mescheder et al., ICML 2018)."""
    gaps = []
    for r1 in (0.0, 100.0):
        game = players(r1=r1)
        gaps.append([float(game.learn(*batch, 1.0)["gap"]) for _ in range(25)][-1])
    assert abs(gaps[1]) < 0.5 * abs(gaps[0])


def test_a_game_stopped_and_resumed_goes_on_exactly(recipe, tmp_path):
    given = Adversarial(critics=("context", "grain"), share=(0.5, 0.5), alone=1, ramp=2)
    phase = Phase("game", steps=5, train=("synthesis",), realism=(0.0, 1.0), adversarial=given)
    recipe = replace(recipe, phases=(phase,))
    whole = Loop(ready(recipe), tmp_path / "whole", lambda line: None)
    whole.run()
    first = Loop(ready(recipe), tmp_path / "parts", lambda line: None)
    step = first.task.step

    def stopping(*given):
        first.stopped = first.steps == 2
        return step(*given)

    first.task.step = stopping
    first.run()
    second = Loop(ready(recipe), tmp_path / "parts", lambda line: None)
    second.resume(tmp_path / "none")
    assert second.run() and second.task.adversary is not None
    for name, tensor in whole.task.state().items():
        assert torch.equal(tensor, second.task.state()[name]), name
    again = replace(given, init=str(tmp_path / "whole" / "critics.safetensors"))
    known = Adversary(again, LATENT, 6.0, ProcessGroup()).critics.state_dict()
    assert all(torch.equal(t, known[n]) for n, t in whole.task.adversary.critics.state_dict().items())


@pytest.mark.parametrize(
    ("text", "words"),
    [('critics = ["eye"]', "eye"), ('form = "boxing"', "boxing"), ("share = [-1]", "0 or more"),
     ("x = 1", "'x'")],
)  # fmt: skip
def test_a_wrong_game_is_refused(tmp_path, text, words):
    (tmp_path / "r.toml").write_text(f"{TINY}[[phase]]\n[phase.adversarial]\n{text}\n")
    with pytest.raises(UsageError, match=words):
        Recipe.read(tmp_path / "r.toml")
