"""From that little of Markdown to roff, which `man` sets."""

from __future__ import annotations

import re

from nic_cli.manual import blocks, columns


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
    for block in blocks(text):
        first = block[0]
        if first.startswith("# "):
            made += [f".SH {escaped(first[2:].upper())}"] if below else []
        elif first.startswith("## "):
            made.append(f"{'.SS' if below else '.SH'} {escaped(first[3:] if below else first[3:].upper())}")
        elif first == "```":
            made += [".PP", ".RS 2", ".nf", *map(escaped, block[1:]), ".fi", ".RE"]
        elif first.startswith("|"):
            made += [".PP", ".RS 2", ".nf", *map(escaped, columns(block)), ".fi", ".RE"]
        elif first.startswith("- "):
            made += [f'.IP "\\(bu" 2\n{_spoken(" ".join(block)[2:])}']
        else:
            made += [".PP", _spoken(" ".join(block))]
    return made


def _spoken(text: str) -> str:
    """A paragraph, what stands between backquotes in bold."""
    parts = re.split(r"`([^`]*)`", text)
    made = "".join(rf"\fB{escaped(part)}\fR" if n % 2 else _inside(part) for n, part in enumerate(parts))
    return r"\&" + made if made[:1] in (".", "'") else made


def _inside(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")
