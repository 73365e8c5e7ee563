"""The few layers that everything is made of. Activations stand as [N, H, W, C].

With channels last, a 1x1 convolution is one matrix product over positions, a 2x2 one with
stride 2 is a reshape and a product, and rows of a picture lie one after the other, which is
what row streaming wants. Only the depthwise 3x3 goes through a convolution, on a permuted view.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def unshuffle(x: Tensor, side: int) -> Tensor:
    """[N, H, W, C] -> [N, H/side, W/side, side*side*C]: each square of positions becomes channels."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // side, side, w // side, side, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // side, w // side, side * side * c)


def shuffle(x: Tensor, side: int) -> Tensor:
    """[N, h, w, side*side*C] -> [N, side*h, side*w, C]: the inverse of `unshuffle`."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, side, side, c // (side * side)).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * side, w * side, c // (side * side))


FEWEST = 64
"""Positions that a product is given at least. Libraries take another path for fewer (MKL under 16,
oneDNN up to 35), whose last digit differs; with this floor a row's values do not depend on its company."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x: [..., inputs] @ weight: [outputs, inputs] -> [..., outputs], the same in any company."""
    flat = x.reshape(-1, x.shape[-1])
    missing = FEWEST - flat.shape[0]
    if missing <= 0:
        return _multiplied(x, weight, bias)
    padded = _multiplied(F.pad(flat, (0, 0, 0, missing)), weight, bias)
    return padded[:-missing].reshape(*x.shape[:-1], -1)


def _multiplied(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As a 1x1 convolution where oneDNN does those: it adds the bias on the way.

    On a Zen 5 it is also twice as fast as the matrix products of MKL; on a Sapphire Rapids as fast.
    """
    threads = torch.get_num_threads()  # with one, MKL does convolutions too, after more copying
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    there = there and x.device.type == "cpu" and threads > 1
    if not there or x.dtype != torch.float32 or torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    places = x if x.dim() == 4 else x.reshape(1, 1, -1, x.shape[-1])
    y = F.conv2d(places.permute(0, 3, 1, 2), weight[:, :, None, None], bias)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def widened(x: Tensor) -> Tensor:
    """Half precision back to float32; anything wider as it is."""
    return x.float() if x.dtype == torch.bfloat16 else x


class Dense(nn.Module):
    """A 1x1 convolution: [..., inputs] -> [..., outputs], computed in the input's precision."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs], float32 or bfloat16."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return product(x, self.weight.to(x.dtype), bias)


LEAK = 0.01
"""Slope of the rectifier below zero. It is there for training: without it a unit that was once pushed
below zero everywhere stays there, and after 12,000 steps that was 97 % of the coarse blocks' units."""


class Block(nn.Module):
    """`x + reduce(rectify(expand(depthwise3x3(x))))`, n -> 2n -> n channels (DESIGN's FB).

    No normalisation, nothing global: each output row depends on three input rows, so rows stream.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Parameter(torch.randn(width, 1, 3, 3) / 3)
        self.depthwise_bias = nn.Parameter(torch.zeros(width))
        self.expand = nn.Parameter(torch.randn(2 * width, width) * (2 / width) ** 0.5)
        self.expand_bias = nn.Parameter(torch.zeros(2 * width))
        self.reduce = nn.Parameter(torch.randn(width, 2 * width) * 0.3 * (2 * width) ** -0.5)
        self.reduce_bias = nn.Parameter(torch.zeros(width))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Kernel and bias of the depthwise layer, weight and bias of either product."""
        first = self.depthwise, self.depthwise_bias
        return *first, self.expand, self.expand_bias, self.reduce, self.reduce_bias

    def forward(self, x: Tensor, weights: tuple[Tensor, ...] | None = None) -> Tensor:
        """x: [N, H, W, C], borders zero. weights: others than the block's own, in their order."""
        given = (p.to(x.dtype) for p in (weights or self.weights))
        output: Tensor = _Fused.apply(x, *given)  # type: ignore[no-untyped-call]
        return output

    def rows(self, x: Tensor, weights: tuple[Tensor, ...] | None = None) -> Tensor:
        """x: [1, h + 2, W, C] with one row of context either side -> [1, 2 + h, W, C], two rows free."""
        kernel, bias, expand, expand_bias, reduce, reduce_bias = weights or self.weights
        y = F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding=(0, 1), groups=x.shape[3])
        y = F.leaky_relu_(product(y.permute(0, 2, 3, 1), expand, expand_bias), LEAK)
        output = torch.empty_like(x)
        torch.add(product(y, reduce, reduce_bias), x[:, 1:-1], out=output[:, 2:])
        return output


class _Fused(torch.autograd.Function):
    """A block that keeps three tensors for its gradient and runs backward in matrix products.

    In bfloat16 on a CPU with matrix units this is several times faster than autograd over
    convolutions; gradients of the weights come back in the block's precision and are accumulated
    in float32 by the cast that produced them.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
    ) -> Tensor:
        c = x.shape[3]
        d = (
            F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding=1, groups=c)
            .permute(0, 2, 3, 1)
            .contiguous()
        )
        u = F.leaky_relu_(product(d, w1, b1), LEAK)
        # A frozen block is only passed through: what its weights would need is not kept.
        ctx.save_for_backward(*((x, d) if ctx.needs_input_grad[3] else ()), u, kernel, w1, w2)
        return product(u, w2, b2).add_(x)

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
            return gx, *(None,) * 6
        return gx, gk, gb, gu.t() @ d.reshape(-1, c), gu.sum(0), g.t() @ flat_u, g.sum(0)
