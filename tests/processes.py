"""What runs below a process, from /proc of Linux."""

from __future__ import annotations

from pathlib import Path


def below(process: int) -> dict[int, bytes]:
    """The command lines, ended by zeros, of a process and of all it began; others may end meanwhile."""
    parents, lines = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(entry.name)] = (entry / "cmdline").read_bytes()
        except OSError:
            continue
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: lines[one] for one in found if one in lines}
