"""What `--help` shows: options in groups, then examples; text without frames, made without rich.

The renderers of Typer's versions differ in what they say of types, and none has a place for examples.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

from nic_cli.cli.declaring import ADVANCED, COMMON, OUTPUT

NARROWEST, WIDEST = 60, 100  # columns
INDENT, GAP = 2, 2
MOST_NAMES = 28  # columns for the names of options; a longer one has its own line

Row = tuple[str, str]


class Command(TyperCommand):
    """A command whose help has its examples. examples: a command line and what it does, each."""

    examples: tuple[Row, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write("\n".join(_page(self, ctx, self.examples)))


class Group(TyperGroup):
    """The same of a command that has commands of its own."""

    examples: tuple[Row, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write("\n".join(_page(self, ctx, self.examples)))


def command_class(examples: tuple[Row, ...]) -> type[Command]:
    """Give the class of a command with these examples."""
    return type("Command", (Command,), {"examples": examples})


def group_class(examples: tuple[Row, ...]) -> type[Group]:
    """Give the class of a group of commands with these examples."""
    return type("Group", (Group,), {"examples": examples})


def _page(command: Any, context: Any, examples: tuple[Row, ...]) -> Iterator[str]:
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    yield f"{_heading('Usage')} {' '.join([context.command_path, '[OPTIONS]', *_arguments(command)])}"
    for paragraph in (command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(paragraph, width)
    if hasattr(command, "commands"):
        rows = [(name, one.get_short_help_str(200)) for name, one in command.commands.items()]
        yield from _section("Commands", rows, width)
    for title, rows in _groups(command.params):
        yield from _section(title, rows, width)
    if examples:
        yield f"\n{_heading('Examples')}"
        yield from (f"{' ' * INDENT}{line}\n{' ' * (INDENT + 4)}{told}" for line, told in examples)


def _groups(parameters: Iterable[Any]) -> Iterator[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {"Inputs": [], COMMON: [], OUTPUT: [], ADVANCED: [], "Options": []}
    for one in parameters:
        if getattr(one, "hidden", False):
            continue
        if one.param_type_name == "argument":
            groups["Inputs"].append((one.metavar or one.name.upper(), one.help or ""))
        else:
            where = getattr(one, "rich_help_panel", None) or "Options"
            groups.setdefault(where, []).append((_names(one), one.help or ""))
    groups["Options"].append(("-h, --help", "Show this page."))
    yield from ((title, rows) for title, rows in groups.items() if rows)


def _names(option: Any) -> str:
    short = [name for name in option.opts if not name.startswith("--")]
    long = [name for name in option.opts if name.startswith("--")]
    names = ", ".join([*short, *long]) if short else f"    {', '.join(long)}"
    return f"{names} {option.metavar}" if option.metavar and not option.is_flag else names


def _section(title: str, rows: list[Row], width: int) -> Iterator[str]:
    yield f"\n{_heading(title)}"
    left = min(max(len(name) for name, _ in rows), MOST_NAMES)
    start = " " * (INDENT + left + GAP)
    for name, told in rows:
        lines = _wrapped(told, width - len(start)) or [""]
        if len(name) > left:
            yield f"{' ' * INDENT}{name}"
        else:
            yield f"{' ' * INDENT}{name:<{left}}{' ' * GAP}{lines.pop(0)}".rstrip()
        yield from (start + line for line in lines)


def _arguments(command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        yield "COMMAND ..."
    for one in command.params:
        if one.param_type_name == "argument":
            name = f"{one.metavar or one.name.upper()}{'...' if one.nargs == -1 else ''}"
            yield name if one.required else f"[{name}]"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def _heading(text: str) -> str:
    shown = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    plain = os.environ.get("NO_COLOR") or not (shown or os.environ.get("FORCE_COLOR"))
    return f"{text}:" if plain else f"\x1b[1m{text}:\x1b[0m"
