"""The folder of a native model: safetensors, configuration, tables and id."""

from __future__ import annotations

import json
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np

TYPES = {"F16": ("<f2", "float16"), "F32": ("<f4", "float32"), "I32": ("<i4", "int32"), "I8": ("i1", "int8")}
TYPES |= {"U8": ("u1", "uint8"), "I64": ("<i8", "int64")}
FIXED = ("scales.", "tables.", "hyper_synthesis.", "context.", "gains.outward")


class Model:
    """Tensors by name, floats widened to 32 bits."""

    def __init__(self, config: dict, raw: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
        self.config = config
        if config["kind"] != "native":
            raise ValueError(f"a model of kind {config['kind']}: this decoder knows native ones")
        digest = sha256(f"{config['q_top']} {config['scales']} {config['skip']}".encode())
        for name in sorted(raw):
            kind, shape, data = raw[name]
            if name.startswith(FIXED):
                digest.update(f"{name} torch.{TYPES[kind][1]} {shape}".encode() + data)
        self.id = digest.digest()[:8]
        self.tensors = {
            name: np.frombuffer(data, TYPES[kind][0]).reshape(shape) for name, (kind, shape, data) in raw.items()
        }
        self.lows = self["tables.lows"].astype(np.int64)
        self.sizes = self["tables.sizes"].astype(np.int64)
        self.ends = np.cumsum(self.sizes)

    def __getitem__(self, name: str) -> np.ndarray:
        """A tensor; floats as f32."""
        found = self.tensors[name]
        return found.astype(np.float32) if found.dtype.kind == "f" else found

    def cumulated(self, table: int) -> list[int]:
        """The cumulated frequencies of a table, from 0 to 2^24."""
        end, size = int(self.ends[table]), int(self.sizes[table])
        return [0, *np.cumsum(self.tensors["tables.frequencies"][end - size : end].astype(np.int64)).tolist()]

    def cheapest(self, table: int) -> float:
        """The bits of the likeliest entry of a table."""
        return 24 - float(np.log2(np.diff(self.cumulated(table)).max()))


def load(folder: Path) -> Model:
    """Read config.json and model.safetensors; raises ValueError where they are not what they must be."""
    try:
        data = (folder / "model.safetensors").read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        raw = {}
        for name, entry in json.loads(data[8:end]).items():
            if name != "__metadata__":
                start, stop = (end + offset for offset in entry["data_offsets"])
                size = np.dtype(TYPES[entry["dtype"]][0]).itemsize * prod(entry["shape"])
                if not end <= start <= stop <= len(data) or stop - start != size:
                    raise ValueError(f"tensor {name} does not fit its place")
                raw[name] = entry["dtype"], tuple(entry["shape"]), data[start:stop]
        return Model(json.loads((folder / "config.json").read_text()), raw)
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: not a model's folder ({error})") from None
