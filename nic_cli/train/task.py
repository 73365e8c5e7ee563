"""Stage A of the plan: rate and squared error, every q from scratch, behind a small interface.

Whoever keeps the clock (`nic train`, or a driver on a borrowed machine) calls `setup`, then
`step` until the time is up, and asks for `state` to go on from and `release` to ship.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nic_cli.train.data import Pool
from nic_cli.train.losses import drawn_q, rate_distortion
from nic_cli.train.optim import Adam, Muon
from nic_cli.train.recipe import Recipe
from nic_cli.train.start import start_from_components
from nic_cli.transform.network import Network

MUON_PARTS = (".weight", ".expand", ".reduce")

# Layers whose output is pixels or latents: an orthogonal update of the full rate moves every pixel
# by a few levels at each step, a noise floor near 35 dB that everything above it learns against.
SLOW = {f"{part}.{layer}.weight": 0.1 for part in ("analysis", "synthesis") for layer in ("skip", "tail")}


class Task:
    """A model in training. All tensors of `state` are flat by name, so any file format will do."""

    policy = (("^ema/", "fp16"), ("^adam/second/", "log8"), ("^(adam/first|muon)/", "q8"))

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.recipe = recipe

    def setup(self, device: str, options: dict[str, str]) -> None:
        """Build network, optimisers and data. options: recipe=PATH, data=PATH (several by ':')."""
        if self.recipe is None:
            self.recipe = Recipe.read(Path(options["recipe"]))
        self.device, self.given = device, self.recipe.optimiser
        if options.get("data"):
            from dataclasses import replace

            data = replace(self.recipe.data, paths=tuple(options["data"].split(":")))
            self.recipe = replace(self.recipe, data=data)
        torch.manual_seed(self.given.seed)
        self.random = torch.Generator(device).manual_seed(self.given.seed + 1)
        self.data = self.recipe.data
        self.pool = Pool(self.data, device, self.given.seed)
        self.network = Network(self.recipe.model)
        if self.recipe.init:
            from nic_cli.train.export import initial

            initial(self.network, self.recipe.init)
        else:
            start_from_components(self.network, self.pool)
        self.network.to(device)
        self.ema = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        named: list[tuple[str, Tensor]] = list(self.network.named_parameters())
        dense = [item for item in named if item[1].ndim > 1 and _is_dense(*item)]
        chosen = {name for name, _ in dense}
        self.muon, self.adam = Muon(dense, SLOW), Adam([item for item in named if item[0] not in chosen])
        self.steps = torch.zeros((), dtype=torch.long)
        self.realism = torch.zeros(1, device=device)
        self.precision = torch.bfloat16 if self.given.bf16 else torch.float32

    def step(self, lr_scale: float, decay_frac: float) -> dict[str, Tensor]:
        """One step at a share of the peak rates; the last part of the decay takes larger crops."""
        given, config = self.given, self.network.config
        late = decay_frac > 1 - given.late_share
        batch, side = (given.late_batch, given.late_crop) if late else (given.batch, given.crop)
        x = self.pool.crops(batch, side, self.random).float() / 255 - 0.5
        q = drawn_q(batch, config.q_top, self.random, self.device)
        for p in self.network.parameters():
            p.grad = None
        loss, parts = rate_distortion(x, self.network(x, q, self.realism, self.precision), q)
        loss.backward()  # type: ignore[no-untyped-call]
        parts["gradient"] = self._clip()
        self.muon.step(given.muon * lr_scale)
        self.adam.step(given.adam * lr_scale)
        self.steps += 1
        follow = min(given.ema, 1 - 1 / (1 + float(self.steps)))
        torch._foreach_lerp_(list(self.ema.values()), [p.data for p in self.network.parameters()], 1 - follow)
        return parts

    def _clip(self) -> Tensor:
        """Scale all gradients to the norm limit; a gradient that is not finite becomes none at all."""
        grads = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm: Tensor = torch.stack(torch._foreach_norm(grads)).norm()
        sound = torch.isfinite(norm)
        scale = torch.where(sound, (self.given.clip / (norm + 1e-9)).clamp(max=1), 0)
        for g in grads if not bool(sound) else ():
            g.nan_to_num_(0, 0, 0)
        torch._foreach_mul_(grads, scale)
        return norm

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly."""
        weights = {f"net/{n}": p.detach() for n, p in self.network.named_parameters()}
        ema = {f"ema/{n}": t for n, t in self.ema.items()}
        random = {"random/torch": torch.get_rng_state(), "random/own": self.random.get_state()}
        return {**weights, **ema, **self.muon.state(), **self.adam.state(), **random, "steps": self.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(state[f"net/{name}"])
                self.ema[name].copy_(state[f"ema/{name}"])
        self.muon.load(state)
        self.adam.load(state)
        self.steps.copy_(state["steps"])
        torch.set_rng_state(state["random/torch"].cpu().to(torch.uint8))
        self.random.set_state(state["random/own"].cpu().to(torch.uint8))

    def release(self) -> dict[str, Tensor]:
        """The averaged weights, which are what ships."""
        return {name: t.clone() for name, t in self.ema.items()}

    def evaluate(self) -> dict[str, float]:
        """Mean bpp and PSNR of the averaged weights on crops of the validation pictures."""
        from nic_cli.train.validation import validate

        return validate(self.network, self.ema, self.data, self.device)

    def sync(self) -> None:
        """Wait for the device."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def _is_dense(name: str, p: Tensor) -> bool:
    return name.endswith(MUON_PARTS) and not (p.ndim == 4 and p.shape[1] == 1)


def make() -> Task:
    """What a driver calls; the recipe comes with its options."""
    return Task()
