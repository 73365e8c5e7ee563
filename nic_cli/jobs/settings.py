"""What a user sets once: a flag, else a variable, else a line of config.toml, else the default.

`config.toml` lies in the user's config folder (Linux: ~/.config/nic/config.toml) and holds the
fields of `Settings`, no tables: `device = "cpu"`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nic_cli import bounded
from nic_cli.errors import UsageError
from nic_cli.limits import SEARCH_STEPS
from nic_cli.units import parse_tile

DEVICES = ("auto", "cpu", "cuda", "mps")
COLORS = ("auto", "always", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """The merged settings.

    model: name or folder, None for the embedded default. device: see DEVICES. cache: folder for
    fetched models, None for the usual one. quality: q, 0 to the top of the model, None for the usual one.
    realism: b, 0..1. effort: 0..9, 0 and 1 without a search. threads: None for all. tile: side in
    pixels. color: see COLORS. offline: never ask the hub.
    """

    model: str | None = None
    device: str = "auto"
    cache: str | None = None
    quality: float | None = None
    realism: float = 0.75
    effort: int = 1
    threads: int | None = None
    tile: int = 1024
    color: str = "auto"
    offline: bool = False

    def apply(self) -> None:
        """Tell the libraries, by the variables that they read when they are first imported."""
        if self.threads is not None:
            os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(self.threads)
        if self.offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        if self.cache is not None:
            os.environ["NIC_CACHE"] = self.cache
        if self.color != "auto":
            wanted, other = ("FORCE_COLOR", "NO_COLOR")[:: 1 if self.color == "always" else -1]
            os.environ[wanted] = "1"
            os.environ.pop(other, None)


VARIABLES = {"model": "NIC_MODEL", "device": "NIC_DEVICE", "cache": "NIC_CACHE"}
FLAGS = {
    "model": "--model",
    "device": "--device",
    "quality": "--quality",
    "realism": "--realism",
    "effort": "--effort",
    "threads": "--threads",
    "tile": "--tile",
    "color": "--color",
    "offline": "--offline",
}


def load(**flags: object) -> Settings:
    """Merge all sources; a flag that was not given is None. Raises UsageError in one line."""
    file = config_file()
    sources = (
        (_from_file(file), {key: f"{file}: {key}" for key in CHECKS}),
        (_from_environment(), VARIABLES),
        ({key: value for key, value in flags.items() if value is not None}, FLAGS),
    )
    merged = {
        key: checked(key, value, names[key]) for given, names in sources for key, value in given.items()
    }
    return Settings(**merged)


def checked(key: str, value: object, where: str) -> Any:
    """Give a setting's value in its own type. Raises UsageError that names where it came from."""
    try:
        return CHECKS[key](value)
    except (ValueError, TypeError) as error:
        given = f"{value:g}" if isinstance(value, float) else repr(value)
        raise UsageError(f"{where}: {given} cannot be used: {error}") from error


def config_file() -> Path:
    """Say where config.toml lies, or would."""
    import platformdirs

    return platformdirs.user_config_path("nic", appauthor=False) / "config.toml"


def _from_file(path: Path) -> dict[str, object]:
    try:
        text = bounded.text(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; mend or remove it") from error
    values = _parsed(text, path)
    for key in values.keys() - CHECKS.keys():
        raise UsageError(f"{path}: unknown key {key!r}: use {', '.join(CHECKS)}")
    return values


def _parsed(text: str, path: Path) -> dict[str, object]:
    try:
        try:
            import tomllib
        except ImportError:  # Python 3.10
            import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]
    except ImportError as error:
        raise UsageError(f"{path}: reading it needs Python 3.11, or: pip install tomli") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}; mend or remove it") from error


def _from_environment() -> dict[str, object]:
    return {key: os.environ[name] for key, name in VARIABLES.items() if os.environ.get(name)}


def _number(low: float, high: float) -> Callable[[object], float]:
    def check(value: object) -> float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not (fits and low <= value <= high):  # type: ignore[operator]
            raise ValueError(f"give a number from {low:g} {'up' if high == math.inf else f'to {high:g}'}")
        return float(value)  # type: ignore[arg-type]

    return check


def _whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return value

    return check


def _choice(allowed: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"give {', '.join(allowed[:-1])} or {allowed[-1]}")
        return str(value)

    return check


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("give a name")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("give true or false")
    return value


CHECKS: Mapping[str, Callable[[object], Any]] = {
    "model": _text,
    "device": _choice(DEVICES),
    "cache": _text,
    "quality": _number(0, math.inf),
    "realism": _number(0, 1),
    "effort": _whole(0, len(SEARCH_STEPS) - 1),
    "threads": _whole(1, 1024),
    "tile": lambda value: parse_tile(str(value)),
    "color": _choice(COLORS),
    "offline": _switch,
}
