"""From a model's name to a model ready to code."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nic_cli.entropy.tables import Tables
from nic_cli.errors import UsageError
from nic_cli.limits import PLAIN
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.integers import carried
from nic_cli.transform.plain.engine import PlainNative
from nic_cli.transform.research.config import ResearchConfig
from nic_cli.waiting import import_torch
from nic_cli.zoo import processor
from nic_cli.zoo.find import find
from nic_cli.zoo.model_folder import Parts, read_folder
from nic_cli.zoo.registry import DEFAULT

if TYPE_CHECKING:
    from nic_cli.zoo.research_folder import ResearchParts


@dataclass(frozen=True)
class Model:
    """A model on a device. id: 8 bytes, what a file must have been made with.

    wanted: auto, cpu, cuda or mps. in_torch: makes the engine for a device. plain: the one without torch, for
    pictures of up to `most_plain` pixels; None if there is none.
    """

    name: str
    id: bytes
    config: ModelConfig | ResearchConfig
    tables: Tables
    wanted: str
    in_torch: Callable[[str], Any]
    plain: PlainNative | None = None
    most_plain: int = PLAIN

    @property
    def exact(self) -> bool:
        """Whether tables follow from integers alone; tiles of other models carry notes."""
        return isinstance(self.config, ModelConfig)

    @property
    def searched(self) -> bool:
        """Whether better latents can be looked for."""
        return isinstance(self.config, ModelConfig)

    @property
    def reach(self) -> int | None:
        """Latents around a part that its pixels depend on; None where that is all of them.

        A part of what an imported model made would differ from the whole in its last digits.
        """
        return self.config.reach if isinstance(self.config, ModelConfig) else None

    @cached_property
    def device(self) -> str:
        """The torch device that `wanted` stands for on this machine."""
        return chosen(self.wanted)

    @cached_property
    def engine(self) -> Any:
        """The engine in torch, a `Native` or an `Engine`, which is imported when it is first asked for."""
        return self.in_torch(self.device)

    def engine_for(self, pixels: int) -> Any:
        """The engine for a picture of so many pixels: this one for all of it, and for any part."""
        on_processor = self.wanted in ("auto", "cpu")
        small = on_processor and pixels <= self.most_plain
        return self.plain if self.plain is not None and small else self.engine


def load(name: str | None = None, device: str = "auto", warn: Callable[[str], None] = warnings.warn) -> Model:
    """Load a model by its name (None: the default), its address on the hub, or its folder.

    device: auto, cpu, cuda or mps. warn: told when this machine fails the self-test and a slower
    arithmetic is taken. Raises ModelError (no such model, damaged), UsageError (device).
    """
    return ready(read_folder(folder_of(name or DEFAULT)), device, warn)


def shared(name: str | None = None, device: str = "auto") -> Model:
    """As `load`, but the two models used last are kept for the next call, of any thread.

    One whose files were written anew in between is loaded anew.
    """
    folder = folder_of(name or DEFAULT).resolve()
    written = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir()))
    with _one_at_a_time:
        return _kept(folder, written, device)


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=2)
def _kept(folder: Path, written: tuple[tuple[str, int], ...], device: str) -> Model:
    return ready(read_folder(folder), device)


def ready(parts: Parts | ResearchParts, device: str, warn: Callable[[str], None] = warnings.warn) -> Model:
    """Put what a folder holds to work, once the self-test has passed. Raises ModelError, UsageError (device).

    An imported model has no digest to reach: each of its tiles carries a checksum of its symbols.
    """
    if device not in ("auto", "cpu"):
        chosen(device)  # is it there?
    if not isinstance(parts, Parts):
        research = parts

        def imported(device: str) -> Any:
            import_torch()
            from nic_cli.transform.research.engine import Engine

            return Engine(research.config.kind, research.members, device)

        return Model(parts.config.name, parts.id, parts.config, parts.tables, device, imported)
    integers = carried(parts.integers, parts.config, parts.selftest, warn)

    def native(device: str) -> Any:
        import_torch()
        from nic_cli.transform.native import Native, filled
        from nic_cli.transform.precision import precision

        fast = precision(device) if device == "cpu" else None  # a GPU is fast enough
        return Native(filled(parts.config, parts.floats), integers, device, fast=fast)

    plain = PlainNative(parts.config, parts.floats, integers)
    return Model(parts.config.name, parts.id, parts.config, parts.tables, device, native, plain)


def folder_of(name: str) -> Path:
    """The folder of a model by its name, address or path (`find`). Raises ModelError if it is not here."""
    return find(name).folder


def chosen(device: str) -> str:
    """The torch device that `auto`, `cpu`, `cuda` or `mps` stands for on this machine."""
    if device == "cpu" or (device == "auto" and not processor.has_cuda_driver()):
        return "cpu"
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if device not in there:
        raise UsageError(f"no device {device!r}: choose auto, cpu, cuda or mps")
    if not there[device]:
        raise UsageError(f"device {device} is not available on this machine: use --device cpu")
    return device
