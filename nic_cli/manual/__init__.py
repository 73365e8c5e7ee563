"""The pages that are written by hand, as text: one file a topic, in a little of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

TOPICS = {
    "installing": "nic(7)",
    "archives": "nic(7)",
    "pictures": "nic(7)",
    "speed": "nic(7)",
    "huge": "nic(7)",
    "realism": "nic(7)",
    "effort": "nic(7)",
    "python": "nic(7)",
    "desktop": "nic(7)",
    "models": "nic-models(7)",
    "training": "nic-train(1)",
    "comparing": "nic-bench(1)",
    "format": "nic(5)",
}
"""Each topic, and the manual page that it stands in."""


def source(topic: str) -> str:
    """The text of a topic: a title after #, headings after ##, code between fences, tables, lists."""
    return (Path(__file__).parent / f"{topic}.md").read_text("utf-8")


def title(topic: str) -> str:
    """What a topic is called."""
    return source(topic).partition("\n")[0].removeprefix("# ")


def plain(topic: str, width: int = 80) -> str:
    """A topic as a terminal of so many columns shows it; what is typed stays between backquotes."""
    return "\n\n".join(_set(block, width) for block in blocks(source(topic))) + "\n"


def _set(block: list[str], width: int) -> str:
    first = block[0]
    if first.startswith(("# ", "## ")):
        return first.lstrip("# ").upper() if first.startswith("# ") else first.removeprefix("## ")
    if first == "```":
        return "\n".join(f"    {line}".rstrip() for line in block[1:])
    if first.startswith("|"):
        return "\n".join(f"    {line}" for line in columns(block))
    hanging = "  " if first.startswith("- ") else ""
    return textwrap.fill(" ".join(block), width, subsequent_indent=hanging, break_on_hyphens=False)


def blocks(text: str) -> Iterator[list[str]]:
    """Headings, paragraphs, items of lists, tables, and code with its opening fence."""
    block: list[str] = []
    for line in text.splitlines():
        fenced = block[:1] == ["```"]
        if fenced and line != "```":
            block.append(line)
            continue
        alone = line.startswith(("# ", "## ", "- ")) or line == "```" or not line
        if alone and block:
            yield block
            block = []
        if line and not (fenced and line == "```"):
            block.append(line.strip())
    if block:
        yield block


def columns(lines: list[str]) -> list[str]:
    """The rows of a table, its columns one below the other."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
