"""From symbols to pixels, in floats of 64 bits, which all machines round to the same pixels."""

import numpy as np

from tests.reference.layers import conv3x3, dense, depthwise, leaky, squares
from tests.reference.model import Model
from tests.reference.noise import added
from tests.reference.tables import anchor_step

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
OF_BLOCK = ("depthwise", "depthwise_bias", "expand", "expand_bias", "reduce", "reduce_bias")


def residual(x: np.ndarray, weights: list[np.ndarray], scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """x + reduce(leaky(expand(depthwise(x) * scale + shift))), weights in the order of OF_BLOCK."""
    near, near_bias, expand, expand_bias, reduce, reduce_bias = weights
    a = ((depthwise(x, near) + near_bias) * scale + shift) @ expand.T + expand_bias
    return x + leaky(a) @ reduce.T + reduce_bias


def block(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    """A block whose weights begin with name."""
    return residual(x, [model[f"{name}.{part}"] for part in OF_BLOCK], 1, 0)


def between(anchors: np.ndarray, at: float) -> np.ndarray:
    """Anchors [n, ...] interpolated linearly at a place 0..n-1."""
    low = min(int(at), len(anchors) - 2)
    share = at - low
    return anchors[low] * (1 - share) + anchors[low + 1] * share


def latents(z: np.ndarray, r: np.ndarray, q: int, made: float, model: Model) -> np.ndarray:
    """Symbols of a tile -> its latents [rows, columns, L]; q in 1/4096, made: the realism of the header."""
    at = q / anchor_step(model)
    h = dense(model, "hyper_synthesis.stem", z.astype(np.float64))
    h = squares(h + between(model["hyper_synthesis.q_bias"], at), 2)
    h = dense(model, "hyper_synthesis.up", block(model, "hyper_synthesis.coarse", h))
    features = block(model, "hyper_synthesis.fine", squares(h, 2))
    out = r.astype(np.float64)
    before: list[np.ndarray] = []
    for phase, (i, j) in enumerate(PHASES):
        name, x = f"context.steps.{phase}", features[i::2, j::2]
        if before:
            seen = np.concatenate(before, -1)
            x = np.concatenate((x, dense(model, f"{name}.reduce", seen)), -1)
            near = depthwise(seen, model[f"{name}.linear"])
            out[i::2, j::2] += near.reshape(*near.shape[:2], phase, -1).sum(2)
        x = dense(model, f"{name}.stem", x)
        for k in range(model.config["context_depth"] if before else 0):
            x = block(model, f"{name}.blocks.{k}", x)
        out[i::2, j::2] += dense(model, f"{name}.tail", x)
        before.append(out[i::2, j::2].copy())
    return out * np.exp(between(between(model["gains.outward"], (model.config["b_anchors"] - 1) * made), at))


def updated(model: Model, name: str, update: str, share: float) -> np.ndarray:
    """A weight with a share of its update, a plain difference or a product."""
    weight, plain = model[name], update in model.tensors
    if share <= 0 or not model.config["realism_rank"]:
        return weight
    change = model[update] if plain else model[f"{update}.wide"] @ model[f"{update}.narrow"]
    return weight + share * change.reshape(weight.shape)


def picture(x: np.ndarray, q: int, made: float, shown: float, seed: int, model: Model) -> np.ndarray:
    """Latents [h, w, L] -> red, green and blue [16 h, 16 w, 3] around 0; made, shown: realisms."""
    share, last = 2 * shown - 1, model.config["b_anchors"] - 1

    def blocks(name: str, h: np.ndarray) -> np.ndarray:
        for k in range(model.config[f"{name}_depth".replace(".", "_")]):
            at = f"{name}.{k}"
            parts = [updated(model, f"{at}.block.{part}", f"{at}.realism.{part}", share) for part in OF_BLOCK]
            anchors = [model[f"{at}.{key}"] for key in ("scale", "shift")]
            by_b = [between(between(each, last * made), last * shown) for each in anchors]
            h = residual(h, parts, *by_b)
        return h

    h = blocks("synthesis.coarse", dense(model, "synthesis.stem", x))
    h = squares(dense(model, "synthesis.up", h), 2)
    noisy = share > 0 and model.config["noise"]
    direct = added(h, q / 4096, share, seed, model) if noisy else 0
    h = blocks("synthesis.fine", h)
    tail = updated(model, "synthesis.tail.weight", "synthesis.tail.realism", share)
    h = conv3x3(h, tail) + model["synthesis.tail.bias"]
    return squares(h + direct + squares(dense(model, "synthesis.skip", x), 2), 8)
