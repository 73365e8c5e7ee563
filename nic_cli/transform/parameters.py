"""The tensors of a native model by name and shape, as `config.json` implies them: what a file must hold."""

from __future__ import annotations

from collections.abc import Iterator

from nic_cli.transform.config import ModelConfig
from nic_cli.transform.seeded_noise import BANDS, CELL, OCTAVES, VALUES

Shape = tuple[int, ...]
Named = Iterator[tuple[str, Shape]]


def floats(config: ModelConfig) -> dict[str, Shape]:
    """The float tensors: all parameters of `network.Network` but those that only training needs."""
    return dict(_floats(config))


def integers(config: ModelConfig) -> dict[str, Shape]:
    """The tensors of the scale network, as `integers.Integers.tensors` names them."""
    n = config.scale
    weights = {"entry": (4 * n, config.hyper), "up": (4 * n, n), "head": (config.latent, n)}
    for part in ("coarse", "fine"):
        weights |= {f"{part}.0": (n, 1, 3, 3), f"{part}.1": (2 * n, n), f"{part}.2": (n, 2 * n)}  # type: ignore[dict-item]
    found: dict[str, Shape] = {"q_bias": (config.q_anchors, 4 * n)}
    for name, shape in weights.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1], f"{name}.shift": shape[:1]}
    return found


def _floats(config: ModelConfig) -> Named:
    yield from _analysis(config)
    for name in ("inward", "outward"):
        yield f"gains.{name}", (config.b_anchors, config.q_anchors, config.latent)
    yield from _hyper(config)
    for before in range(4):
        yield from _step(config, before)
    yield from _synthesis(config)


def _analysis(config: ModelConfig) -> Named:
    fine, coarse, anchors = config.analysis_fine, config.analysis_coarse, (config.b_anchors,)
    yield from _dense("analysis.stem", 192, fine)
    for i in range(config.analysis_fine_depth):
        yield from _conditioned(f"analysis.fine.{i}", fine, anchors, 0)
    yield from _dense("analysis.down", 4 * fine, coarse)
    for i in range(config.analysis_coarse_depth):
        yield from _conditioned(f"analysis.coarse.{i}", coarse, anchors, 0)
    yield from _dense("analysis.tail", coarse, config.latent)
    yield from _dense("analysis.skip", 768, config.latent, bias=False)


def _hyper(config: ModelConfig) -> Named:
    fine, coarse = config.hyper_fine, config.hyper_coarse
    yield from _dense("hyper_analysis.stem", config.latent, fine)
    yield from _dense("hyper_analysis.down", 4 * fine, coarse)
    yield from _dense("hyper_analysis.tail", 4 * coarse, config.hyper)
    yield from _dense("hyper_synthesis.stem", config.hyper, 4 * coarse)
    yield from _dense("hyper_synthesis.up", coarse, 4 * fine)
    yield "hyper_synthesis.q_bias", (config.q_anchors, 4 * coarse)
    for name in ("hyper_analysis", "hyper_synthesis"):
        yield from _block(f"{name}.fine", fine)
        yield from _block(f"{name}.coarse", coarse)


def _step(config: ModelConfig, before: int) -> Named:
    name, n, seen = f"context.steps.{before}", config.context, before * config.latent
    if before:
        yield from _dense(f"{name}.reduce", seen, n // 2)
        yield f"{name}.linear", (seen, 1, 3, 3)
    yield from _dense(f"{name}.stem", config.hyper_fine + (n // 2 if before else 0), n)
    for i in range(config.context_depth if before else 0):
        yield from _block(f"{name}.blocks.{i}", n)
    yield from _dense(f"{name}.tail", n, config.latent)


def _synthesis(config: ModelConfig) -> Named:
    coarse, fine, rank = config.synthesis_coarse, config.synthesis_fine, config.realism_rank
    anchors = (config.b_anchors, config.b_anchors)
    yield from _dense("synthesis.stem", config.latent, coarse)
    for i in range(config.synthesis_coarse_depth):
        yield from _conditioned(f"synthesis.coarse.{i}", coarse, anchors, rank)
    yield from _dense("synthesis.up", coarse, 4 * fine)
    for i in range(config.synthesis_fine_depth):
        yield from _conditioned(f"synthesis.fine.{i}", fine, anchors, rank)
    yield "synthesis.tail.weight", (192, fine, 3, 3)
    yield "synthesis.tail.bias", (192,)
    if rank:
        yield from _update("synthesis.tail.realism", 192, 9 * fine, rank)
    yield from _dense("synthesis.skip", config.latent, 768, bias=False)
    if hidden := config.noise:
        name = "synthesis.realism"
        yield from _dense(f"{name}.seen", fine, hidden)
        yield from _dense(f"{name}.deep", hidden, hidden)
        yield f"{name}.by_q", (hidden,)
        yield from _dense(f"{name}.loudness", hidden, OCTAVES * BANDS)
        yield from _dense(f"{name}.direct", VALUES, CELL * CELL * 3, bias=False)


def _dense(name: str, inputs: int, outputs: int, *, bias: bool = True) -> Named:
    yield f"{name}.weight", (outputs, inputs)
    if bias:
        yield f"{name}.bias", (outputs,)


def _block(name: str, width: int) -> Named:
    yield f"{name}.depthwise", (width, 1, 3, 3)
    yield f"{name}.depthwise_bias", (width,)
    yield f"{name}.expand", (2 * width, width)
    yield f"{name}.expand_bias", (2 * width,)
    yield f"{name}.reduce", (width, 2 * width)
    yield f"{name}.reduce_bias", (width,)


def _conditioned(name: str, width: int, anchors: Shape, rank: int) -> Named:
    yield from _block(f"{name}.block", width)
    yield f"{name}.scale", (*anchors, width)
    yield f"{name}.shift", (*anchors, width)
    if rank:
        products = ("expand", "reduce")
        for part, shape in _block(f"{name}.realism", width):
            if part.endswith(products):
                yield from _update(part, shape[0], shape[1], rank)
            else:
                yield part, shape


def _update(name: str, outputs: int, inputs: int, rank: int) -> Named:
    yield f"{name}.narrow", (rank, inputs)
    yield f"{name}.wide", (outputs, rank)
