"""The few layers that everything is made of. Activations stand as [N, H, W, C].

With channels last, a 1x1 convolution is one matrix product over positions, a 2x2 one with
stride 2 is a reshape and a product, and rows of a picture lie one after the other, which is
what row streaming wants. Only the depthwise 3x3 goes through a convolution, on a permuted view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nic_cli.transform.initial import normal

BLOCK = 512
"""Positions of every product on a CPU.

Libraries choose their kernel, and how threads share the work, by the size of a product, and another choice
adds up in another order. So a row had another last digit in oneDNN 3.12 among 64 or 65 than among 96 on a
Zen 4, among up to 129 on any processor held to SSE 4.1, and in MKL 2024.2 among up to 128 with 8 threads.
With one size there is one choice. 512 leave what lies between two products in the cache, which is
faster than whole strips at a time; 256 pay more for each call, 1024 for more rows computed twice.
"""
BLOCK_LOW = 2048  # in bfloat16, whose products are short beside each call: 0.8 of the time of 512
BLOCK_ELSEWHERE = 4096  # a GPU wants more for each call; none was there to choose by
ONEDNN = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
"""Whether torch was built with it, which not every build is."""


def by_blocks(
    layer: Callable[..., object], out: Tensor, *inputs: Tensor, precision: torch.dtype = torch.float32
) -> None:
    """Rows through a layer of products, always `BLOCK` at a time, so that no row depends on its company.

    out, inputs: [n, C] each, n the same. layer(room, *parts) writes what follows from blocks of the inputs.
    precision: of its products.
    The last block begins early enough to be whole, and computes some rows twice; too few rows are padded.
    """
    usual = BLOCK_LOW if precision == torch.bfloat16 else BLOCK
    count, block = len(out), usual if out.device.type == "cpu" else BLOCK_ELSEWHERE
    if count < block:
        room = out.new_empty(block, out.shape[1])
        layer(room, *(F.pad(x, (0, 0, 0, block - count)) for x in inputs))
        out.copy_(room[:count])
        return
    for start in range(0, count, block):
        at = min(start, count - block)
        layer(*(x[at : at + block] for x in (out, *inputs)))


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x: [..., inputs] @ weight: [outputs, inputs] -> [..., outputs]; while coding, equal in any company."""
    if not torch.is_inference_mode_enabled():  # in training the last digit is free
        return F.linear(x, weight, bias)
    out = x.new_empty(*x.shape[:-1], len(weight))
    _product_into(flat(out), x, weight, bias)
    return out


def _product_into(out: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """x: [..., inputs] -> out: [n, outputs], in their precision; the product in that of the weight."""
    kind = weight.dtype

    def multiply(room: Tensor, part: Tensor) -> None:
        room.copy_(multiplied(part.to(kind), weight, bias))

    by_blocks(multiply, out, flat(x), precision=kind)


def multiplied(x: Tensor, weight: Tensor, bias: Tensor | None, leak: float = 1.0) -> Tensor:
    """The same in one call, what is below zero times `leak`; by the faster of the libraries there are.

    That is oneDNN, through the operator that torch's own compiler calls (2.6 to 2.13 have it): as fast as MKL
    on an Emerald Rapids, and on a Zen 5 its convolutions were twice as fast. A 1x1 convolution would copy its
    weights at each call: up to a fifth of the time of a block.
    """
    there = ONEDNN and torch._C._get_mkldnn_enabled() and x.device.type == "cpu"
    if not there or x.dtype != torch.float32 or not torch.is_inference_mode_enabled():  # it has no gradient
        y = F.linear(x, weight, bias)
        return y if leak == 1 else F.leaky_relu_(y, leak)
    after: tuple[str, list[float]] = ("none", []) if leak == 1 else ("leaky_relu", [leak])
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, *after, "")  # type: ignore[no-any-return]


def flat(x: Tensor) -> Tensor:
    """[..., C] -> [n, C], a view where that can be."""
    return x.reshape(-1, x.shape[-1])


def widened(x: Tensor) -> Tensor:
    """Half precision back to float32; anything wider as it is."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Dense(nn.Module):
    """A 1x1 convolution: [..., inputs] -> [..., outputs], computed in the input's precision.

    tile: of a network that only ever sees whole tiles. There each row has the same company every time,
    and blocks would make a call of 64 positions, as many tiles have, cost as much as one of 512.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = True, gain: float = 1.0, tile: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, deviation=gain * inputs**-0.5))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.multiply = multiplied if tile else product

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs], float32 or bfloat16."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return self.multiply(x, self.weight.to(x.dtype), bias)

    def rows(self, x: Tensor, precision: torch.dtype | None = None) -> Tensor:
        """x: [1, h, W, inputs] -> [1, 2 + h + 1, W, outputs], with room as `Block.rows` gives it."""
        output = x.new_empty(len(x), x.shape[1] + 3, x.shape[2], len(self.weight))
        _product_into(output[:, 2:-1].view(-1, len(self.weight)), x, *self.lowered(precision))
        return output

    def lowered(self, precision: torch.dtype | None) -> tuple[Tensor, Tensor | None]:
        """Weight and bias in the precision that products are to have, None for their own."""
        kind = precision or self.weight.dtype
        return self.weight.to(kind), None if self.bias is None else self.bias.to(kind)


LEAK = 0.01
"""Slope of the rectifier below zero. It is there for training: without it a unit that was once pushed
below zero everywhere stays there, and after 12,000 steps that was 97 % of the coarse blocks' units."""


class Block(nn.Module):
    """`x + reduce(rectify(expand(depthwise3x3(x))))`, n -> 2n -> n channels.

    No normalisation, nothing global: each output row depends on three input rows, so rows stream.
    tile: of a network that only ever sees whole tiles, as in `Dense`.
    """

    def __init__(self, width: int, *, tile: bool = False) -> None:
        super().__init__()
        self.multiply = multiplied if tile else product
        self.depthwise = nn.Parameter(normal(width, 1, 3, 3, deviation=1 / 3))
        self.depthwise_bias = nn.Parameter(torch.zeros(width))
        self.expand = nn.Parameter(normal(2 * width, width, deviation=(2 / width) ** 0.5))
        self.expand_bias = nn.Parameter(torch.zeros(2 * width))
        self.reduce = nn.Parameter(normal(width, 2 * width, deviation=0.3 * (2 * width) ** -0.5))
        self.reduce_bias = nn.Parameter(torch.zeros(width))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Kernel and bias of the depthwise layer, weight and bias of either product."""
        first = self.depthwise, self.depthwise_bias
        return *first, self.expand, self.expand_bias, self.reduce, self.reduce_bias

    def forward(self, x: Tensor, weights: tuple[Tensor, ...] | None = None) -> Tensor:
        """x: [N, H, W, C], borders zero. weights: others than the block's own, in their order."""
        given = (p.to(x.dtype) for p in (weights or self.weights))
        output: Tensor = _Fused.apply(self.multiply, x, *given)  # type: ignore[no-untyped-call]
        return output

    def rows(self, x: Tensor, weights: tuple[Tensor, ...] | None = None) -> Tensor:
        """x: [1, h + 2, W, C] with one row of context either side -> [1, 2 + h + 1, W, C], with room.

        In bfloat16, if the weights are: all but x itself, which adds up over the blocks.
        """
        kernel, bias, expand, expand_bias, reduce, reduce_bias = weights or self.weights
        low = x.permute(0, 3, 1, 2).to(kernel.dtype)
        y = F.conv2d(low, kernel, bias, padding=(0, 1), groups=x.shape[3])
        products = _in_parts(expand, expand_bias, reduce, reduce_bias)

        def deep(room: Tensor, near: Tensor, here: Tensor) -> None:
            for wide, wide_bias, narrow, narrow_bias in products:
                made = multiplied(multiplied(near, wide, wide_bias, LEAK), narrow, narrow_bias)
                here = torch.add(made, here, out=room)

        output = x.new_empty(len(x), x.shape[1] + 1, *x.shape[2:])
        room = output[:, 2:-1].view(-1, x.shape[3])  # no view, and an error, of more than one picture
        by_blocks(deep, room, flat(y.permute(0, 2, 3, 1)), flat(x[:, 1:-1]), precision=y.dtype)
        return output


UNSHARED = 384
"""Channels up to which no sum of bfloat16 is shared among threads."""
Products = tuple[Tensor, Tensor, Tensor, Tensor | None]


def _in_parts(expand: Tensor, expand_bias: Tensor, reduce: Tensor, reduce_bias: Tensor) -> list[Products]:
    """The two products of a block, in bfloat16 as those of two blocks half as wide, whose sums are added.

    oneDNN 3.12 shares a sum over 512 channels among threads, with AMX, so that what comes out depends on how
    many there are: with 3, other last digits than with 2.
    """
    if expand.dtype != torch.bfloat16 or reduce.shape[1] <= UNSHARED:
        return [(expand, expand_bias, reduce, reduce_bias)]
    (first, second), (bias, other), (into, rest) = (
        (x.chunk(2, axis)) for x, axis in ((expand, 0), (expand_bias, 0), (reduce, 1))
    )
    return [(first, bias, into.contiguous(), reduce_bias), (second, other, rest.contiguous(), None)]


class _Fused(torch.autograd.Function):
    """A block that keeps three tensors for its gradient and runs backward in matrix products.

    In bfloat16 on a CPU with matrix units this is several times faster than autograd over
    convolutions; gradients of the weights come back in the block's precision and are accumulated
    in float32 by the cast that produced them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        multiply: Callable[..., Tensor],
        x: Tensor,
        kernel: Tensor,
        bias: Tensor,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
    ) -> Tensor:
        c = x.shape[3]
        d = (
            F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding=1, groups=c)
            .permute(0, 2, 3, 1)
            .contiguous()
        )
        u = F.leaky_relu_(multiply(d, w1, b1), LEAK)
        # A frozen block is only passed through: what its weights would need is not kept.
        ctx.save_for_backward(*((x, d) if ctx.needs_input_grad[4] else ()), u, kernel, w1, w2)
        return multiply(u, w2, b2).add_(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Any:
        *seen, u, kernel, w1, w2 = ctx.saved_tensors
        x, d = seen or (gy, None)  # of a frozen block only the shape of x is asked for
        c = gy.shape[3]
        gy = gy.contiguous()
        g, flat_u = gy.reshape(-1, c), u.reshape(-1, 2 * c)
        gu = torch.ops.aten.leaky_relu_backward(g @ w2, flat_u, LEAK, True)
        gd = (gu @ w1).reshape(gy.shape).permute(0, 3, 1, 2)
        trained = d is not None
        gx, gk, gb = torch.ops.aten.convolution_backward(
            gd,
            x.permute(0, 3, 1, 2),
            kernel,
            [c],
            [1, 1],
            [1, 1],
            [1, 1],
            False,
            [0, 0],
            c,
            [True, trained, trained],
        )
        gx = gx.permute(0, 2, 3, 1).add_(gy)
        if d is None:
            return None, gx, *(None,) * 6
        return None, gx, gk, gb, gu.t() @ d.reshape(-1, c), gu.sum(0), g.t() @ flat_u, g.sum(0)
