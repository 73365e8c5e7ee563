"""Files below a folder, and when two names are one."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path


def inside(folder: Path, suffix_in: frozenset[str], recursive: bool) -> Iterator[Path]:
    """List visible files of known suffix; linked folders are not entered, so there are no loops."""
    unreadable: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: unreadable.append(Path(str(error.filename))))
    for top, folders, names in walk:
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(names):
            path = Path(top, name)
            if not name.startswith(".") and path.suffix.lower() in suffix_in and path.is_file():
                yield path
    yield from unreadable  # fails when it is opened, and is named like any other failure


def folded(path: str) -> str:
    """Equal for paths that are one where the file system ignores case or composes accents."""
    return unicodedata.normalize("NFC", path).casefold()
