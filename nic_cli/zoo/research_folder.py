"""An imported research model as a folder: config.json, and one safetensors file for each checkpoint.

Tensors have the names of the checkpoint; the first file also holds `tables.*`, the coding tables of all
of them, made once at import. Half precision is for what symbols do not depend on: the encoder's
weights may change a file, never what a file means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save, save_file
from torch import Tensor

from nic_cli.entropy.tables import Tables, pack_tables
from nic_cli.errors import ModelError
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import replacing_folder
from nic_cli.transform.research.config import ResearchConfig
from nic_cli.transform.research.density import widened
from nic_cli.transform.research.engine import Engine
from nic_cli.transform.research.systems import SYSTEMS, System
from nic_cli.zoo.checkpoints import fill, options_of
from nic_cli.zoo.registry import CARD, CONFIG, WEIGHTS

TABLE_PARTS = ("lows", "sizes", "frequencies")


def write_research(
    folder: Path, name: str, systems: Sequence[System], *, half: bool, licence: str, sources: Sequence[str]
) -> ResearchConfig:
    """Write systems of one kind, in the order of q, into a folder that exists."""
    tables = pack_tables([table for s in systems for table in widened([*s.r_tables(), *s.z_tables()])])
    arrays = {f"tables.{part}": getattr(tables, part).astype("int32") for part in TABLE_PARTS}
    config = ResearchConfig(
        name,
        systems[0].kind,
        "0" * 16,
        tuple(map(options_of, systems)),
        licence=licence,
        sources=tuple(sources),
    )
    put(folder / CONFIG, config.to_json())
    mode = (folder / CONFIG).stat().st_mode  # safetensors writes for its user alone
    for index, system in enumerate(systems):
        tensors = {n: _stored(n, p.detach(), system, half) for n, p in system.named_parameters()}
        if index == 0:
            tensors |= {table: torch.from_numpy(array) for table, array in arrays.items()}
        save_file(tensors, folder / member_file(index))
        (folder / member_file(index)).chmod(mode)
    config = replace(config, id=identity(config, partial(read_tensors, folder)))
    put(folder / CONFIG, config.to_json())
    return config


def rewrite(parts: ResearchParts, folder: Path, name: str, weights: Mapping[str, Tensor]) -> None:
    """Write a model of one checkpoint anew with other weights, in the precision of the old ones.

    Its id stays, so none may be a part that symbols turn into latents by.
    """
    config = replace(parts.config, name=name)
    tensors = parts.read(WEIGHTS)
    for key, tensor in weights.items():
        if key.startswith(SYSTEMS[config.kind].binding):
            raise ValueError(f"{key} decides what files mean")
        tensors[key] = tensor.detach().to("cpu", tensors[key].dtype).contiguous()
    said = f"{parts.config.name}, whose decoder `nic train` went on training. It decodes the same files.\n"
    with replacing_folder(folder) as beside:
        put(beside / CONFIG, config.to_json())
        put(beside / WEIGHTS, save(tensors))
        put(beside / CARD, card(config, said))


def card(config: ResearchConfig, said: str) -> str:
    """What the hub and `nic models show` read: the licence first."""
    return (
        f"---\nlicense: other\nlicense_name: {json.dumps(config.licence)}\n---\n\n# {config.name}\n\n{said}"
    )


def identity(config: ResearchConfig, read: Callable[[str], dict[str, Tensor]]) -> str:
    """16 hexadecimal digits of the SHA-256 of all that decoding up to the latents depends on."""
    found = hashlib.sha256(f"{config.kind} {len(config.members)}".encode())
    for index in range(len(config.members)):
        tensors = read(member_file(index))
        for name in sorted(n for n in tensors if n.startswith((*SYSTEMS[config.kind].binding, "tables."))):
            tensor = tensors[name].contiguous()
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.numpy().tobytes())
    return found.hexdigest()[:16]


@dataclass(frozen=True)
class ResearchParts:
    """An imported model: its coding tables, and what loads each of its checkpoints. id: 8 bytes.

    read: the name of a file to its tensors.
    """

    config: ResearchConfig
    read: Callable[[str], dict[str, Tensor]]
    members: tuple[Callable[[], System], ...]
    tables: Tables
    id: bytes

    @classmethod
    def of(cls, config: ResearchConfig, read: Callable[[str], dict[str, Tensor]]) -> ResearchParts:
        """read: the name of a file to its tensors. Raises ModelError."""
        first = read(WEIGHTS)
        try:
            tables = Tables(
                lows=first["tables.lows"].numpy(),
                sizes=first["tables.sizes"].numpy(),
                frequencies=first["tables.frequencies"].numpy().astype("uint32"),
            )
        except KeyError as error:
            raise ModelError(f"{WEIGHTS} of {config.name}: no tensor {error}: import it again") from None
        members = tuple(
            partial(_system, read, member_file(index), config.kind, options)
            for index, options in enumerate(config.members)
        )
        return cls(config, read, members, tables, bytes.fromhex(config.id))

    def check(self) -> None:
        """Raise ModelError unless the id is that of the tensors, and every checkpoint codes and decodes."""
        if (found := identity(self.config, self.read)) != self.config.id:
            raise ModelError(f"{self.config.name}: its tensors have id {found}, not {self.config.id}")
        Engine(self.config.kind, self.members, "cpu").self_test()


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a file, mapped into memory. Raises ModelError."""
    try:
        return load_file(folder / name)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{folder / name}: not a whole safetensors file ({error}): import it again"
        ) from None


def parse_tensors(files: Mapping[str, bytes], folder: Path, name: str) -> dict[str, Tensor]:
    """The same from bytes that were checked."""
    try:
        return load(files[name])
    except (KeyError, SafetensorError) as error:
        raise ModelError(f"{folder / name}: not a whole safetensors file ({error}): fetch it again") from None


def _system(
    read: Callable[[str], dict[str, Tensor]], name: str, kind: str, options: dict[str, Any]
) -> System:
    with torch.device("meta"):
        system = SYSTEMS[kind](**options)
    fill(system, {n: t for n, t in read(name).items() if not n.startswith("tables.")}, name)
    return system


def _stored(name: str, tensor: Tensor, system: System, half: bool) -> Tensor:
    binding = name.startswith(system.binding)
    return (tensor.half() if half and not binding else tensor).contiguous()


def member_file(index: int) -> str:
    """The name of the file of a checkpoint, the first one as of any model."""
    return WEIGHTS if index == 0 else f"model-{index + 1}.safetensors"
