"""ONNX graphs node by node, and the layers that they are made of. Needs the package onnx.

By hand and not by torch.onnx.export, of which one way needs another package (onnxscript), the other is
deprecated since torch 2.9, and both store each weight in float32 under names of their own. Here weights
stay in the types of the model file, the same graphs come of every version, and torch is not even imported.

Activations stand as [1, C, H, W] inside, where convolutions want them, and as [1, H, W, C] outside, where
symbols are in the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from nic_cli.transform.plain.weights import PARTS

OPSET, IR = 17, 8  # of 2022: ONNX Runtime from 1.12 on
LEAK = 0.01
Shape = Sequence[int | str]
TYPES = {"float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "int32": TensorProto.INT32}
Port = tuple[str, Shape]
"""Type and shape of an input or output; letters are sizes that are free."""


class Graph:
    """One graph under construction; values are named by strings. tensors: those of the model file."""

    def __init__(self, name: str, tensors: Mapping[str, NDArray[Any]], inputs: Mapping[str, Port]) -> None:
        self.name, self.tensors, self.inputs = name, tensors, inputs
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._made: dict[Any, str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output; its name. Equal nodes are one."""
        key = kind, inputs, repr(attributes)
        if key not in self._made:
            self._made[key] = f"{kind.lower()}_{len(self._nodes)}"
            made = helper.make_node(kind, inputs, [self._made[key]], name=self._made[key], **attributes)
            self._nodes.append(made)
        return self._made[key]

    def constant(self, values: Any, kind: Any = np.float32, name: str = "") -> str:
        """Numbers that belong to the graph."""
        array = np.asarray(values, kind)
        name = name or f"{array.dtype}:{' '.join(map(str, array.shape))}:{array.tolist()}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(array, f"constant_{len(self._constants)}")
        return str(self._constants[name].name)

    def weight(self, name: str, *shape: int) -> str:
        """A tensor of the model in float32, in this shape or its own; stored as it is there."""
        array = self.tensors[name].reshape(shape or self.tensors[name].shape)
        key = f"{name} {shape}"
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return self.op("Cast", str(self._constants[key].name), to=TensorProto.FLOAT)

    def model(self, outputs: Mapping[str, tuple[str, Port]], about: Mapping[str, str]) -> bytes:
        """The file. outputs: by name the value and what it is; about: what programs find as metadata."""
        for name, (value, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        takes, gives = (
            [helper.make_tensor_value_info(name, TYPES[kind], shape) for name, (kind, shape) in ports.items()]
            for ports in (self.inputs, {name: port for name, (_, port) in outputs.items()})
        )
        graph = helper.make_graph(self._nodes, self.name, takes, gives, list(self._constants.values()))
        opset = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(graph, opset_imports=opset, ir_version=IR, producer_name="nic")
        helper.set_model_props(made, dict(about))
        checker.check_model(made, full_check=True)
        return bytes(made.SerializeToString())

    # -- arithmetic ------------------------------------------------------------------------------

    def add(self, a: str, b: str) -> str:
        """a + b."""
        return self.op("Add", a, b)

    def mul(self, a: str, b: str) -> str:
        """a b."""
        return self.op("Mul", a, b)

    def clip(self, x: str, low: float, high: float) -> str:
        """x between two bounds."""
        return self.op("Clip", x, self.constant(low), self.constant(high))

    def leaky(self, x: str) -> str:
        """LEAK of it below zero."""
        return self.op("LeakyRelu", x, alpha=LEAK)

    def across(self, row: str) -> str:
        """[1, C] -> [1, C, 1, 1]: a number for each channel."""
        return self.op("Reshape", row, self.constant([1, -1, 1, 1], np.int64))

    def inward(self, x: str) -> str:
        """[1, H, W, C] -> [1, C, H, W]."""
        return self.op("Transpose", x, perm=[0, 3, 1, 2])

    def outward(self, x: str) -> str:
        """[1, C, H, W] -> [1, H, W, C]."""
        return self.op("Transpose", x, perm=[0, 2, 3, 1])

    def squares(self, x: str, side: int) -> str:
        """Blocks of channels become squares of positions."""
        return self.op("DepthToSpace", x, blocksize=side, mode="DCR")

    def blocks_of(self, x: str, side: int) -> str:
        """The other way round."""
        return self.op("SpaceToDepth", x, blocksize=side)

    # -- dials -----------------------------------------------------------------------------------

    def shares(self, dial: str, top: float, anchors: int) -> str:
        """What each of the anchors 0..top contributes at a dial [1], linearly in between: [1, anchors]."""
        at = self.clip(self.mul(dial, self.constant((anchors - 1) / top)), 0, anchors - 1)
        apart = self.op("Abs", self.op("Sub", at, self.constant([np.arange(anchors)])))
        return self.op("Relu", self.op("Sub", self.constant(1), apart))

    def mixed(self, name: str, shares: str) -> str:
        """A tensor of the model [anchors..., C] at these shares of all its anchors [1, n] -> [1, C]."""
        return self.op("MatMul", shares, self.weight(name, -1, self.tensors[name].shape[-1]))

    # -- layers ----------------------------------------------------------------------------------

    def conv(self, x: str, weight: str, bias: str | None = None, side: int = 1, group: int = 1) -> str:
        """x: [1, C, H, W]; weight: [outputs, inputs / group, side, side]; borders zero."""
        around = [side // 2] * 4
        given = [x, weight] if bias is None else [x, weight, bias]
        return self.op("Conv", *given, kernel_shape=[side, side], pads=around, group=group)

    def dense(self, name: str, x: str) -> str:
        """A product over the channels, with a bias where there is one."""
        weight = self.weight(f"{name}.weight", *self.tensors[f"{name}.weight"].shape, 1, 1)
        bias = self.weight(f"{name}.bias") if f"{name}.bias" in self.tensors else None
        return self.conv(x, weight, bias)

    def block(self, name: str, x: str) -> str:
        """x + reduce(leaky(expand(depthwise x)))."""
        weights = [self.weight(f"{name}.{part}", *self.shape(name, part)) for part in PARTS]
        return self.residual(x, weights, len(self.tensors[f"{name}.depthwise"]))

    def residual(self, x: str, weights: Sequence[str], width: int) -> str:
        """The same with weights in the order of PARTS, products as [outputs, inputs, 1, 1]."""
        near, near_bias, expand, expand_bias, reduce, reduce_bias = weights
        h = self.conv(x, near, near_bias, 3, width)
        h = self.leaky(self.conv(h, expand, expand_bias))
        return self.add(x, self.conv(h, reduce, reduce_bias))

    def shape(self, name: str, part: str) -> tuple[int, ...]:
        """The shape that a weight of a block has as one of a convolution."""
        own = self.tensors[f"{name}.{part}"].shape
        return (*own, 1, 1) if part in ("expand", "reduce") else own
