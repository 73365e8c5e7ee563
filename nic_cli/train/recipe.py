"""A training recipe: one TOML file, one frozen dataclass a table, unknown keys refused."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nic_cli.errors import NicError, UsageError
from nic_cli.transform.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Data:
    """paths, validation: folders or tar files of pictures. copies: random sizes each is kept at."""

    paths: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_limit: int = 8
    copies: int = 2
    shrink: float = 1.5  # largest random shrinking: restores full chroma, hides earlier coding


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds by the clock: linear warm-up, stable, then decay to the end."""

    seconds: float = 3600.0
    warmup: float = 60.0
    decay: float = 1080.0
    log_every: int = 50  # steps
    save_every: float = 120.0  # seconds
    validate_every: float = 600.0  # seconds; 0 for the end only


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Rates of Muon (dense weights) and Adam (the rest), batch and crop sizes."""

    muon: float = 0.006
    adam: float = 0.002
    clip: float = 1.0
    ema: float = 0.998
    batch: int = 16
    crop: int = 128
    late_batch: int = 4
    late_crop: int = 256
    late_share: float = 0.5  # of the decay that uses the late batch and crop
    bf16: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe. init: a model folder or embedded name to start from."""

    model: ModelConfig
    init: str = ""
    data: Data = field(default_factory=Data)
    schedule: Schedule = field(default_factory=Schedule)
    optimiser: Optimiser = field(default_factory=Optimiser)

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe; UsageError names the file and the key that is wrong."""
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            table = tomllib.loads(path.read_text())
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from None
        except ValueError as error:
            raise UsageError(f"{path}: not TOML: {error}") from None
        if "name" not in table.get("model", {}):
            raise UsageError(f"{path}: the table [model] gives no name")
        try:
            return cls(
                model=ModelConfig(**table.pop("model", {})),
                init=str(table.pop("init", "")),
                data=_filled(Data, table.pop("data", {})),
                schedule=_filled(Schedule, table.pop("schedule", {})),
                optimiser=_filled(Optimiser, table.pop("optimiser", {})),
                **table,
            )
        except (TypeError, NicError) as error:
            said = re.sub(r"\w+\.__init__\(\) (got an )?", "", str(error))
            raise UsageError(f"{path}: {said}") from None


def _filled(kind: type[Any], table: dict[str, Any]) -> Any:
    """A dataclass from a TOML table; its defaults say what type each value has."""
    defaults = kind()
    given = {}
    for name, value in table.items():
        if name not in {f.name for f in fields(kind)}:
            raise UsageError(f"unknown key {name!r} in [{kind.__name__.lower()}]")
        default = getattr(defaults, name)
        given[name] = tuple(value) if isinstance(default, tuple) else type(default)(value)
    return kind(**given)
