"""The models that this version of the program knows by name."""

from __future__ import annotations

DEFAULT = "iris"
EMBEDDED = ("iris",)
