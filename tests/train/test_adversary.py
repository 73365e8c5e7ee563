"""Critics learn to tell pictures apart, pull by a set share, and are saved with the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from nic_cli.errors import UsageError
from nic_cli.train.adversary import FORMS, Adversarial, Adversary, scaled
from nic_cli.train.critics import CRITICS
from nic_cli.train.loop import Loop
from nic_cli.train.recipe import Phase, Recipe
from nic_cli.train.team import Team

from .test_training import TINY, pictures, ready, recipe

__all__ = ["pictures", "recipe"]  # fixtures

LATENT = 24


def players(**changed):
    torch.manual_seed(0)
    given = replace(Adversarial(alone=0, ramp=0, share=(1.0,), rate=1e-3), **changed)
    return Adversary(given, LATENT, 6.0, Team())


@pytest.fixture
def batch():
    """Noise for real pictures, flat grey for reconstructions."""
    torch.manual_seed(1)
    real = (0.5 + 0.2 * torch.randn(2, 32, 32, 3)).clamp(0, 1)
    return torch.full_like(real, 0.5), real, torch.tensor([1.0, 4.0]), torch.randn(2, LATENT, 2, 2)


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("form", FORMS)
def test_a_critic_learns_to_tell_noise_from_grey(batch, critic, form):
    game = players(critics=(critic,), form=form)
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
    second.resume()
    assert second.run() and second.task.adversary is not None
    for name, tensor in whole.task.state().items():
        assert torch.equal(tensor, second.task.state()[name]), name
    again = replace(given, init=str(tmp_path / "whole" / "critics.safetensors"))
    known = Adversary(again, LATENT, 6.0, Team()).critics.state_dict()
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
