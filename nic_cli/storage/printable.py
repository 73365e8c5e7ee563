"""Paths as they may be shown: what a name holds can drive a terminal or fake a line of a log."""

from __future__ import annotations

from pathlib import Path


def printable(path: Path | str) -> str:
    r"""`path` on one line, with control codes, odd spaces and undecodable bytes as `\n`, `\x1b`, `\u202e`."""
    return "".join(c if c.isprintable() else _escaped(c) for c in str(path))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
