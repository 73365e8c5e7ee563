"""The scale network in integers: z to table indices, the same on every device, for ever.

Which table codes a residual must be known exactly on both sides, or everything after it is noise.
So this network uses int8 weights, int8 inputs of every product, shifts by powers of two, clamps
and ReLU, and nothing else. Sums stay below 2^24 in magnitude (`prove`), hence float32, float64
and int64, and any order of summation, give the same bits: exactness is a property of the
arithmetic, not of a library. (Balle et al., "Integer networks", ICLR 2019.)

Fixed point: the residual stream holds units of 1/128 in 16 bits, inputs of products hold units
of 1/16 in 8 bits, a step of the table index is 1/8.

Whatever device the floats of a model run on, these run here, in numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nic_cli.arrays import Array
from nic_cli.errors import ModelError
from nic_cli.transform.config import Z_LIMIT, ModelConfig
from nic_cli.transform.layer_order import shuffle
from nic_cli.transform.plain.layers import neighbours, product
from nic_cli.types import IndexArray, IntArray

STREAM, INPUT, INDEX = 7, 4, 3  # fractional bits of the residual stream, of inputs, of the index
PARTS = ("weight", "bias", "shift")
POSITIONS = 256  # hyper-latents at a time: large tiles take no more memory than usual ones
REACH = 1  # rows of z that an index sees beyond its own: 1 of 1/2 and 1 of 1/4
BOUND = 2**24  # below this every integer is a float32


@dataclass(frozen=True, slots=True)
class Layer:
    """One product: integers carried by floats. weight: [out, in] or [C, 1, 3, 3]; bias, shift: [out].

    The weight's unit in channel c is 2^-shift[c]; the bias has the unit of the sums.
    """

    weight: Array
    bias: Array
    shift: Array


class Arithmetic(Protocol):
    """What the network is made of, in numpy here and with gradients in training."""

    def dense(self, a: Array, layer: Layer) -> Array:
        """a: [..., in] integers -> sums [..., out]."""

    def depthwise(self, a: Array, layer: Layer) -> Array:
        """a: [N, H, W, C] integers -> sums of the 3x3 neighbourhood, borders zero."""

    def rescaled(self, total: Array, shift: Array | float, low: float, high: float) -> Array:
        """clamp(floor(total * 2^-shift), low, high); a power of two is exact in any float."""

    def clamped(self, x: Array, low: float, high: float) -> Array:
        """x between two bounds."""


def indices(z: Array, bias: Array, layers: Mapping[str, Layer], top: int, do: Arithmetic) -> Array:
    """z: [N, h, w, hyper], bias by q: [..., 4 * scale], integers -> indices [N, 4h, 4w, latent], 0..top."""
    entry, up, head = layers["entry"], layers["up"], layers["head"]
    h = do.rescaled(do.dense(z, entry), entry.shift - STREAM, -32768, 32767)
    h = do.clamped(h + bias, -32768, 32767)
    h = _block(shuffle(h, 2), "coarse", layers, do)
    a = do.rescaled(h, STREAM - INPUT, -128, 127)
    h = do.rescaled(do.dense(a, up), up.shift + (INPUT - STREAM), -32768, 32767)
    h = _block(shuffle(h, 2), "fine", layers, do)
    a = do.rescaled(h, STREAM - INPUT, -128, 127)
    return do.rescaled(do.dense(a, head), head.shift + (INPUT - INDEX), 0, top)


def _block(h: Array, name: str, layers: Mapping[str, Layer], do: Arithmetic) -> Array:
    """h: residual stream [N, H, W, C] -> the same after an integer block n -> 2n -> n."""
    spread, expand, reduce = (layers[f"{name}.{i}"] for i in range(3))
    a = do.rescaled(h, STREAM - INPUT, -128, 127)
    a = do.rescaled(do.depthwise(a, spread), spread.shift, -128, 127)
    a = do.rescaled(do.dense(a, expand), expand.shift, 0, 127)
    delta = do.rescaled(do.dense(a, reduce), reduce.shift + (INPUT - STREAM), -(2**22), 2**22)
    return do.clamped(h + delta, -32768, 32767)


class _Numpy:
    """`Arithmetic` in float32 or float64, whichever carries the integers."""

    def dense(self, a: Array, layer: Layer) -> Array:
        return product(a, layer.weight.T, layer.bias)

    def depthwise(self, a: Array, layer: Layer) -> Array:
        return neighbours(a, layer.weight) + layer.bias

    def rescaled(self, total: Array, shift: Array | float, low: float, high: float) -> Array:
        scale = np.ldexp(total.dtype.type(1), -np.asarray(shift).astype(np.int32))
        found = total * scale
        np.floor(found, out=found)
        return np.clip(found, low, high, out=found)

    def clamped(self, x: Array, low: float, high: float) -> Array:
        return np.clip(x, low, high)


_NUMPY = _Numpy()


@dataclass(frozen=True)
class Integers:
    """The scale network as a model file holds it, carried by one float type."""

    layers: dict[str, Layer]
    q_bias: NDArray[Any]
    q_top: float
    top: int

    def __post_init__(self) -> None:
        prove(self.layers)

    def to(self, kind: type) -> Integers:
        """The same integers carried by another type."""
        layers = {n: Layer(*(getattr(x, p).astype(kind) for p in PARTS)) for n, x in self.layers.items()}
        return Integers(layers, self.q_bias.astype(kind), self.q_top, self.top)

    def __call__(self, z: IntArray, q: float) -> IndexArray:
        """z: [h, w, hyper] integers -> table indices [4h, 4w, latent] as uint8."""
        height, width, bias = *z.shape[:2], self._bias(q)
        found = np.empty((4 * height, 4 * width, len(self.layers["head"].bias)), np.uint8)
        rows = max(1, POSITIONS // width)
        for top in range(0, height, rows):
            first, end = max(0, top - REACH), top + rows + REACH
            carried = z[first:end].astype(bias.dtype)[None]
            part = indices(carried, bias, self.layers, self.top, _NUMPY)[0]
            found[4 * top : 4 * (top + rows)] = part[4 * (top - first) :][: 4 * rows]
        return found

    def _bias(self, q: float) -> NDArray[Any]:
        """The bias at rate q, [4 * scale] integers, exact: q counts in 1/4096."""
        last = len(self.q_bias) - 1
        step = round(self.q_top * 4096) // last
        units = min(max(round(q * 4096), 0), step * last)
        low = min(units // step, last - 1)
        part, anchors = units - low * step, self.q_bias.astype(np.int64)
        mixed = (anchors[low] * (step - part) + anchors[low + 1] * part) // step
        exact: NDArray[Any] = mixed.astype(self.q_bias.dtype)
        return exact

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What goes into a model file: int8 weights, int32 biases, int8 shifts."""
        kinds = {"weight": np.int8, "bias": np.int32, "shift": np.int8}
        flat = {
            f"{name}.{part}": getattr(layer, part).astype(kind)
            for name, layer in self.layers.items()
            for part, kind in kinds.items()
        }
        return {**flat, "q_bias": self.q_bias.astype(np.int32)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], config: ModelConfig) -> Integers:
        """Read back what `tensors` gave, of the shapes that it should have; ModelError over 2^24."""
        names = sorted({name.rpartition(".")[0] for name in tensors} - {""})
        layers = {
            name: Layer(*(tensors[f"{name}.{part}"].astype(np.float32) for part in PARTS)) for name in names
        }
        return cls(layers, tensors["q_bias"].astype(np.float32), config.q_top, config.scales - 1)


def prove(layers: Mapping[str, Layer]) -> int:
    """The largest magnitude any partial sum can reach; raises ModelError from 2^24 on."""
    worst = 0
    for name, layer in layers.items():
        weight = np.abs(layer.weight.reshape(len(layer.weight), -1).astype(np.float64)).sum(1)
        largest = (weight * 128 + np.abs(layer.bias.astype(np.float64))).max()
        if not largest < BOUND:
            raise ModelError(f"scale network, layer {name}: sums can reach {largest:.0f}, over 2^24")
        worst = max(worst, int(largest))
    return worst


# -- the self-test -------------------------------------------------------------------------------


def probe(config: ModelConfig) -> IntArray:
    """A fixed input [8, 8, hyper] for self-tests: small values, and some at the clamps."""
    count = np.arange(64 * config.hyper, dtype=np.int64)
    spread = (count * 2654435761 % 4294967296) // 65536 % 15 - 7
    edge = np.where(count % 2 == 0, Z_LIMIT, -Z_LIMIT)
    return np.where(count % 97 == 0, edge, spread).reshape(8, 8, config.hyper).astype(np.int32)


def digest(integers: Integers, config: ModelConfig) -> bytes:
    """SHA-256 of the indices of the probe at three rates, 32 bytes."""
    found = hashlib.sha256()
    for q in (0.0, config.q_top / 2 + 0.125, config.q_top):
        found.update(integers(probe(config), q).tobytes())
    return found.digest()


def carried(
    integers: Integers, config: ModelConfig, expected: bytes, warn: Callable[[str], None]
) -> Integers:
    """The network on the first arithmetic that passes the self-test of the model file: float32, or float64.

    Does this machine do the integers of a model as they are meant? Asked once for each load. `warn` is told
    of float64; ModelError raised when nothing gives the digest.
    """
    for kind in (np.float32, np.float64):
        candidate = integers.to(kind)
        if digest(candidate, config) == expected:
            if kind is not np.float32:
                warn("arithmetic in float32 is not exact here: going on in float64, which is slower")
            return candidate
    raise ModelError(f"the self-test of model {config.name} fails: its weights are damaged, fetch it again")
