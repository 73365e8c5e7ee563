"""A model as a folder: config.json and model.safetensors, written by training, read by everyone.

Tensors by name: `analysis.*`, `gains.*` and the like, float16, are the float parts; `scales.*`
are the integers of the scale network; `tables.*` the coding tables; `selftest` the digest that
the integers must reproduce. The model's id covers all that turns symbols into latents, so the
encoder and the synthesis may get better without a new id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nic_cli.entropy.tables import Tables
from nic_cli.errors import ModelError
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layers import unfilled
from nic_cli.transform.network import Network
from nic_cli.transform.research.config import KINDS, ResearchConfig
from nic_cli.transform.scale_network import Integers
from nic_cli.transform.selftest import digest
from nic_cli.zoo.model_files import read_files
from nic_cli.zoo.pins import pins_of
from nic_cli.zoo.registry import CONFIG, WEIGHTS
from nic_cli.zoo.research_folder import TABLE_PARTS, ResearchParts, parse_tensors, read_tensors

BINDING = ("scales.", "tables.", "hyper_synthesis.", "context.", "gains.outward")
TRAINING_ONLY = ("prior.", "scales.")  # of a network in training: not stored as floats


@dataclass(frozen=True)
class Parts:
    """What a folder holds, parsed and checked. id: 8 bytes."""

    config: ModelConfig
    network: Network
    integers: Integers
    tables: Tables
    selftest: Tensor
    id: bytes


def write_folder(folder: Path, network: Network, tables: Tables) -> None:
    """Write config.json and model.safetensors of a trained network."""
    integers = Integers.of(network.scales)
    tensors = {
        name: p.detach().half().contiguous()
        for name, p in network.named_parameters()
        if not name.startswith(TRAINING_ONLY)
    }
    tensors |= {f"scales.{name}": t.contiguous() for name, t in integers.tensors().items()}
    for part in TABLE_PARTS:
        tensors[f"tables.{part}"] = torch.from_numpy(getattr(tables, part).astype("int32"))
    tensors["selftest"] = digest(integers, network.config)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(network.config.to_json())
    (folder / WEIGHTS).write_bytes(save(tensors))


def read_folder(folder: Path) -> Parts | ResearchParts:
    """Read a model folder; ModelError names the file and what is wrong with it.

    What lies in the hub's cache must be what is pinned: the bytes that are hashed are those parsed.
    """
    if not pins_of(folder):
        config = _config(read_files(folder, [CONFIG])[CONFIG], folder)
        if isinstance(config, ResearchConfig):  # of gigabytes, and each file is opened when it is needed
            return ResearchParts.of(config, partial(read_tensors, folder))
    return parsed(read_files(folder), folder)


def parsed(files: Mapping[str, bytes], folder: Path) -> Parts | ResearchParts:
    """Parse config.json and model.safetensors. folder: for messages. Raises ModelError."""
    config = _config(files[CONFIG], folder)
    if isinstance(config, ResearchConfig):
        return ResearchParts.of(config, partial(parse_tensors, files, folder))
    try:
        tensors = load(files[WEIGHTS])
    except SafetensorError as error:
        raise ModelError(
            f"{folder / WEIGHTS}: not a safetensors file ({error}): fetch the model again"
        ) from None
    network = _network(config, tensors, folder)
    under = {name[7:]: t for name, t in tensors.items() if name.startswith("scales.")}
    integers = Integers.from_tensors(under, config)
    try:
        tables = Tables(
            lows=tensors["tables.lows"].numpy(),
            sizes=tensors["tables.sizes"].numpy(),
            frequencies=tensors["tables.frequencies"].numpy().astype("uint32"),
        )
        selftest = tensors["selftest"]
    except KeyError as error:
        raise ModelError(f"{folder / WEIGHTS}: no tensor {error}: fetch the model again") from None
    if len(tables) != config.scales + config.q_anchors * config.hyper:
        raise ModelError(f"{folder / WEIGHTS}: {len(tables)} coding tables do not fit config.json")
    return Parts(config, network, integers, tables, selftest, _id(config, tensors))


def _config(data: bytes, folder: Path) -> ModelConfig | ResearchConfig:
    """What config.json says, by the kind that it names."""
    text = data.decode("utf-8", "replace")
    try:
        table = json.loads(text)
        if isinstance(table, dict) and table.get("kind") in KINDS:
            return ResearchConfig.from_table(table)
    except ValueError as error:
        raise ModelError(f"{folder / CONFIG}: not JSON: {error}") from None
    except RecursionError:
        raise ModelError(f"{folder / CONFIG}: nested without end: not a model") from None
    return ModelConfig.from_json(text)


def _network(config: ModelConfig, tensors: dict[str, Tensor], folder: Path) -> Network:
    with unfilled():
        network = Network(config)
    wanted = {n: p for n, p in network.named_parameters() if not n.startswith(TRAINING_ONLY)}
    found = {n: t for n, t in tensors.items() if not n.startswith(("scales.", "tables.")) and n != "selftest"}
    if odd := sorted(wanted.keys() ^ found.keys()):
        raise ModelError(f"{folder / WEIGHTS}: tensor {odd[0]} is missing or not expected by config.json")
    for name, t in found.items():
        if t.shape != wanted[name].shape or not t.is_floating_point() or not bool(t.isfinite().all()):
            raise ModelError(f"{folder / WEIGHTS}: tensor {name} has the wrong shape or values")
    network.load_state_dict({n: t.float() for n, t in found.items()}, strict=False, assign=True)
    del network.scales, network.prior  # integers and tables stand for them
    return network


def _id(config: ModelConfig, tensors: dict[str, Tensor]) -> bytes:
    """First 8 bytes of the SHA-256 of all that decoding up to the latents depends on."""
    found = hashlib.sha256(f"{config.q_top} {config.scales} {config.skip}".encode())
    for name in sorted(n for n in tensors if n.startswith(BINDING)):
        tensor = tensors[name].contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.numpy().tobytes())
    return found.digest()[:8]
