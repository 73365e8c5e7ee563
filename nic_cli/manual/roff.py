"""From that little of Markdown to roff, which `man` sets."""

from __future__ import annotations

import re
from collections.abc import Iterator


def escaped(text: str) -> str:
    """Text for roff, which reads backslashes, hyphens and a first dot or quote in its own way."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + text if text[:1] in (".", "'") else text


def head(name: str, section: int, what: str) -> str:
    """The first lines of a page."""
    title = escaped(name.upper())
    return f'.TH {title} {section} "" "nic" "nic manual"\n.SH NAME\n{escaped(name)} \\- {escaped(what)}'


def body(text: str, *, below: bool = False) -> list[str]:
    """Lines of a topic. below: its title is a section and its headings are subsections."""
    made: list[str] = []
    for block in _blocks(text):
        first = block[0]
        if first.startswith("# "):
            made += [f".SH {escaped(first[2:].upper())}"] if below else []
        elif first.startswith("## "):
            made.append(f"{'.SS' if below else '.SH'} {escaped(first[3:] if below else first[3:].upper())}")
        elif first == "```":
            made += [".PP", ".RS 2", ".nf", *map(escaped, block[1:]), ".fi", ".RE"]
        elif first.startswith("|"):
            made += [".PP", ".RS 2", ".nf", *map(escaped, _table(block)), ".fi", ".RE"]
        elif first.startswith("- "):
            made += [f'.IP "\\(bu" 2\n{_spoken(" ".join(block)[2:])}']
        else:
            made += [".PP", _spoken(" ".join(block))]
    return made


def _blocks(text: str) -> Iterator[list[str]]:
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


def _table(lines: list[str]) -> list[str]:
    """Rows with their columns one below the other."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _spoken(text: str) -> str:
    """A paragraph, what stands between backquotes in bold."""
    parts = re.split(r"`([^`]*)`", text)
    made = "".join(rf"\fB{escaped(part)}\fR" if n % 2 else _inside(part) for n, part in enumerate(parts))
    return r"\&" + made if made[:1] in (".", "'") else made


def _inside(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")
