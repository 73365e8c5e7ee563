"""The graphs of a native model, as nic(5) puts them together; `readme` says what goes in and out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from nic_cli.transform.config import MIDDLE, ModelConfig
from nic_cli.transform.graphs.builder import Graph, Port
from nic_cli.transform.graphs.scales import tables
from nic_cli.transform.layer_order import PHASES
from nic_cli.transform.plain.weights import PARTS
from nic_cli.transform.seeded_noise import BANDS, LOUDEST, SIDES, VALUES

Tensors = Mapping[str, NDArray[Any]]
Built = tuple[Graph, dict[str, tuple[str, Port]]]
DIAL: Port = ("float32", [1])


def graphs(config: ModelConfig, tensors: Tensors) -> Iterator[Built]:
    """Each graph with its outputs. tensors: all of the model file, `scales.` too."""
    yield _analysis(config, tensors)
    yield _hyper_analysis(config, tensors)
    yield tables(config, tensors)
    yield _hyper_synthesis(config, tensors)
    for phase in range(len(PHASES)):
        yield _context(config, tensors, phase)
    yield _synthesis(config, tensors)


def latents_of(config: ModelConfig, rows: str = "h", columns: str = "w") -> Port:
    """Latents, or what stands where they do."""
    return "float32", [1, rows, columns, config.latent]


def _analysis(config: ModelConfig, tensors: Tensors) -> Built:
    """Pixels to latents that are gained; the extended picture as a whole."""
    g = Graph("analysis", tensors, {"pixels": ("float32", [1, "H", "W", 3]), "q": DIAL, "b": DIAL})
    by_b = g.shares("b", 1, config.b_anchors)
    bands = g.blocks_of(g.inward(g.op("Sub", "pixels", g.constant(0.5))), 8)
    h = g.dense("analysis.stem", bands)
    for i in range(config.analysis_fine_depth):
        h = _conditioned(g, f"analysis.fine.{i}", h, by_b)
    h = g.dense("analysis.down", g.blocks_of(h, 2))
    for i in range(config.analysis_coarse_depth):
        h = _conditioned(g, f"analysis.coarse.{i}", h, by_b)
    y = g.add(g.dense("analysis.tail", h), g.dense("analysis.skip", g.blocks_of(bands, 2)))
    y = g.mul(y, _gains(g, config, "gains.inward", "b"))
    return g, {"y": (g.outward(y), latents_of(config, "H/16", "W/16"))}


def _hyper_analysis(config: ModelConfig, tensors: Tensors) -> Built:
    """Gained latents of a tile to hyper-latents before rounding."""
    g = Graph("hyper_analysis", tensors, {"y": latents_of(config)})
    h = g.block("hyper_analysis.fine", g.dense("hyper_analysis.stem", g.inward("y")))
    h = g.block("hyper_analysis.coarse", g.dense("hyper_analysis.down", g.blocks_of(h, 2)))
    z = g.dense("hyper_analysis.tail", g.blocks_of(h, 2))
    return g, {"z": (g.outward(z), ("float32", [1, "h/4", "w/4", config.hyper]))}


def _hyper_synthesis(config: ModelConfig, tensors: Tensors) -> Built:
    """Hyper-latents of a tile to features."""
    g = Graph("hyper_synthesis", tensors, {"z": ("float32", [1, "h/4", "w/4", config.hyper]), "q": DIAL})
    bias = g.mixed("hyper_synthesis.q_bias", g.shares("q", config.q_top, config.q_anchors))
    h = g.add(g.dense("hyper_synthesis.stem", g.inward("z")), g.across(bias))
    h = g.dense("hyper_synthesis.up", g.block("hyper_synthesis.coarse", g.squares(h, 2)))
    h = g.block("hyper_synthesis.fine", g.squares(h, 2))
    return g, {"features": (g.outward(h), ("float32", [1, "h", "w", config.hyper_fine]))}


def _context(config: ModelConfig, tensors: Tensors, phase: int) -> Built:
    """Features of a tile, and latents of the phases before, to the means of a phase."""
    inputs: dict[str, Port] = {"features": ("float32", [1, "h", "w", config.hyper_fine])}
    if phase:
        inputs["before"] = ("float32", [1, "h/2", "w/2", phase * config.latent])
    g, name = Graph(f"context_{phase}", tensors, inputs), f"context.steps.{phase}"
    start, axes, steps = (g.constant(values, np.int64) for values in (PHASES[phase], [1, 2], [2, 2]))
    ends = g.constant([np.iinfo(np.int64).max] * 2, np.int64)
    h = g.inward(g.op("Slice", "features", start, ends, axes, steps))
    if phase:
        before = g.inward("before")
        h = g.op("Concat", h, g.dense(f"{name}.reduce", before), axis=1)
    h = g.dense(f"{name}.stem", h)
    for i in range(config.context_depth if phase else 0):
        h = g.block(f"{name}.blocks.{i}", h)
    means = g.dense(f"{name}.tail", h)
    if phase:
        near = g.conv(before, g.weight(f"{name}.linear"), None, 3, phase * config.latent)
        apart = g.op("Reshape", near, g.constant([phase, config.latent, 0, 0], np.int64))  # 0: as it is
        means = g.add(means, g.op("ReduceSum", apart, g.constant([0], np.int64), keepdims=1))
    return g, {"means": (g.outward(means), latents_of(config, "h/2", "w/2"))}


def _synthesis(config: ModelConfig, tensors: Tensors) -> Built:
    """Latents of the whole picture, before gains, to pixels."""
    dials = {name: DIAL for name in ("q", "b_made", "b_shown")}
    inputs: dict[str, Port] = {"latents": latents_of(config), **dials}
    if config.noise:
        inputs["noise"] = ("int8", [1, "2h", "2w", VALUES])
    g = Graph("synthesis", tensors, inputs)
    share = g.clip(g.op("Sub", g.mul("b_shown", g.constant(1 / (1 - MIDDLE))), g.constant(1)), 0, 1)
    made, shown = (g.shares(name, 1, config.b_anchors) for name in ("b_made", "b_shown"))
    column = g.op("Reshape", made, g.constant([-1, 1], np.int64))
    by_b = g.op("Reshape", g.mul(column, shown), g.constant([1, -1], np.int64))  # of all pairs of anchors
    y = g.mul(g.inward("latents"), _gains(g, config, "gains.outward", "b_made"))
    h = g.dense("synthesis.stem", y)
    for i in range(config.synthesis_coarse_depth):
        h = _conditioned(g, f"synthesis.coarse.{i}", h, by_b, share)
    h = g.squares(g.dense("synthesis.up", h), 2)
    straight = g.squares(g.dense("synthesis.skip", y), 2)
    if config.noise:
        straight = g.add(straight, g.dense("synthesis.realism.direct", _grain(g, h, share)))
    for i in range(config.synthesis_fine_depth):
        h = _conditioned(g, f"synthesis.fine.{i}", h, by_b, share)
    shape = tensors["synthesis.tail.weight"].shape
    tail = _updated(g, "synthesis.tail.weight", "synthesis.tail.realism", shape, share)
    x = g.add(g.conv(h, tail, g.weight("synthesis.tail.bias"), 3), straight)
    pixels = g.add(g.outward(g.squares(x, 8)), g.constant(0.5))
    return g, {"pixels": (pixels, ("float32", [1, "16h", "16w", 3]))}


def _gains(g: Graph, config: ModelConfig, name: str, b: str) -> str:
    """What latents are multiplied with, [1, C, 1, 1]: between anchors of b, then of q."""
    shape = g.tensors[name].shape
    rows = g.op("MatMul", g.shares(b, 1, config.b_anchors), g.weight(name, shape[0], shape[1] * shape[2]))
    logs = g.op("Reshape", rows, g.constant(shape[1:], np.int64))
    return g.across(g.op("Exp", g.op("MatMul", g.shares("q", config.q_top, config.q_anchors), logs)))


def _conditioned(g: Graph, name: str, x: str, shares: str, share: str | None = None) -> str:
    """A block whose depthwise layer follows the realisms, and whose weights are updated by a share."""
    weights = []
    for part in PARTS:
        shape = g.shape(f"{name}.block", part)
        weights.append(_updated(g, f"{name}.block.{part}", f"{name}.realism.{part}", shape, share))
    scale, shift = (g.mixed(f"{name}.{key}", shares) for key in ("scale", "shift"))
    row = g.constant([-1], np.int64)
    weights[0] = g.mul(weights[0], g.op("Reshape", scale, g.constant([-1, 1, 1, 1], np.int64)))
    bias = g.mul(weights[1], g.op("Reshape", scale, row))
    weights[1] = g.add(bias, g.op("Reshape", shift, row))
    return g.residual(x, weights, len(g.tensors[f"{name}.block.depthwise"]))


def _updated(g: Graph, name: str, update: str, shape: tuple[int, ...], share: str | None) -> str:
    """A weight with a share of its update, a plain difference or a product, if there is one."""
    weight = g.weight(name, *shape)
    if share is None or not {update, f"{update}.wide"} & g.tensors.keys():
        return weight
    if update in g.tensors:
        change = g.weight(update, *shape)
    else:
        product = g.op("MatMul", g.weight(f"{update}.wide"), g.weight(f"{update}.narrow"))
        change = g.op("Reshape", product, g.constant(shape, np.int64))
    return g.add(weight, g.mul(share, change))


def _grain(g: Graph, h: str, share: str) -> str:
    """The noise as loud as the model wants it before the features h, [1, VALUES, 2h, 2w]."""
    name = "synthesis.realism"
    by_q = g.mul("q", g.weight(f"{name}.by_q", 1, -1, 1, 1))
    x = g.leaky(g.add(g.dense(f"{name}.seen", h), by_q))
    t = g.dense(f"{name}.loudness", g.leaky(g.dense(f"{name}.deep", x)))
    root = g.op("Sqrt", g.add(g.mul(t, t), g.constant(1)))
    half = g.mul(g.add(t, root), g.constant(0.5))
    loud = g.mul(g.mul(half, half), g.mul(g.op("Sqrt", share), g.constant(LOUDEST)))
    band = np.repeat(np.arange(len(SIDES) * BANDS), np.repeat(np.square(SIDES), BANDS))
    loud = g.op("Gather", loud, g.constant(band, np.int64), axis=1)
    values = g.add(g.inward(g.op("Cast", "noise", to=TensorProto.FLOAT)), g.constant(0.5))
    return g.mul(loud, g.mul(values, g.constant(((256**2 - 1) / 12) ** -0.5)))
