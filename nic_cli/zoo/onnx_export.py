"""`nic models export --onnx`: a native model to ONNX graphs, with its coding tables and a page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nic_cli.errors import OutputExists, UsageError
from nic_cli.extras import adding
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import replacing_folder
from nic_cli.storage.printable import printable
from nic_cli.transform.integers import carried
from nic_cli.zoo.model_files import hashes
from nic_cli.zoo.model_folder import TABLE_PARTS, Parts, read_folder
from nic_cli.zoo.registry import CARD, CONFIG, File

TABLES = "tables.npz"
SHAPE = ("scales", "hyper", "skip", "q_top", "q_anchors")
"""What a decoder must know of a model beside its tables."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. id: 8 bytes, as files name the model."""

    name: str
    id: bytes
    files: dict[str, File]


def export(
    model: Path,
    folder: Path,
    licence: str | None,
    *,
    force: bool = False,
    warn: Callable[[str], None] = warnings.warn,
) -> Export:
    """Write the graphs of the model in a folder to another, as a whole or not at all.

    licence: of the weights, for the page. Raises UsageError (imported, no package onnx, a place that cannot
    be), OutputExists without `force`, ModelError (damaged, or its self-test fails here).
    """
    _check_place(folder, force)
    parts = read_folder(model)
    if not isinstance(parts, Parts):
        name = parts.config.name
        raise UsageError(
            f"{name} is an imported model, of {parts.config.kind}: only native ones are exported"
        )
    carried(parts.integers, parts.config, parts.selftest, warn)
    files = _files(parts, licence)
    with replacing_folder(folder) as beside:
        for name, data in files.items():
            put(beside / name, data)
    return Export(parts.config.name, parts.id, hashes(files))


def _check_place(folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{printable(folder)}: is no folder: choose another place")
    if (folder / CONFIG).exists():
        raise UsageError(f"{printable(folder)}: is the folder of a model: choose another place")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise OutputExists(f"{printable(folder)}: exists; -f writes into it")


def _files(parts: Parts, licence: str | None) -> dict[str, bytes]:
    try:
        from nic_cli.transform.graphs import networks, readme
    except ImportError as error:
        raise UsageError(f"an export needs the package onnx: {adding('onnx')}") from error
    tensors = parts.floats | {f"scales.{name}": t for name, t in parts.integers.tensors().items()}
    about = {"model": parts.config.name, "id": parts.id.hex(), "licence": licence or "not stated"}
    ports: dict[str, readme.Ports] = {}
    files: dict[str, bytes] = {}
    for graph, outputs in networks.graphs(parts.config, tensors):
        files[f"{graph.name}.onnx"] = graph.model(outputs, about)
        ports[graph.name] = graph.inputs, {name: port for name, (_, port) in outputs.items()}
    files[TABLES] = _tables(parts)
    files[CARD] = readme.text(parts.config, parts.id, licence, ports).encode()
    return files


def _tables(parts: Parts) -> bytes:
    """The coding tables and what goes with them, as numpy packs them."""
    room = io.BytesIO()
    arrays: dict[str, Any] = {name: np.array(getattr(parts.config, name)) for name in SHAPE}
    arrays |= {name: getattr(parts.tables, name) for name in TABLE_PARTS}
    np.savez_compressed(room, id=np.frombuffer(parts.id, np.uint8), **arrays)
    return room.getvalue()
