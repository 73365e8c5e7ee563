"""The scale network in integers: z to table indices, the same on every device, for ever.

Which table codes a residual must be known exactly on both sides, or everything after it is noise.
So this network uses int8 weights, int8 inputs of every product, shifts by powers of two, clamps
and ReLU, and nothing else. Sums stay below 2^24 in magnitude (`prove`), hence float32, float64
and int64, and any order of summation, give the same bits: exactness is a property of the
arithmetic, not of a library. (Balle et al., "Integer networks", ICLR 2019.)

Fixed point: the residual stream holds units of 1/128 in 16 bits, inputs of products hold units
of 1/16 in 8 bits, a step of the table index is 1/8.

Training runs these very functions on float-carried integers that follow from master weights
(`round_`, `floor_` and `clamp_` pass gradients), so what is trained is what is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.errors import ModelError
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layers import normal, shuffle, unfilled

STREAM, INPUT, INDEX = 7, 4, 3  # fractional bits of the residual stream, of inputs, of the index
Z_LIMIT = 127  # z is an 8-bit input; the encoder clamps it
PARTS = ("weight", "bias", "shift")
BOUND = 2**24  # below this every integer is a float32


@dataclass(frozen=True, slots=True)
class Layer:
    """One product: integers carried by floats. weight: [out, in] or [C, 1, 3, 3]; bias, shift: [out].

    The weight's unit in channel c is 2^-shift[c]; the bias has the unit of the sums.
    """

    weight: Tensor
    bias: Tensor
    shift: Tensor

    def to(self, dtype: torch.dtype, device: torch.device | str) -> Layer:
        """The same integers carried by another type or device."""
        return Layer(*(t.to(device, dtype) for t in (self.weight, self.bias, self.shift)))


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


def rescaled(total: Tensor, shift: Tensor, low: float, high: float) -> Tensor:
    """clamp(floor(total * 2^-shift), low, high); a power of two is exact in any float."""
    return _Clamp.apply(_Round.apply(total * torch.exp2(-shift), True), low, high)  # type: ignore[no-any-return, no-untyped-call]


def dense(a: Tensor, layer: Layer) -> Tensor:
    """a: [..., in] integers -> sums [..., out]."""
    return F.linear(a, layer.weight, layer.bias)


def depthwise(a: Tensor, layer: Layer) -> Tensor:
    """a: [N, H, W, C] integers -> sums of the 3x3 neighbourhood, borders zero."""
    sums = F.conv2d(a.permute(0, 3, 1, 2), layer.weight, layer.bias, padding=1, groups=a.shape[3])
    return sums.permute(0, 2, 3, 1)


def block(h: Tensor, layers: tuple[Layer, Layer, Layer]) -> Tensor:
    """h: residual stream [N, H, W, C] -> the same after an integer block n -> 2n -> n."""
    spread, expand, reduce = layers
    a = rescaled(h, torch.tensor(float(STREAM - INPUT), dtype=h.dtype, device=h.device), -128, 127)
    a = rescaled(depthwise(a, spread), spread.shift, -128, 127)
    a = rescaled(dense(a, expand), expand.shift, 0, 127)
    delta = rescaled(dense(a, reduce), reduce.shift + (INPUT - STREAM), -(2**22), 2**22)
    return _Clamp.apply(h + delta, -32768, 32767)  # type: ignore[no-any-return, no-untyped-call]


def indices(z: Tensor, q_bias: Tensor, layers: dict[str, Layer], top: int) -> Tensor:
    """z: [N, h, w, hyper] integers, q_bias: [N, 4 * scale] -> table indices [N, 4h, 4w, latent], 0..top."""
    entry, up, head = layers["entry"], layers["up"], layers["head"]
    h = rescaled(dense(z, entry), entry.shift - STREAM, -32768, 32767)
    h = _Clamp.apply(h + q_bias[:, None, None, :], -32768, 32767)  # type: ignore[no-untyped-call]
    h = block(shuffle(h, 2), (layers["coarse.0"], layers["coarse.1"], layers["coarse.2"]))
    a = rescaled(h, torch.tensor(float(STREAM - INPUT), dtype=h.dtype, device=h.device), -128, 127)
    h = rescaled(dense(a, up), up.shift + (INPUT - STREAM), -32768, 32767)
    h = block(shuffle(h, 2), (layers["fine.0"], layers["fine.1"], layers["fine.2"]))
    a = rescaled(h, torch.tensor(float(STREAM - INPUT), dtype=h.dtype, device=h.device), -128, 127)
    return rescaled(dense(a, head), head.shift + (INPUT - INDEX), 0, top)


def interpolated(anchors: Tensor, q: Tensor, q_top: float) -> Tensor:
    """anchors: [A, C] integers; q: [N] -> [N, C] integers, exact: q counts in 1/4096."""
    step = round(q_top * 4096) // (anchors.shape[0] - 1)
    units = (q.double() * 4096).round().long().clamp(0, step * (anchors.shape[0] - 1))
    low = (units // step).clamp(max=anchors.shape[0] - 2)
    part = (units - low * step)[:, None].double()
    mixed = anchors[low].double() * (step - part) + anchors[low + 1].double() * part
    return _Round.apply(mixed / step, True).to(anchors.dtype)  # type: ignore[no-any-return, no-untyped-call]


def prove(layers: dict[str, Layer]) -> int:
    """The largest magnitude any partial sum can reach; raises ModelError from 2^24 on."""
    worst = 0
    for name, layer in layers.items():
        weight = layer.weight.double().flatten(1).abs().sum(1)
        largest = (weight * 128 + layer.bias.double().abs()).max().item()
        if not largest < BOUND:
            raise ModelError(f"scale network, layer {name}: sums can reach {largest:.0f}, over 2^24")
        worst = max(worst, int(largest))
    return worst


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

    def shape_of(self, part: str) -> torch.Size:
        """That of the stored integers: weight, or one a channel."""
        return self.weight.shape if part == "weight" else self.bias.shape

    def take(self, layer: Layer) -> None:
        """Weights that mean the integers of a stored layer."""
        scale = torch.exp2(layer.shift)
        self.weight.copy_(layer.weight / scale.reshape(-1, *[1] * (self.weight.ndim - 1)))
        self.bias.copy_(layer.bias / (scale * 2**self.fraction))


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
        self.q_bias.copy_(integers.q_bias / 2**STREAM)

    def q_integers(self) -> Tensor:
        """The bias by q in units of the residual stream, [A, 4 * scale]."""
        return round_(self.q_bias * 2**STREAM)

    def forward(self, z: Tensor, q: Tensor) -> Tensor:
        """z: [N, h, w, hyper] integers; q: [N] -> indices [N, 4h, 4w, latent]."""
        return indices(z, interpolated(self.q_integers(), q, self.q_top), self.layers(), self.top)


@dataclass(frozen=True)
class Integers:
    """The scale network as a model file holds it, carried by one float type on one device."""

    layers: dict[str, Layer]
    q_bias: Tensor
    q_top: float
    top: int

    @classmethod
    def of(cls, network: ScaleNetwork) -> Integers:
        """What a trained network means, detached; proved to stay below 2^24."""
        with torch.no_grad():
            layers = network.layers()
            prove(layers)
            return cls(layers, network.q_integers(), network.q_top, network.top)

    def to(self, dtype: torch.dtype, device: torch.device | str) -> Integers:
        """The same integers carried by another type or device."""
        layers = {name: layer.to(dtype, device) for name, layer in self.layers.items()}
        return Integers(layers, self.q_bias.to(device, dtype), self.q_top, self.top)

    def __call__(self, z: Tensor, q: float) -> Tensor:
        """z: [1, h, w, hyper] integers in any type -> table indices [1, 4h, 4w, latent] as uint8."""
        carried = z.to(self.q_bias.device, self.q_bias.dtype)
        bias = interpolated(
            self.q_bias, torch.tensor([q], dtype=torch.float64, device="cpu").to(carried.device), self.q_top
        )
        return indices(carried, bias, self.layers, self.top).to(torch.uint8)

    def tensors(self) -> dict[str, Tensor]:
        """What goes into a model file: int8 weights, int32 biases, int8 shifts."""
        kinds = {"weight": torch.int8, "bias": torch.int32, "shift": torch.int8}
        flat = {
            f"{name}.{part}": getattr(layer, part).to(kind)
            for name, layer in self.layers.items()
            for part, kind in kinds.items()
        }
        return {**flat, "q_bias": self.q_bias.to(torch.int32)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], config: ModelConfig) -> Integers:
        """Read back what `tensors` gave; ModelError on what is missing or could exceed 2^24."""
        with unfilled():
            shapes = ScaleNetwork(config).masters()
        try:
            layers = {
                name: Layer(
                    *(tensors[f"{name}.{part}"].float().reshape(like.shape_of(part)) for part in PARTS)
                )
                for name, like in shapes.items()
            }
            q_bias = tensors["q_bias"].float().reshape(config.q_anchors, -1)
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"scale network of {config.name}: {error}") from None
        prove(layers)
        return cls(layers, q_bias, config.q_top, config.scales - 1)
