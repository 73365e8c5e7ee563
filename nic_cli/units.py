"""What people write for sizes, times and tiles: `40kB`, `22m`, `auto`."""

from __future__ import annotations

import math
import re

from nic_cli.tiles.grid import HYPER, LARGEST

AUTO_TILE = 1024

_PREFIXES = {"": 0, "k": 1, "m": 2, "g": 3}
_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*([kmg]?)(i?)b?", re.IGNORECASE | re.ASCII)
_TIME = re.compile(r"(\d+\.?\d*|\.\d+)\s*([smh]?)", re.IGNORECASE | re.ASCII)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_bytes(text: str) -> int:
    """Read a number of bytes, at least 1: `40000`, `40kB` (40,000), `40KiB` (40,960), `1.5MB`.

    Raises ValueError.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError("give a size such as 40000, 40kB, 1.5MB or 64KiB")
    base = 1024.0 if found[3] else 1000.0
    n_bytes = math.floor(float(found[1]) * base ** _PREFIXES[found[2].lower()])
    if n_bytes < 1:
        raise ValueError("give a size of at least 1 byte")
    return n_bytes


def parse_seconds(text: str) -> float:
    """Read a positive time in seconds: `90`, `90s`, `22m`, `1.5h`. Raises ValueError."""
    found = _TIME.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2].lower()] if found else 0.0
    if seconds <= 0:
        raise ValueError("give a time such as 90s, 22m or 1.5h")
    return seconds


def parse_tile(text: str) -> int:
    """Read the side of a tile in pixels: a multiple of 64, or `auto`. Raises ValueError."""
    if text == "auto":
        return AUTO_TILE
    side = int(text) if text.isdecimal() and text.isascii() and len(text) < 9 else 0
    if not HYPER <= side <= LARGEST or side % HYPER:
        raise ValueError(f"give a multiple of {HYPER} from {HYPER} to {LARGEST}, or auto")
    return side


def in_bytes(count: int) -> str:
    """Say a number of bytes in the unit that fits, of 1,000 each: `12,345 bytes`, `1.2 MB`."""
    if count < 100_000:
        return f"{count:,} bytes"
    unit, size = next((u, s) for u, s in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if count >= s)
    return f"{count / size:.{0 if unit == 'kB' else 1}f} {unit}"


def in_time(seconds: float) -> str:
    """Say how long something took: `3.2 s`, `12:05 min`, `2:01 h`."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    whole, unit = (round(seconds), "min") if seconds < 6000 else (round(seconds / 60), "h")
    return f"{whole // 60}:{whole % 60:02} {unit}"
