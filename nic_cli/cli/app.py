"""The Typer app: one function a command, called with no other error handling than `failures` has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from typing import Annotated

import typer
import typer.main

from nic_cli import __version__
from nic_cli.cli.usage import command_class, group_class
from nic_cli.jobs import settings
from nic_cli.zoo.processor import has_cuda_driver

COMMANDS = {
    "encode": ("nic_cli.cli.encode", "encode"),
    "decode": ("nic_cli.cli.decode", "decode"),
    "info": ("nic_cli.cli.info", "info"),
    "verify": ("nic_cli.cli.verify", "verify"),
    "convert": ("nic_cli.cli.convert", "convert"),
    "view": ("nic_cli.cli.view", "view"),
    "web": ("nic_cli.cli.web", "web"),
    "compare": ("nic_cli.cli.compare", "compare"),
    "bench": ("nic_cli.cli.bench", "bench"),
    "train": ("nic_cli.cli.train", "train"),
    "batch": ("nic_cli.cli.batch", "run"),
    "help": ("nic_cli.cli.help", "show"),
    "models": ("nic_cli.cli.zoo.models", "app"),
}
"""Where each command is, module and name: those that are not asked for are not imported, 0.15 s of 0.3."""


EXAMPLES = (
    ("nic encode photo.png", "writes photo.nic"),
    ("nic decode photo.nic -o photo.jpg", "back to a picture"),
    ("nic encode -r album/ -o packed/", "a folder with all below it"),
    ("nic help", "what else there is to read"),
)


def application(only: str | None = None) -> typer.Typer:
    """The app with all commands, or with one, as if there were no other."""
    app = typer.Typer(
        name="nic",
        cls=group_class(EXAMPLES),
        help="A neural image codec: continuous rate (-q), continuous realism (-b), the same symbols "
        "everywhere.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for name, (module, attribute) in COMMANDS.items():
        if only not in (None, name):
            continue
        place = import_module(module)
        found, examples = getattr(place, attribute), place.EXAMPLES
        if isinstance(found, typer.Typer):
            for one in found.registered_commands:
                line = f"nic {name} {one.name or getattr(one.callback, '__name__', '')} "
                one.cls = command_class(tuple(e for e in examples if f"{e[0]} ".startswith(line)))
            app.add_typer(found, name=name, cls=group_class(examples))
        else:
            app.command(name, cls=command_class(examples))(found)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code. Raises whatever goes wrong, Typer's own errors too."""
    arguments = arguments or ["--help"]
    # Help, completion and what is no command need to know them all.
    one = next(iter(arguments), None) if "_NIC_COMPLETE" not in os.environ else None
    command = typer.main.get_command(application(one if one in COMMANDS and one != "help" else None))
    if "_NIC_COMPLETE" in os.environ:  # the shell asks for completions
        with suppress(KeyError, ValueError):  # or does not say of what
            command.main(list(arguments), prog_name="nic")
        return 0
    try:
        with command.make_context("nic", list(arguments)) as context:
            code = command.invoke(context)
    except typer.Exit as done:  # help and version
        code = done.exit_code
    return code if isinstance(code, int) else 0


def versions() -> str:
    """Say the versions of the program, the format and torch, and where the network would run."""
    from nic_cli.container.layout import VERSION

    try:
        torch = metadata.version("torch")  # of its record, since importing it takes seconds
    except metadata.PackageNotFoundError:
        torch = "missing"
    lines = (
        f"nic {__version__}",
        f"format {'.'.join(map(str, VERSION))}",
        f"torch {torch}",
        f"device {_device()}",
    )
    return "\n".join(lines)


def _device() -> str:
    chosen = settings.load().device
    if chosen != "auto":
        return chosen
    return "cuda" if has_cuda_driver() else "cpu"


def _print_versions(wanted: bool) -> None:
    if wanted:
        typer.echo(versions())
        raise typer.Exit


def root(
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            is_eager=True,
            callback=_print_versions,
            help="Show all versions and the device.",
        ),
    ] = False,
) -> None:
    """Take the options before the command."""
