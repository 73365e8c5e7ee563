"""The scale network as a graph: integers that floats of 32 bits carry exactly, in any order of summation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.graphs.builder import Graph, Port
from nic_cli.transform.integers import INDEX, INPUT, STREAM

FAR = 2**32
"""Added before a division that rounds towards zero, so that nothing is below it."""


def tables(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> tuple[Graph, dict[str, Any]]:
    """Hyper-latents of a tile to the table of each residual, as `integers.indices`."""
    inputs: dict[str, Port] = {"z": ("float32", [1, "h/4", "w/4", config.hyper]), "q": ("float32", [1])}
    g = Graph("scales", tensors, inputs)
    h = g.clip(g.add(_layer(g, "entry", g.inward("z"), -STREAM), _bias(g, config)), -32768, 32767)
    h = _block(g, "coarse", g.squares(h, 2))
    h = g.squares(_layer(g, "up", _input(g, h), INPUT - STREAM), 2)
    h = _block(g, "fine", h)
    found = _layer(g, "head", _input(g, h), INPUT - INDEX, 0, config.scales - 1)
    found = g.op("Cast", g.outward(found), to=TensorProto.INT32)
    return g, {"tables": (found, ("int32", [1, "h", "w", config.latent]))}


def _block(g: Graph, name: str, h: str) -> str:
    a = _layer(g, f"{name}.0", _input(g, h), 0, -128, 127)
    a = _layer(g, f"{name}.1", a, 0, 0, 127)
    return g.clip(g.add(h, _layer(g, f"{name}.2", a, INPUT - STREAM, -(2**22), 2**22)), -32768, 32767)


def _input(g: Graph, h: str) -> str:
    """The residual stream as what a product takes."""
    return g.clip(g.op("Floor", g.mul(h, g.constant(2.0 ** (INPUT - STREAM)))), -128, 127)


def _layer(g: Graph, name: str, x: str, more: int, low: int = -32768, high: int = 32767) -> str:
    """A product, times 2^-(shift + more), rounded down and clamped."""
    weight = g.tensors[f"scales.{name}.weight"]
    spread = weight.ndim == 4
    shape = weight.shape if spread else (*weight.shape, 1, 1)
    taps, bias = g.weight(f"scales.{name}.weight", *shape), g.weight(f"scales.{name}.bias")
    total = g.conv(x, taps, bias, 3, len(weight)) if spread else g.conv(x, taps, bias)
    shift = g.tensors[f"scales.{name}.shift"].astype(np.float64) + more
    scale = g.constant(np.exp2(-shift).reshape(1, -1, 1, 1))
    return g.clip(g.op("Floor", g.mul(total, scale)), low, high)


def _bias(g: Graph, config: ModelConfig) -> str:
    """The bias at q, [1, 4 * scale, 1, 1], in whole numbers of 64 bits: q counts in 1/4096."""
    last = config.q_anchors - 1
    step = round(config.q_top * 4096) // last
    units = g.op("Cast", g.op("Round", g.mul("q", g.constant(4096))), to=TensorProto.INT64)
    units = g.op("Clip", units, g.constant(0, np.int64), g.constant(step * last, np.int64))
    apart = g.op("Abs", g.op("Sub", units, g.constant(step * np.arange(last + 1)[:, None], np.int64)))
    shares = g.op("Max", g.op("Sub", g.constant(step, np.int64), apart), g.constant(0, np.int64))
    anchors = g.constant(g.tensors["scales.q_bias"], np.int64, "scales.q_bias")
    axis = g.constant([0], np.int64)
    total = g.op("ReduceSum", g.mul(shares, anchors), axis, keepdims=1)
    far = g.add(total, g.constant(FAR * step, np.int64))
    whole = g.op("Sub", g.op("Div", far, g.constant(step, np.int64)), g.constant(FAR, np.int64))
    return g.across(g.op("Cast", whole, to=TensorProto.FLOAT))
