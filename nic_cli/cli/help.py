"""`nic help`: the manual where there is no `man`."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

import typer

from nic_cli import manual
from nic_cli.cli import declaring
from nic_cli.errors import UsageError
from nic_cli.terminal.console import write_out

EXAMPLES = (
    ("nic help", "what there is to read"),
    ("nic help archives", "the same as in nic(7)"),
    ("nic help encode", "the same as nic encode --help"),
)


def _names() -> list[str]:
    from nic_cli.cli.app import COMMANDS

    return [*manual.TOPICS, *COMMANDS]


def show(
    context: typer.Context,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            show_default=False,
            help="A topic, or a command.",
            autocompletion=declaring.completing(_names),
        ),
    ] = None,
) -> int:
    """Show a page of the manual.

    Without a topic it lists what there is.
    """
    root: Any = context.parent
    commands = root.command.commands
    if topic is None:
        lines = [f"{name:<10} {manual.title(name)}" for name in manual.TOPICS]
        others = ", ".join(name for name in commands if name not in manual.TOPICS)
        lines += [
            "",
            f"the options of a command, as its --help: {others}, models --help",
            "",
            "nic help TOPIC",
        ]
        write_out("".join(f"{line}\n" for line in lines).encode())
    elif topic in manual.TOPICS:
        write_out(manual.plain(topic, min(shutil.get_terminal_size().columns, 100)).encode())
    elif topic in commands:
        with commands[topic].make_context(topic, ["--help"], parent=root):
            pass
    else:
        known = ", ".join(dict.fromkeys([*manual.TOPICS, *commands]))
        raise UsageError(f"nic help: nothing is called {topic!r}: there are {known}")
    return 0
