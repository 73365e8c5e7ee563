"""The pages that are written by hand, as text: one file a topic, in a little of Markdown."""

from __future__ import annotations

from pathlib import Path

TOPICS = {
    "archives": "nic(7)",
    "huge": "nic(7)",
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


def plain(topic: str) -> str:
    """A topic as a terminal shows it: code indented, no marks of fences or of code within a line."""
    lines, code = [], False
    for line in source(topic).splitlines():
        if line.startswith("```"):
            code = not code
        else:
            lines.append(f"    {line}" if code else line.lstrip("# ").upper() if _heads(line) else line)
    text = "\n".join(lines)
    return text.replace("`", "") + "\n"


def _heads(line: str) -> bool:
    return line.startswith(("# ", "## "))
