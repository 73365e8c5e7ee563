"""One model in training, step by step, behind a small interface.

Whoever keeps the clock (`loop`, or a driver on a borrowed machine) calls `setup`, then `step`
until the time is up, and asks for `state` to go on from and `release` to ship.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from nic_cli.errors import UsageError
from nic_cli.losses.distortion import Distortion, interpolated
from nic_cli.losses.loudness import loudness
from nic_cli.losses.perceptual import Distance
from nic_cli.losses.rate import drawn_q, rate_distortion
from nic_cli.losses.spectrum import spectrum
from nic_cli.train.adversary import Adversary, Loss, scaled, slope
from nic_cli.train.data import Pool
from nic_cli.train.distributed import ProcessGroup
from nic_cli.train.export import tied
from nic_cli.train.initialisation import begun
from nic_cli.train.optim import optimisers
from nic_cli.train.recipe import Phase, Recipe
from nic_cli.transform.config import MIDDLE
from nic_cli.transform.low_rank import is_low_rank, update_share
from nic_cli.transform.network import Network


class Task:
    """A model in training. All tensors of `state` are flat by name, so any file format will do."""

    policy = (("^ema/", "fp16"), ("^adam/second/", "log8"), ("^(adam/first|muon)/", "q8"))

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.given = recipe

    def setup(self, device: str, options: dict[str, str]) -> None:
        """Build network, optimisers and data; the first phase, or the one named, begins.

        options, for a driver: recipe=PATH, data=PATH (several by ':'), phase=NAME.
        """
        recipe = self.given or Recipe.read(Path(options["recipe"]))
        if options.get("data"):
            recipe = replace(recipe, data=replace(recipe.data, paths=tuple(options["data"].split(":"))))
        self.recipe, self.optimiser = recipe, recipe.optimiser
        self.team = ProcessGroup.join(device)
        self.device = self.team.device
        seed = self.optimiser.seed
        torch.manual_seed(seed)
        self.pool = Pool(recipe.data, self.device, seed)
        self.pool.check(recipe.largest_crop)
        self.network = begun(recipe, self.pool, self.device).to(self.device)
        for phase in recipe.phases:
            _trained(self.network, phase)  # now, not in the middle of the night
        torch.manual_seed(seed + 1000 * self.team.rank)
        self.random = torch.Generator(self.device).manual_seed(seed + 1 + 1000 * self.team.rank)
        self.ema = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        self.steps = torch.zeros((), dtype=torch.long)
        self.precision = torch.bfloat16 if self.optimiser.bf16 else torch.float32
        seen = recipe.perceptual
        self.perceptual = Distance(seen, self.device, self.precision) if seen.network else None
        self.enter(_phase(recipe, options.get("phase")))

    def enter(self, phase: Phase) -> None:
        """Begin a phase: from the averaged weights, with fresh moments for the parts it trains.

        Moments forget within 20 steps, so none are kept; the phase's warm-up covers for them.
        """
        self.phase, self.distortion = phase, Distortion(phase.losses, self.perceptual)
        config, critics = self.network.config, phase.adversarial
        given = config.latent, config.q_top, self.team, self.precision
        self.adversary = Adversary(critics, *given) if critics else None
        trained: list[tuple[str, Tensor]] = []
        learning = _trained(self.network, phase)
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(self.ema[name])
                p.requires_grad_(name in learning)
                p.grad = None
                trained += [(name, p)] if p.requires_grad else []
            # Realisms that no phase has trained yet begin at the nearest one that has been.
            before = self.recipe.phases[: self.recipe.phases.index(phase)]
            if tops := [p.realism[1] for p in before if p.train != ("realism",)]:
                tied(self.network, max(tops), self.recipe.trained)
                for name, p in self.network.named_parameters():
                    self.ema[name].copy_(p)
        self.trained = dict(trained)
        ours = isinstance(self.network, Network)  # decoders of others learn by Adam, as they did
        self.muon, self.adam = optimisers(trained, ours)

    def step(self, lr_scale: float, decay_frac: float) -> dict[str, Tensor]:
        """One step at a share of the peak rates; the last part of the decay takes larger crops."""
        given = self.optimiser
        late = decay_frac > 1 - given.late_share
        batch, side = (given.late_batch, given.late_crop) if late else (given.batch, given.crop)
        made, shown = self._realisms()
        learning = self._learning(shown)
        if self.phase.apart and shown > MIDDLE:
            batch = max(batch // 2, given.accumulate)  # critics make such a step cost three of the others
        for _ in range(given.accumulate):
            parts = self._backward(batch // given.accumulate, side, made, shown, lr_scale)
        for p in learning.values():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad  # the encoder's, in a turned step
        parts["gradient"] = self._clip()
        self.muon.step(given.muon * lr_scale)
        self.adam.step(given.adam * lr_scale)
        self.steps += 1
        follow = min(given.ema, 1 - 1 / (1 + float(self.steps)))
        if self.phase.apart and shown <= MIDDLE:
            tied(self.network, MIDDLE, self.recipe.trained)  # gains and conditions over it are those at it
        averages = [self.ema[name] for name in learning]
        torch._foreach_lerp_(averages, [p.data for p in learning.values()], 1 - follow)
        return parts

    def _realisms(self) -> tuple[float, float]:
        """What this step's latents are made for, and what it shows; one team draws as one."""
        given = self.phase
        (low, high), ends = given.realism, given.ends
        if given.apart:
            above = float(torch.rand(1)) < given.apart
            low, high = (MIDDLE, high) if above else (low, MIDDLE)
            ends = (0.0, sum(ends)) if above else ends  # at the middle itself there is no update to train
        made = shown = self._realism((low, high), ends)
        if given.turned and float(torch.rand(1)) < given.turned:
            made = self._realism(given.made or given.realism, given.ends)
        made, shown = self.team.agree(made, shown)
        return made, shown

    def _learning(self, shown: float) -> dict[str, Tensor]:
        """The parameters that a step at this realism trains; the others rest, moments and all."""
        for p in self.trained.values():
            p.grad = None
        if not self.phase.apart:
            return self.trained
        above, learning = shown > MIDDLE, {}
        for name, p in self.trained.items():
            if p.requires_grad_(is_low_rank(name) == above).requires_grad:
                learning[name] = p
        return learning

    def _backward(self, batch: int, side: int, made: float, b: float, lr_scale: float) -> dict[str, Tensor]:
        """Gradients and parts of one pass; all its samples share one realism, each has its own rate."""
        x = self.pool.crops(batch, side, self.random).float() / 255
        q = drawn_q(batch, self.network.config.q_top, self.random, self.device, self.phase.rates)
        shown = x.new_tensor([b]) if b != made else None
        if b > MIDDLE and self.phase.loudness and float(torch.rand(1)) < self.phase.loudness:
            return self._louder(x, q, x.new_tensor([made]), x.new_tensor([b]))
        out = self.network(x - 0.5, q, x.new_tensor([made]), self.precision, shown)
        found = out.x + 0.5
        loss, parts = rate_distortion(found, x, out, q, self.distortion, b)
        loss = loss / self.optimiser.accumulate
        pulls = []
        if (share := interpolated(self.phase.spectrum, b)) > 0:
            pulls.append((slope(self._spectrum(x, out.y, made, b), found, x), share))
        critics = self.adversary if self.adversary is not None and self.adversary.heard(b) else None
        y = out.y.detach().permute(0, 3, 1, 2)
        if critics is not None and (share := critics.share(b)) > 0:
            wanted = self._better(x, q, made, shown) if critics.given.higher else x
            pulls.append((critics.pull(found, wanted, q, y), share))
        if pulls:
            (gradient,) = torch.autograd.grad(loss, found, retain_graph=True)
            for pull, share in pulls:
                loss = loss + (found * scaled(pull, gradient, share)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return parts if critics is None else parts | critics.learn(found.detach(), x, q, y, lr_scale)

    def _louder(self, x: Tensor, q: Tensor, made: Tensor, shown: Tensor) -> dict[str, Tensor]:
        """Gradient of what predicts the loudness of noise, and of nothing else."""
        network = cast(Network, self.network)  # a recipe for another kind has no noise
        with torch.no_grad():
            y = network(x - 0.5, q, made, self.precision, shown, noisy=False).y
        loss = loudness(network.synthesis, (y, q), (made, shown), x, self.precision)
        (loss / self.optimiser.accumulate).backward()  # type: ignore[no-untyped-call]
        return {"loss": loss.detach(), "loudness": loss.detach()}

    def _spectrum(self, x: Tensor, y: Tensor, made: float, b: float) -> Loss:
        """The loss at b: power rises evenly from what b = 0.5 shows to the original's at b = 1."""
        if not MIDDLE < b < 1 or not isinstance(self.network, Network):
            return spectrum
        with torch.no_grad():
            realisms = x.new_tensor([made]), x.new_tensor([MIDDLE])
            half = self.network.synthesis(y, *realisms, self.precision) + 0.5
        return partial(spectrum, before=half, share=float(update_share(x.new_tensor(b))))

    @torch.no_grad()
    def _better(self, x: Tensor, q: Tensor, made: float, shown: Tensor | None) -> Tensor:
        """What a picture looks like one q higher; at the top the picture itself (Iwai et al., WACV 2024)."""
        top, above = self.network.config.q_top, q + 1
        given = above.clamp(max=top), x.new_tensor([made]), self.precision, shown, False
        better = self.network(x - 0.5, *given).x + 0.5
        return torch.where((above > top)[:, None, None, None], x, better)

    @staticmethod
    def _realism(between: tuple[float, ...], ends: tuple[float, ...]) -> float:
        """A b of a range; its ends are drawn as often as the phase says, they are the anchors."""
        (low, high), (first, last) = between, ends
        share = (float(torch.rand(1)) - first) / (1 - first - last) if high > low else 0.0
        return low + (high - low) * min(max(share, 0.0), 1.0)

    def _clip(self) -> Tensor:
        """Scale all gradients to the norm limit; a gradient that is not finite becomes none at all."""
        grads = [p.grad for p in self.trained.values() if p.grad is not None]
        self.team.average(grads)
        norm: Tensor = torch.stack(torch._foreach_norm(grads)).norm()
        sound = torch.isfinite(norm)
        scale = torch.where(sound, (self.optimiser.clip / (norm + 1e-9)).clamp(max=1), 0)
        for g in grads if not bool(sound) else ():
            g.nan_to_num_(0, 0, 0)
        torch._foreach_mul_(grads, scale)
        return norm

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly."""
        weights = {f"net/{n}": p.detach() for n, p in self.network.named_parameters()}
        ema = {f"ema/{n}": t for n, t in self.ema.items()}
        random = {"random/torch": torch.get_rng_state(), "random/own": self.random.get_state()}
        critics = self.adversary.state() if self.adversary is not None else {}
        moments = {**self.muon.state(), **self.adam.state(), **critics}
        return {**weights, **ema, **moments, **random, "steps": self.steps}

    def load_state(self, state: dict[str, Any], *, moments: bool = True) -> None:
        """Take back what `state` gave in the same phase; without moments, in any."""
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(state[f"net/{name}"])
                self.ema[name].copy_(state[f"ema/{name}"])
        if moments:
            self.muon.load(state)
            self.adam.load(state)
            if self.adversary is not None:
                self.adversary.load(state)
        self.steps.copy_(state["steps"])
        if self.team.leads:
            torch.set_rng_state(state["random/torch"].cpu().to(torch.uint8))
            self.random.set_state(state["random/own"].cpu().to(torch.uint8))

    def release(self) -> dict[str, Tensor]:
        """The averaged weights, which are what ships."""
        return {name: t.clone() for name, t in self.ema.items()}

    def evaluate(self) -> dict[str, float]:
        """What the averaged weights measure on the validation pictures, from real files."""
        from nic_cli.train.validation import validate

        return validate(self.network, self.ema, self.recipe, self.device)

    def sync(self) -> None:
        """Wait for the device."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def _phase(recipe: Recipe, name: str | None) -> Phase:
    named = [phase for phase in recipe.phases if name in (None, phase.name)]
    if not named:
        raise UsageError(f"no phase is called {name!r}: {', '.join(p.name for p in recipe.phases)}")
    return named[0]


def _trained(network: torch.nn.Module, phase: Phase) -> set[str]:
    """Names of the parameters that a phase trains; UsageError for layers that there are not, or for none."""
    levels = {name: set(name.split(".")) for name, _ in network.named_parameters()}
    if unknown := set(phase.fixed).difference(*levels.values()):
        raise UsageError(f"phase {phase.name!r}: no layer is called {min(unknown)!r}")
    found = {name for name, of in levels.items() if not phase.train or of & set(phase.train)}
    found -= {name for name, of in levels.items() if of & set(phase.fixed)}
    if not found:
        raise UsageError(f"phase {phase.name!r}: fixed leaves nothing to train")
    return found


def make() -> Task:
    """What a driver calls; the recipe comes with its options."""
    return Task()
