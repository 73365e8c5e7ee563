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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nic_cli.entropy.tables import Tables
from nic_cli.errors import ModelError
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import replacing_folder
from nic_cli.transform import parameters
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.integers import Integers, digest
from nic_cli.transform.research.config import KINDS, ResearchConfig
from nic_cli.zoo.model_files import read_files
from nic_cli.zoo.pins import pins_of
from nic_cli.zoo.registry import CONFIG, WEIGHTS

if TYPE_CHECKING:
    from nic_cli.transform.network import Network
    from nic_cli.zoo.research_folder import ResearchParts

BINDING = ("scales.", "tables.", "hyper_synthesis.", "context.", "gains.outward")
TRAINING_ONLY = ("prior.", "scales.")  # of a network in training: not stored as floats
TABLE_PARTS = ("lows", "sizes", "frequencies")
Named = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Parts:
    """What a folder holds, parsed and checked. floats: half precision, by name. id: 8 bytes."""

    config: ModelConfig
    floats: Named
    integers: Integers
    tables: Tables
    selftest: bytes
    id: bytes


def write_folder(folder: Path, network: Network, tables: Tables) -> None:
    """Write config.json and model.safetensors of a trained network."""
    integers = network.scales.integers()
    tensors: Named = {
        name: np.ascontiguousarray(p.detach().half().cpu().numpy())
        for name, p in network.named_parameters()
        if not name.startswith(TRAINING_ONLY)
    }
    tensors |= {f"scales.{name}": t for name, t in integers.tensors().items()}
    for part in TABLE_PARTS:
        tensors[f"tables.{part}"] = getattr(tables, part).astype("int32")
    tensors["selftest"] = np.frombuffer(digest(integers, network.config), np.uint8)
    with replacing_folder(folder) as beside:
        put(beside / CONFIG, network.config.to_json())
        put(beside / WEIGHTS, save(tensors))


def read_folder(folder: Path) -> Parts | ResearchParts:
    """Read a model folder; ModelError names the file and what is wrong with it.

    What lies in the hub's cache must be what is pinned: the bytes that are hashed are those parsed.
    """
    if not pins_of(folder):
        config = _config(read_files(folder, [CONFIG])[CONFIG], folder)
        if isinstance(config, ResearchConfig):  # of gigabytes, and each file is opened when it is needed
            from nic_cli.zoo.research_folder import ResearchParts, read_tensors  # which import torch

            return ResearchParts.of(config, partial(read_tensors, folder))
    return parsed(read_files(folder), folder)


def parsed(files: Mapping[str, bytes], folder: Path) -> Parts | ResearchParts:
    """Parse config.json and model.safetensors. folder: for messages. Raises ModelError."""
    config = _config(files[CONFIG], folder)
    if isinstance(config, ResearchConfig):
        from nic_cli.zoo.research_folder import ResearchParts, parse_tensors  # which import torch

        return ResearchParts.of(config, partial(parse_tensors, files, folder))
    where = folder / WEIGHTS
    try:
        tensors: Named = load(files[WEIGHTS])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the last three: types of no array
        raise ModelError(f"{where}: not a safetensors file ({error}): fetch the model again") from None
    try:
        tables = Tables(
            lows=tensors["tables.lows"],
            sizes=tensors["tables.sizes"],
            frequencies=_whole(tensors["tables.frequencies"]),
        )
        selftest = tensors["selftest"].tobytes()
    except KeyError as error:
        raise ModelError(f"{where}: no tensor {error}: fetch the model again") from None
    if len(tables) != config.scales + config.q_anchors * config.hyper:
        raise ModelError(f"{where}: {len(tables)} coding tables do not fit config.json")
    others = {n: t for n, t in tensors.items() if not n.startswith("tables.") and n != "selftest"}
    floats, whole = parameters.floats(config), parameters.integers(config)
    wanted = floats | {f"scales.{name}": shape for name, shape in whole.items()}
    if odd := sorted(wanted.keys() ^ others.keys()):
        raise ModelError(f"{where}: tensor {odd[0]} is missing or not expected by config.json")
    for name, t in others.items():
        if t.shape != wanted[name] or not _fits(t, name in floats):
            raise ModelError(f"{where}: tensor {name} has the wrong shape or values")
    integers = Integers.from_tensors({n: others[f"scales.{n}"] for n in whole}, config)
    return Parts(config, {n: others[n] for n in floats}, integers, tables, selftest, _id(config, tensors))


def _whole(frequencies: NDArray[Any]) -> NDArray[Any]:
    """As uint32, if these are integers; `Tables` refuses anything else."""
    return frequencies.astype(np.uint32) if frequencies.dtype == np.int32 else frequencies


def _fits(tensor: NDArray[Any], is_float: bool) -> bool:
    """Whether a tensor holds floats that are all finite, or integers, whichever it should."""
    if not is_float:
        return bool(np.issubdtype(tensor.dtype, np.integer))
    if tensor.dtype == np.float16:  # by the bits of the exponent: eight times as fast
        return not ((tensor.view(np.uint16) & 0x7C00) == 0x7C00).any()
    return bool(np.issubdtype(tensor.dtype, np.floating) and np.isfinite(tensor).all())


def _config(data: bytes, folder: Path) -> ModelConfig | ResearchConfig:
    """What config.json says, by the kind that it names."""
    text = data.decode("utf-8", "replace")
    try:
        table = json.loads(text)
        if isinstance(table, dict):
            _check_version(table.get("version", 1))
        if isinstance(table, dict) and table.get("kind") in KINDS:
            return ResearchConfig.from_table(table)
    except ValueError as error:
        raise ModelError(f"{folder / CONFIG}: not JSON: {error}") from None
    except RecursionError:
        raise ModelError(f"{folder / CONFIG}: nested without end: not a model") from None
    return ModelConfig.from_json(text)


def _check_version(version: object) -> None:
    """Raise ModelError for a folder of another version than 1: older programs wrote none."""
    if type(version) is int and version > 1:
        raise ModelError(f"config.json is of version {version}, this program reads 1: get a newer nic")
    if type(version) is not int or version < 1:
        raise ModelError(f"config.json: version is {version!r}, not a whole number from 1 up")


def _id(config: ModelConfig, tensors: Named) -> bytes:
    """First 8 bytes of the SHA-256 of all that decoding up to the latents depends on."""
    found = hashlib.sha256(f"{config.q_top} {config.scales} {config.skip}".encode())
    for name in sorted(n for n in tensors if n.startswith(BINDING)):
        tensor = np.ascontiguousarray(tensors[name])
        found.update(f"{name} torch.{tensor.dtype} {tensor.shape}".encode())
        found.update(tensor.tobytes())
    return found.digest()[:8]
