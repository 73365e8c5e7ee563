"""From a model's name to a model ready to code."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from nic_cli.entropy.tables import Tables
from nic_cli.errors import UsageError
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.native import Native
from nic_cli.transform.research.config import ResearchConfig
from nic_cli.transform.research.engine import Engine
from nic_cli.transform.selftest import carried
from nic_cli.zoo.find import find
from nic_cli.zoo.model_folder import Parts, read_folder
from nic_cli.zoo.registry import DEFAULT
from nic_cli.zoo.research_folder import ResearchParts


@dataclass(frozen=True)
class Model:
    """A model on a device. id: 8 bytes, what a file must have been made with."""

    name: str
    id: bytes
    config: ModelConfig | ResearchConfig
    engine: Native | Engine
    tables: Tables
    device: str


def load(name: str | None = None, device: str = "auto", warn: Callable[[str], None] = warnings.warn) -> Model:
    """Load a model by its name (None: the default), its address on the hub, or its folder.

    device: auto, cpu, cuda or mps. warn: told when the device fails the self-test and a slower
    arithmetic is taken. Raises ModelError (no such model, damaged), UsageError (device).
    """
    return ready(read_folder(folder_of(name or DEFAULT)), chosen(device), warn)


def shared(name: str | None = None, device: str = "auto") -> Model:
    """As `load`, but the two models used last are kept for the next call, of any thread.

    One whose files were written anew in between is loaded anew.
    """
    folder = folder_of(name or DEFAULT).resolve()
    written = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir()))
    with _one_at_a_time:
        return _kept(folder, written, chosen(device))


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=2)
def _kept(folder: Path, written: tuple[tuple[str, int], ...], device: str) -> Model:
    return ready(read_folder(folder), device)


def ready(parts: Parts | ResearchParts, device: str, warn: Callable[[str], None] = warnings.warn) -> Model:
    """Put what a folder holds on a torch device, once the self-test has passed there. Raises ModelError.

    An imported model has no digest to reach: each of its tiles carries a checksum of its symbols.
    """
    if isinstance(parts, ResearchParts):
        engine = Engine(parts.config.kind, parts.members, device)
        return Model(parts.config.name, parts.id, parts.config, engine, parts.tables, device)
    integers = carried(parts.integers, parts.config, parts.selftest, device, warn)
    native = Native(parts.network, integers, device)
    return Model(parts.config.name, parts.id, parts.config, native, parts.tables, device)


def folder_of(name: str) -> Path:
    """The folder of a model by its name, address or path (`find`). Raises ModelError if it is not here."""
    return find(name).folder


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
