"""The Typer app: one function a command, called with no other error handling than `failures` has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer
import typer.main

from nic_cli import __version__
from nic_cli.cli import batch, bench, decode, encode, help, info, models, train, verify
from nic_cli.jobs import settings
from nic_cli.zoo.processor import has_cuda_driver

app = typer.Typer(
    name="nic",
    help="A neural image codec: continuous rate (-q), continuous realism (-b), the same symbols everywhere.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (encode.encode, decode.decode, info.info, verify.verify, bench.bench, train.train):
    app.command()(command)
app.command(name="batch")(batch.run)
app.command(name="help")(help.show)
app.add_typer(models.app, name="models")


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code. Raises whatever goes wrong, Typer's own errors too."""
    command = typer.main.get_command(app)
    if "_NIC_COMPLETE" in os.environ:  # the shell asks for completions
        command.main(list(arguments), prog_name="nic")
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


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_versions, help="Show all versions and the device."
        ),
    ] = False,
) -> None:
    """Take the options before the command."""
