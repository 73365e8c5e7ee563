"""Inputs from a list: UTF-8 text, a file a line, with its output after a tab where that is to be named.

    photos/a.png
    photos/b.png<TAB>archive/2024/b.nic

Empty lines count for nothing, and lines may end as on Windows. Names with a tab or a line end, or that
are not UTF-8, cannot be listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nic_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Line:
    """An input, and its output if the list names one."""

    source: Path
    target: Path | None


def parse(data: bytes, name: str) -> list[Line]:
    """Read a list; `name` stands for it in errors. Raises UsageError that names the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}: line {number} is not UTF-8: save the list as UTF-8") from error
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [_line(line, f"{name}: line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _line(text: str, where: str) -> Line:
    source, *targets = text.split("\t")
    if "\0" in text:
        raise UsageError(f"{where} holds a zero byte: give a text file in UTF-8, a path a line")
    if not source or len(targets) > 1:
        raise UsageError(f"{where} cannot be used: give an input, or an input, a tab and its output")
    return Line(Path(source), Path(targets[0]) if targets and targets[0] else None)
