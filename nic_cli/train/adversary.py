"""The game between decoder and critics.

The critics' gradient meets the distortion's at the picture and is scaled there to a set share of
it, sample by sample. So its weight needs no tuning over rates whose distortions weigh 400 times
as much as others', and it costs no second pass through the decoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.errors import UsageError
from nic_cli.losses.distortion import interpolated
from nic_cli.losses.perceptual import read_weights
from nic_cli.train.critics import CRITICS, make
from nic_cli.train.distributed import ProcessGroup
from nic_cli.transform.planes import planes

Loss = Callable[[Tensor, Tensor], Tensor]

# What critics lower, and what the decoder lowers, from scores of a picture and of its reconstruction.
FORMS: dict[str, tuple[Loss, Loss]] = {
    # Lim and Ye, 2017
    "hinge": (
        lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
        lambda real, fake: -fake.mean(),
    ),
    # Goodfellow et al., 2014
    "non_saturating": (
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        lambda real, fake: F.softplus(-fake).mean(),
    ),
    # Jolicoeur-Martineau, 2019: each reconstruction against its own original
    "relativistic": (
        lambda real, fake: F.softplus(fake - real).mean(),
        lambda real, fake: F.softplus(real - fake).mean(),
    ),
}


@dataclass(frozen=True, slots=True)
class Adversarial:
    """How critics take part in a phase."""

    critics: tuple[str, ...] = ("patch",)
    form: str = "relativistic"
    share: tuple[float, ...] = (0.0, 0.0, 0.5)  # of the distortion's gradient, at b = 0, ..., 1 evenly
    matching: float = 0.0  # weight of feature matching beside fooling them
    rate: float = 2e-4  # of Adam, betas 0.5 and 0.9
    alone: int = 200  # steps at first in which only critics learn
    ramp: int = 1000  # steps after those in which the share rises
    r1: float = 0.0  # weight of the penalty on their slope at real pictures
    frozen: int = 0  # first layers that do not learn: for fine-tuning from `init`
    init: str = ""  # critics.safetensors of another training
    backbone: str = ""  # weights of EfficientNet-Lite0, for `projected`; those of its package if none
    # The decoder is to look as real as its own picture one q higher, and only at the top as the original.
    higher: bool = False

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if not self.critics or set(self.critics) - set(CRITICS):
            raise UsageError(f"critics {', '.join(self.critics)}: give some of {', '.join(CRITICS)}")
        if self.form not in FORMS:
            raise UsageError(f"adversarial form {self.form!r}: give one of {', '.join(FORMS)}")
        numbers = (*self.share, self.matching, self.r1, self.alone, self.ramp, self.frozen)
        if not self.share or min(numbers) < 0:
            raise UsageError("numbers of [phase.adversarial] are 0 or more, and share has at least one")


class Adversary:
    """Critics, their optimiser, and what they want of a picture."""

    def __init__(
        self,
        given: Adversarial,
        latent: int,
        q_top: float,
        team: ProcessGroup,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.given, self.team, self.precision = given, team, precision
        self.q_top = max(q_top, 1.0)  # a model of one rate has a q of 0 alone
        made = {name: make(name, latent, given.backbone, team.device) for name in given.critics}
        # Channels last: convolutions in bfloat16 take two thirds of the time on a CPU.
        self.critics = nn.ModuleDict(made).to(team.device)
        self.critics.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if given.init:
            self._load(read_weights(Path(given.init)))
        for critic in self.critics.values():
            for layer in critic.layers[: given.frozen]:  # type: ignore[index]
                layer.requires_grad_(False)
        learning = [p for p in self.critics.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(learning, given.rate, (0.5, 0.9))
        self.steps = torch.zeros((), dtype=torch.long)
        self.judged, self.fooled = FORMS[given.form]

    def heard(self, b: float) -> bool:
        """Whether critics ever have a say at this realism: elsewhere they neither pull nor learn."""
        return interpolated(self.given.share, b) > 0

    def share(self, b: float) -> float:
        """What part of the distortion's gradient is theirs now."""
        since = int(self.steps) - self.given.alone
        return interpolated(self.given.share, b) * min(1.0, max(0.0, since / max(self.given.ramp, 1)))

    def pull(self, found: Tensor, wanted: Tensor, q: Tensor, y: Tensor) -> Tensor:
        """Where found [N, H, W, 3] should go to please critics: of each, a direction of length 1, summed.

        So none drowns another; a backbone's gradients are many times those of a small critic.
        """
        total = torch.zeros_like(found)
        for critic in self.critics.values():
            leaf = found.detach().requires_grad_()
            fake = self._seen(critic, _seen_by(leaf), q, y)
            with torch.no_grad():
                real = self._seen(critic, _seen_by(wanted), q, y)
            lowered = self.fooled(real[-1], fake[-1])
            if self.given.matching:
                apart = [F.l1_loss(b, a) for a, b in zip(real[:-1], fake[:-1], strict=True)]
                lowered = lowered + self.given.matching * torch.stack(apart).sum()
            (gradient,) = torch.autograd.grad(lowered, leaf)
            total = total + gradient / (_length(gradient) + 1e-20)
        return total

    def learn(self, found: Tensor, wanted: Tensor, q: Tensor, y: Tensor, scale: float) -> dict[str, Tensor]:
        """One step of the critics; scale: of their rate. Returns loss and mean gap of their scores."""
        self.optimiser.zero_grad(set_to_none=True)
        loss, gap = found.new_zeros(()), found.new_zeros(())
        real_picture = _seen_by(wanted).requires_grad_(self.given.r1 > 0)
        for critic in self.critics.values():
            real = self._seen(critic, real_picture, q, y)[-1]
            fake = self._seen(critic, _seen_by(found), q, y)[-1]
            loss = loss + self.judged(real, fake)
            gap = gap + (real.mean() - fake.mean()).detach()
            if self.given.r1:
                (slope,) = torch.autograd.grad(real.sum(), real_picture, create_graph=True)
                loss = loss + 0.5 * self.given.r1 * slope.square().sum((1, 2, 3)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.team.count > 1:
            learning = [p for p in self.critics.parameters() if p.requires_grad]
            for p in learning:  # critics of rates that only another process has drawn
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            self.team.average([p.grad for p in learning if p.grad is not None])
        norm = nn.utils.clip_grad_norm_(self.critics.parameters(), 1.0)
        if bool(torch.isfinite(norm)):
            for group in self.optimiser.param_groups:
                group["lr"] = self.given.rate * scale
            self.optimiser.step()
        self.steps += 1
        return {"critics": loss.detach(), "gap": gap / len(self.critics)}

    def _seen(self, critic: nn.Module, x: Tensor, q: Tensor, y: Tensor) -> list[Tensor]:
        """Features and scores in float32; the critic's products in the training's precision."""
        reduced = self.precision != torch.float32
        with torch.autocast(x.device.type, self.precision, enabled=reduced):
            found: list[Tensor] = critic(x, q / self.q_top, y)
        return [h.float() for h in found]

    def state(self) -> dict[str, Tensor]:
        """Everything needed to go on, flat by name."""
        flat = {f"critics/net/{n}": t for n, t in self.critics.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            flat |= {f"critics/adam/{index}/{n}": t for n, t in moments.items()}
        return {**flat, "critics/steps": self.steps}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        mark = "critics/net/"
        self._load({n.removeprefix(mark): t for n, t in state.items() if n.startswith(mark)})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("critics/adam/"):
                index, part = name.split("/")[2:]
                moments.setdefault(int(index), {})[part] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.steps.copy_(state["critics/steps"])

    def _load(self, weights: dict[str, Tensor]) -> None:
        try:
            self.critics.load_state_dict(weights)
        except RuntimeError as error:
            said = str(error).splitlines()[-1].strip()
            raise UsageError(f"these critics are not those of the file: {said}") from None


def slope(loss: Callable[[Tensor, Tensor], Tensor], found: Tensor, wanted: Tensor) -> Tensor:
    """Gradient of the sum of a loss at found [N, H, W, 3]."""
    leaf = found.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf, wanted).sum(), leaf)
    return gradient


def scaled(pull: Tensor, gradient: Tensor, share: float) -> Tensor:
    """`pull` [N, H, W, 3] in each sample at a share of the length that `gradient` has there."""
    return pull * (share * _length(gradient) / (_length(pull) + 1e-20))


def _seen_by(pixels: Tensor) -> Tensor:
    """[N, H, W, 3] -> [N, 3, H, W], channels last in memory."""
    return planes(pixels).contiguous(memory_format=torch.channels_last)


def _length(x: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True)
    return length
