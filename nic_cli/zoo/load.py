"""From a model's name to a model ready to code: embedded ones, and folders."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nic_cli.entropy.tables import Tables
from nic_cli.errors import ModelError, UsageError
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.native import Native
from nic_cli.transform.selftest import carried
from nic_cli.zoo.folder import CONFIG, read_folder
from nic_cli.zoo.table import DEFAULT, EMBEDDED


@dataclass(frozen=True)
class Model:
    """A model on a device. id: 8 bytes, what a file must have been made with."""

    name: str
    id: bytes
    config: ModelConfig
    native: Native
    tables: Tables
    device: str


def load(name: str | None = None, device: str = "auto", warn: Callable[[str], None] = warnings.warn) -> Model:
    """Load an embedded model by name (None: the default) or one from a folder.

    device: auto, cpu, cuda or mps. warn: told when the device fails the self-test and a slower
    arithmetic is taken. Raises ModelError (no such model, damaged), UsageError (device).
    """
    place = chosen(device)
    parts = read_folder(folder_of(name or DEFAULT))
    integers = carried(parts.integers, parts.config, parts.selftest, place, warn)
    native = Native(parts.network, integers, place)
    return Model(parts.config.name, parts.id, parts.config, native, parts.tables, place)


def folder_of(name: str) -> Path:
    """The folder of an embedded model, or the one that `name` is a path of."""
    if name in EMBEDDED:
        inside = Path(__file__).parents[1] / "models" / name  # as installed
        return inside if inside.is_dir() else Path(__file__).parents[2] / "models" / name  # as checked out
    if (Path(name) / CONFIG).is_file():
        return Path(name)
    raise ModelError(
        f"no model {name!r} here: the embedded one is {DEFAULT}; for another, -m the folder of its {CONFIG}"
    )


def chosen(device: str) -> str:
    """The torch device that `auto`, `cpu`, `cuda` or `mps` stands for on this machine."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if device not in there:
        raise UsageError(f"no device {device!r}: choose auto, cpu, cuda or mps")
    if not there[device]:
        raise UsageError(f"device {device} is not available on this machine: use --device cpu")
    return device
