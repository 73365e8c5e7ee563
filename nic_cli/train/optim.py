"""Muon for dense weights, Adam for the rest; states are flat dictionaries of tensors.

Muon (Jordan et al., 2024): momentum, made orthogonal by five Newton-Schulz steps. Matrices of
equal shape are stacked and go through one batched product in bfloat16: 60 ms for ten million
parameters on two cores, against 125 ms one by one.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from nic_cli.transform.low_rank import is_low_rank

MUON_PARTS = (".weight", ".expand", ".reduce")

# Layers whose output is pixels or latents: an orthogonal update of the full rate moves every pixel
# by a few levels at each step, a noise floor near 35 dB that everything above it learns against.
SLOW = {f"{part}.{layer}.weight": 0.1 for part in ("analysis", "synthesis") for layer in ("skip", "tail")}
UPDATES = 0.5  # share of the rates that updates for realism take: they stand on weights that are done
FAINT = 0.03  # share of Adam's rate that `_is_faint` parameters take
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonal(x: Tensor, steps: int = 5) -> Tensor:
    """x: [k, rows, columns] -> about the nearest semi-orthogonal matrices."""
    a, b, c = NEWTON_SCHULZ
    tall = x.shape[1] > x.shape[2]
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        gram = x.transpose(1, 2) @ x if tall else x @ x.transpose(1, 2)
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, x, factor, beta=a) if tall else torch.baddbmm(x, factor, x, beta=a)
    return x.float()


class Muon:
    """Orthogonalised momentum for weights that are matrices (or flatten to one).

    slow: share of the rate that a parameter takes, by name; all others take the whole.
    """

    def __init__(
        self, named: list[tuple[str, Tensor]], slow: dict[str, float], momentum: float = 0.95
    ) -> None:
        self.momentum, self.slow = momentum, slow
        groups: dict[tuple[int, int, bool], list[tuple[str, Tensor]]] = defaultdict(list)
        for name, p in named:  # updates for realism may rest while all else learns, or the reverse
            groups[p.shape[0], p[0].numel(), is_low_rank(name)].append((name, p))
        self.groups = list(groups.values())
        self.buffers = [
            torch.zeros(len(g), *shape, device=g[0][1].device) for (*shape, _), g in groups.items()
        ]

    def step(self, rate: float) -> None:
        """One update; gradients are read, not cleared. Groups without a gradient rest."""
        for group, buffer in zip(self.groups, self.buffers, strict=True):
            if group[0][1].grad is None:
                continue
            grads = torch.stack([p.grad.flatten(1) for _, p in group])  # type: ignore[union-attr]
            buffer.lerp_(grads, 1 - self.momentum)
            update = orthogonal(grads.lerp_(buffer, self.momentum))
            for (name, p), u in zip(group, update, strict=True):
                own = rate * self.slow.get(name, 1.0) * max(1.0, u.shape[0] / u.shape[1]) ** 0.5
                p.data.add_(u.reshape(p.shape), alpha=-own)

    def state(self) -> dict[str, Tensor]:
        """Momentum by parameter name."""
        return {
            f"muon/{name}": b
            for group, buffer in zip(self.groups, self.buffers, strict=True)
            for (name, _), b in zip(group, buffer, strict=True)
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for name, buffer in self.state().items():
            buffer.copy_(state[name])


class Adam:
    """Adam without weight decay (Kingma and Ba, 2015). slow: as of Muon."""

    def __init__(
        self,
        named: list[tuple[str, Tensor]],
        slow: dict[str, float],
        betas: tuple[float, float] = (0.9, 0.95),
    ) -> None:
        self.names, self.params = [n for n, _ in named], [p for _, p in named]
        self.shares = [slow.get(n, 1.0) for n in self.names]
        self.betas, self.count = betas, torch.zeros(())
        self.first = [torch.zeros_like(p) for p in self.params]
        self.second = [torch.zeros_like(p) for p in self.params]

    def step(self, rate: float) -> None:
        """One update; gradients are read, not cleared. Parameters without one rest."""
        self.count += 1
        everything = zip(self.params, self.first, self.second, self.shares, strict=True)
        moving = [(p.data, p.grad, *rest) for p, *rest in everything if p.grad is not None]
        params, grads, first, second, shares = map(list, zip(*moving, strict=True))
        torch._foreach_lerp_(first, grads, 1 - self.betas[0])
        torch._foreach_mul_(second, self.betas[1])
        torch._foreach_addcmul_(second, grads, grads, 1 - self.betas[1])
        one, two = (1 - beta ** self.count.item() for beta in self.betas)
        below = torch._foreach_sqrt(second)
        torch._foreach_div_(below, two**0.5)
        torch._foreach_add_(below, 1e-10)
        scales = [-rate / one * share for share in shares]
        torch._foreach_addcdiv_(params, first, below, scales)

    def state(self) -> dict[str, Tensor]:
        """Both moments by parameter name, and the number of steps."""
        moments = {f"adam/first/{n}": t for n, t in zip(self.names, self.first, strict=True)}
        moments |= {f"adam/second/{n}": t for n, t in zip(self.names, self.second, strict=True)}
        return {**moments, "adam/count": self.count}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def optimisers(trained: list[tuple[str, Tensor]], ours: bool) -> tuple[Muon, Adam]:
    """Both, for the parameters that are trained, by name; ours: of a network of this package."""
    dense = [item for item in trained if ours and item[1].ndim > 1 and _is_dense(*item)]
    chosen = {name for name, _ in dense}
    rest = [item for item in trained if item[0] not in chosen]
    updates = {name: UPDATES for name, _ in trained if is_low_rank(name)}
    faint = {name: FAINT for name, _ in rest if ours and _is_faint(name)}
    return Muon(dense, SLOW | updates), Adam(rest, updates | faint)


def _is_dense(name: str, p: Tensor) -> bool:
    """Whether it is a weight that Muon takes; those of noise, which begin loud, are Adam's."""
    depthwise = p.ndim == 4 and p.shape[1] == 1
    return name.endswith(MUON_PARTS) and not depthwise and not is_low_rank(name)


def _is_faint(name: str) -> bool:
    """Biases of the deep branches, where activations are a few hundredths.

    At Adam's full rate they wander further than that, which switches whole blocks on or off for good.
    What predicts the loudness of noise is no deep branch.
    """
    if name.startswith("synthesis.realism."):
        return False
    return name.startswith(("analysis.", "synthesis.")) and name.endswith(("bias", ".shift"))
