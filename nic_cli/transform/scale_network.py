"""The scale network while it is trained: float weights, and the integers that they mean.

Training runs the very functions of `integers` on float-carried integers that follow from master weights
(`round_`, floors and clamps pass gradients), so what is trained is what is shipped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.initial import normal
from nic_cli.transform.integers import INPUT, PARTS, STREAM, Integers, Layer, indices


class _Round(torch.autograd.Function):
    """round or floor; the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, down: bool) -> Tensor:
        return x.floor() if down else x.round()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g, None


class _Clamp(torch.autograd.Function):
    """clamp; outside the range only a gradient that leads back into it passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.limits = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        low, high = ctx.limits
        stuck = ((x < low) & (g > 0)) | ((x > high) & (g < 0))
        return g.masked_fill(stuck, 0), None, None


def round_(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes."""
    return _Round.apply(x, False)  # type: ignore[no-any-return, no-untyped-call]


class _Arithmetic:
    """What the order of the layers is made of, in torch: functions that pass gradients."""

    def dense(self, a: Tensor, layer: Layer) -> Tensor:
        return F.linear(a, layer.weight, layer.bias)

    def depthwise(self, a: Tensor, layer: Layer) -> Tensor:
        sums = F.conv2d(a.permute(0, 3, 1, 2), layer.weight, layer.bias, padding=1, groups=a.shape[3])
        return sums.permute(0, 2, 3, 1)

    def rescaled(self, total: Tensor, shift: Tensor | float, low: float, high: float) -> Tensor:
        shift = torch.as_tensor(shift, dtype=total.dtype, device=total.device)
        return self.clamped(_Round.apply(total * torch.exp2(-shift), True), low, high)  # type: ignore[no-untyped-call]

    def clamped(self, x: Tensor, low: float, high: float) -> Tensor:
        return _Clamp.apply(x, low, high)  # type: ignore[no-any-return, no-untyped-call]


ARITHMETIC = _Arithmetic()


def interpolated(anchors: Tensor, q: Tensor, q_top: float) -> Tensor:
    """anchors: [A, C] integers; q: [N] -> [N, C] integers, exact: q counts in 1/4096."""
    step = round(q_top * 4096) // (anchors.shape[0] - 1)
    units = (q.double() * 4096).round().long().clamp(0, step * (anchors.shape[0] - 1))
    low = (units // step).clamp(max=anchors.shape[0] - 2)
    part = (units - low * step)[:, None].double()
    mixed = anchors[low].double() * (step - part) + anchors[low + 1].double() * part
    return _Round.apply(mixed / step, True).to(anchors.dtype)  # type: ignore[no-any-return, no-untyped-call]


class Master(nn.Module):
    """Float weights of one integer layer while it is trained."""

    def __init__(self, shape: tuple[int, ...], inputs: int, fraction: int, gain: float = 1.0) -> None:
        super().__init__()
        self.fraction = fraction  # fractional bits of this layer's inputs
        self.weight = nn.Parameter(normal(*shape, deviation=gain * inputs**-0.5))
        self.bias = nn.Parameter(torch.zeros(shape[0]))

    def forward(self) -> Layer:
        """The integers that these weights mean now: int8 weights, one power of two a channel."""
        weight = self.weight
        largest = weight.detach().abs().flatten(1).amax(1).clamp(min=2**-6)
        shift = torch.log2(127 / largest).floor().clamp(max=12)
        scale = torch.exp2(shift)
        integers = round_(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)))
        return Layer(integers, round_(self.bias * scale * 2**self.fraction), shift)

    def take(self, layer: Layer) -> None:
        """Weights that mean the integers of a stored layer."""
        weight, bias, shift = (torch.from_numpy(getattr(layer, part)) for part in PARTS)
        scale = torch.exp2(shift)
        self.weight.copy_(weight / scale.reshape(-1, *[1] * (self.weight.ndim - 1)))
        self.bias.copy_(bias / (scale * 2**self.fraction))


class ScaleNetwork(nn.Module):
    """Trainable form of the scale network: z to 64 table indices for each latent, in integers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n, self.top, self.q_top = config.scale, config.scales - 1, config.q_top
        self.q_bias = nn.Parameter(torch.zeros(config.q_anchors, 4 * n))
        self.entry = Master((4 * n, config.hyper), config.hyper, 0)
        self.up = Master((4 * n, n), n, INPUT)
        self.head = Master((config.latent, n), n, INPUT, gain=0.3)
        nn.init.constant_(self.head.bias, 2.5)  # index 20: a standard deviation of one step
        for part in ("coarse", "fine"):
            layers = (
                Master((n, 1, 3, 3), 9, INPUT),
                Master((2 * n, n), n, INPUT, 1.4),
                Master((n, 2 * n), 2 * n, INPUT, 0.3),
            )
            self.add_module(part, nn.ModuleList(layers))

    def layers(self) -> dict[str, Layer]:
        """All integer layers by name."""
        return {name: master() for name, master in self.masters().items()}

    def masters(self) -> dict[str, Master]:
        """The float weights of all integer layers by name."""
        return {name: module for name, module in self.named_modules() if isinstance(module, Master)}

    def take(self, integers: Integers) -> None:
        """Start from the integers of a model file."""
        for name, master in self.masters().items():
            master.take(integers.layers[name])
        self.q_bias.copy_(torch.from_numpy(integers.q_bias) / 2**STREAM)

    def integers(self) -> Integers:
        """What this network means, proved to stay below 2^24. Raises ModelError."""
        with torch.no_grad():
            layers = {
                name: Layer(*(getattr(layer, part).cpu().numpy().copy() for part in PARTS))
                for name, layer in self.layers().items()
            }
            return Integers(layers, self.q_integers().cpu().numpy().copy(), self.q_top, self.top)

    def q_integers(self) -> Tensor:
        """The bias by q in units of the residual stream, [A, 4 * scale]."""
        return round_(self.q_bias * 2**STREAM)

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """z: [N, h, w, hyper] integers; q: [N] -> indices [N, 4h, 4w, latent]."""
        bias = interpolated(self.q_integers(), q, self.q_top)[:, None, None, :]
        return indices(z, bias, self.layers(), self.top, ARITHMETIC)  # type: ignore[no-any-return]
