"""The folder of a native model: safetensors, configuration, tables and id."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np

from tests.reference.container import check

TYPES = {"F16": "float16", "F32": "float32", "I32": "int32", "I8": "int8", "U8": "uint8"}
KEYS = set("name kind latent hyper q_top q_anchors b_anchors scales skip context_depth".split())
KEYS |= {"synthesis_coarse_depth", "synthesis_fine_depth"}
MORE = set(
    "version realism_rank noise scale scale_low scale_high context synthesis_coarse synthesis_fine".split()
)
MORE |= {f"analysis_{part}" for part in ("fine", "fine_depth", "coarse", "coarse_depth")}
MORE |= {"hyper_coarse", "hyper_fine"}
OF_ID = ("scales.", "tables.", "hyper_synthesis.", "context.", "gains.outward")


class Model:
    """Tensors by name, with the values of the configuration; raw: type, shape and bytes of each."""

    def __init__(self, config: dict, raw: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
        config = {"version": 1, "realism_rank": 0, "noise": 0} | config
        version, lacking = config["version"], KEYS - config.keys()
        check(config.get("kind") == "native", "a model of another kind than native")
        check(type(version) is int and version == 1, f"a model folder of version {version}")
        check(
            not lacking and config.keys() <= KEYS | MORE, f"config.json lacks {lacking} or has unknown keys"
        )
        self.config, self.tensors = config, {}
        digest = sha256(f"{config['q_top']} {config['scales']} {config['skip']}".encode())
        for name, (kind, shape, data) in sorted(raw.items()):
            if name.startswith(OF_ID):
                digest.update(f"{name} torch.{TYPES[kind]} {shape}".encode() + data)
            self.tensors[name] = np.frombuffer(data, np.dtype(TYPES[kind]).newbyteorder("<")).reshape(shape)
        self.id = digest.digest()[:8]
        self.lows, self.sizes = (self[f"tables.{name}"].astype(np.int64) for name in ("lows", "sizes"))

    def __getitem__(self, name: str) -> np.ndarray:
        """A tensor as f64, which holds all of them exactly."""
        return self.tensors[name].astype(np.float64)

    def cumulated(self, table: int) -> list[int]:
        """The cumulated frequencies of a table, from 0 to 2^24."""
        at = self.sizes[:table].sum()
        mine = self.tensors["tables.frequencies"][at : at + self.sizes[table]]
        return [0, *np.cumsum(mine, dtype=np.int64).tolist()]


def load(folder: Path) -> Model:
    """Read config.json and model.safetensors; raises ValueError where they are not what they must be."""
    try:
        data = (folder / "model.safetensors").read_bytes()
        at = 8 + int.from_bytes(data[:8], "little")
        raw = {}
        for name, entry in json.loads(data[8:at]).items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                raw[name] = entry["dtype"], tuple(entry["shape"]), data[at + start : at + end]
        return Model(json.loads((folder / "config.json").read_text()), raw)
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: not a model's folder ({error})") from None
