"""From symbols to pixels, in floats of 32 bits."""

from __future__ import annotations

import numpy as np

from tests.reference.layers import conv3x3, depthwise, leaky, squares
from tests.reference.tables import anchor_step

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))


def dense(model, name: str, x: np.ndarray) -> np.ndarray:
    """A product and a bias, where there is one."""
    out = x @ model[f"{name}.weight"].T
    return out + model[f"{name}.bias"] if f"{name}.bias" in model.tensors else out


def block(model, name: str, x: np.ndarray) -> np.ndarray:
    """x + reduce(leaky(expand(depthwise(x))))."""
    return residual_block({key: model[f"{name}.{key}"] for key in KEYS}, x)


KEYS = ("depthwise", "depthwise_bias", "expand", "expand_bias", "reduce", "reduce_bias")


def residual_block(w: dict[str, np.ndarray], x: np.ndarray, scale=None, shift=None) -> np.ndarray:
    """The same with weights, and what multiplies the depthwise output and is added to it."""
    a = depthwise(x, w["depthwise"]) + w["depthwise_bias"]
    if scale is not None:
        a = a * scale + shift
    return x + leaky(a @ w["expand"].T + w["expand_bias"]) @ w["reduce"].T + w["reduce_bias"]


def between(anchors: np.ndarray, at: float) -> np.ndarray:
    """Anchors [n, ...] interpolated linearly at a place 0..n-1."""
    low = min(int(at), len(anchors) - 2)
    share = np.float32(at - low)
    return anchors[low] * (1 - share) + anchors[low + 1] * share


def latents(z: np.ndarray, r: np.ndarray, q: int, b: int, model) -> np.ndarray:
    """Symbols of a tile -> its latents [rows, columns, L], as the synthesis sees them; q and b in 1/4096."""
    at = q / anchor_step(model)
    h = dense(model, "hyper_synthesis.stem", z.astype(np.float32))
    h = h + between(model["hyper_synthesis.q_bias"], at)
    h = block(model, "hyper_synthesis.coarse", squares(h, 2))
    h = squares(dense(model, "hyper_synthesis.up", h), 2)
    features = block(model, "hyper_synthesis.fine", h)
    out = r.astype(np.float32)
    before: list[np.ndarray] = []
    for phase, (i, j) in enumerate(PHASES):
        name = f"context.steps.{phase}"
        x = features[i::2, j::2]
        mean = np.float32(0)
        if before:
            seen = np.concatenate(before, -1)
            x = np.concatenate((x, dense(model, f"{name}.reduce", seen)), -1)
            linear = depthwise(seen, model[f"{name}.linear"])
            mean = linear.reshape(*linear.shape[:2], phase, -1).sum(2)
        x = dense(model, f"{name}.stem", x)
        for k in range(model.config["context_depth"] if before else 0):
            x = block(model, f"{name}.blocks.{k}", x)
        out[i::2, j::2] += mean + dense(model, f"{name}.tail", x)
        before.append(out[i::2, j::2].copy())
    return out * np.exp(between(between(model["gains.outward"], 2 * b / 4096), at))


def updated(model, name: str, update: str, share: float) -> np.ndarray:
    """A weight with a share of its update."""
    weight = model[name]
    if share <= 0:
        return weight
    if update in model.tensors:
        return weight + np.float32(share) * model[update]
    change = model[f"{update}.wide"] @ model[f"{update}.narrow"]
    return weight + np.float32(share) * change.reshape(weight.shape)


def synthesis_block(model, name: str, x: np.ndarray, made: float, shown: float) -> np.ndarray:
    """A block of the synthesis: made and shown are the realisms of the header and of the picture."""
    weights = {key: updated(model, f"{name}.block.{key}", f"{name}.realism.{key}", 2 * shown - 1) for key in KEYS}
    scale, shift = (between(between(model[f"{name}.{key}"], 2 * made), 2 * shown) for key in ("scale", "shift"))
    return residual_block(weights, x, scale, shift)


def picture(x: np.ndarray, q: int, made: float, shown: float, seed: int, model) -> np.ndarray:
    """Latents [h, w, L] -> red, green and blue [16 h, 16 w, 3] around 0."""
    share = 2 * shown - 1
    h = dense(model, "synthesis.stem", x)
    for k in range(model.config["synthesis_coarse_depth"]):
        h = synthesis_block(model, f"synthesis.coarse.{k}", h, made, shown)
    h = squares(dense(model, "synthesis.up", h), 2)
    for k in range(model.config["synthesis_fine_depth"]):
        h = synthesis_block(model, f"synthesis.fine.{k}", h, made, shown)
    weight = updated(model, "synthesis.tail.weight", "synthesis.tail.realism", share)
    h = conv3x3(h, weight) + model["synthesis.tail.bias"]
    return squares(h + squares(dense(model, "synthesis.skip", x), 2), 8)
