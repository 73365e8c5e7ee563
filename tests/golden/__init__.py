"""Files of every format that was ever released: they decode for ever, to the same symbols.

    v1/NAME.nic            is decoded
    v1/refused/NAME.nic    is refused
    v1/models/NAME         what some of them were made by; the others by `models/iris`
    v1/files.tsv           SHA-256 of each file, and the CRC-32 over all its symbols
    v1/refused.tsv         SHA-256 of each file, who refuses it, all or readers of 1.0, and why
    v1/pixels.tsv          SHA-256 of the pixels by the second decoder, tests/reference, and by which weights

Files and lines are added, never changed: `python -m tests.golden` writes those that are missing.
"""

from __future__ import annotations

import csv
from hashlib import sha256
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
V1 = HERE / "v1"
ROOT = HERE.parents[1]
REFUSED = "refused"
LISTS = {
    "files.tsv": ("file", "sha256", "model", "symbols"),
    "refused.tsv": ("file", "sha256", "by", "reason"),
    "pixels.tsv": ("file", "realism", "weights", "pixels"),
}
IMPORTED = {"imported", "imported-with-notes"}
"""Files of models whose networks the format does not describe."""
SHOWN = {"tiles": (0.0, 0.5, 0.75, 1.0), "several-sizes-of-tiles": (0.2,)}
"""Realisms that a file is also shown at, beside its own."""


def rows(name: str) -> list[dict[str, str]]:
    """The lines of a list."""
    path = V1 / name
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def model_of(name: str) -> Path:
    """The folder of a model."""
    return ROOT / "models" / "iris" if name == "iris" else V1 / "models" / name


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return sha256(data).hexdigest()


def weights_of(name: str) -> str:
    """What tells the weights of a model from others that it had or will have under its name."""
    return digest((model_of(name) / "model.safetensors").read_bytes())


def pixels_of(pixels: np.ndarray) -> str:
    """SHA-256 of the shape and the values, big-endian, in raster order."""
    shape = " ".join(map(str, pixels.shape))
    return digest(f"{shape} ".encode() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
