"""The fixtures of commands, which show the work at its surface."""

from __future__ import annotations

from tests.cli.conftest import clean_place, coded, load_once, nic, packed, picture, pixels

__all__ = ["clean_place", "coded", "load_once", "nic", "packed", "picture", "pixels"]
