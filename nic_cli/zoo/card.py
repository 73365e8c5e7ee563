"""The card of a model, README.md: what its first lines, between `---` and `---`, say of it."""

from __future__ import annotations

import re

LONGEST = 200
"""Characters of a licence's name: more is no name."""


def licence_of(card: str) -> str | None:
    """The licence that a card names, None if it names none. `other` is told with its name or link."""
    fields = _fields(card)
    licence = fields.get("license", "")
    if licence == "other":
        licence = fields.get("license_name") or fields.get("license_link") or licence
    return licence[:LONGEST] or None


def _fields(card: str) -> dict[str, str]:
    """The plain `key: value` lines of the front matter; lists and nested tables are left out."""
    lines = card.lstrip("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    found: dict[str, str] = {}
    for line in lines[1:]:
        if line.strip() == "---":
            return found
        if match := re.fullmatch(r"([a-z_]+):[ \t]+(.*?)(?:[ \t]+#.*)?", line.rstrip()):
            found[match[1]] = match[2].strip("\"'")
    return {}  # never closed: a card without front matter
