"""The work of `nic view`: refuse what cannot be shown, serve, open the browser, end with its last tab."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nic_cli.errors import NicError, UsageError
from nic_cli.jobs.files import outputs
from nic_cli.jobs.model_cache import Models
from nic_cli.storage.printable import printable
from nic_cli.terminal import failures
from nic_cli.terminal.console import Console, complain
from nic_cli.view.server import Server
from nic_cli.view.shelf import Exhibit, Shelf

PATIENCE = 0.2  # seconds between two looks at whether a tab is open
LONGEST = 20.0
"""Seconds that what is being decoded has to end in; a strip of rows takes about one."""
NO_BROWSER = (
    "no display, so no browser can be opened: give --no-browser, and open the address that it prints; from "
    "another machine, nic view --no-browser --port 8000 here and ssh -L 8000:127.0.0.1:8000 there"
)


def run(
    files: Sequence[Path],
    originals: Sequence[Path],
    models: Models,
    console: Console,
    *,
    port: int = 0,
    browser: bool = True,
) -> int:
    """Show `files`, the first of them made from the first of `originals` and so on, and give the exit code.

    port: 0 for any that is free. Raises UsageError for originals without a file, NicError where there is no
    display or the port is taken.
    """
    if len(originals) > len(files):
        raise UsageError(f"--original: {len(originals)} were named for {len(files)} files: one for each")
    if browser and not has_display():
        raise NicError(NO_BROWSER)
    pairs = [*originals, *[None] * (len(files) - len(originals))]
    shelf = Shelf([Exhibit(*pair) for pair in zip(files, pairs, strict=True)], models, console)
    if len(files) == 1 and (code := _refused(shelf)):
        return code
    with Server(shelf, port) as server:
        for work in (lambda: server.serve_forever(0.05), lambda: _prepare(server)):
            threading.Thread(target=work, daemon=True).start()
        try:
            said = console if browser else Console()  # which nobody could find otherwise
            said.say(f"{server.url}  ends with its last tab, or with Ctrl-C")
            if browser and not webbrowser.open(server.url):
                raise NicError(NO_BROWSER)
            ended = threading.Event()
            while not server.tabs.over():
                ended.wait(PATIENCE)
        finally:
            server.shutdown()
            server.settle(LONGEST)
    return 0


def has_display() -> bool:
    """Whether a browser could open a window; one in the terminal would be no use for pictures."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform not in ("win32", "darwin") and not any(os.environ.get(name) for name in screens):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _refused(shelf: Shelf) -> int:
    """The exit code if the only file cannot be shown, which is then said; else 0."""
    name = printable(shelf.exhibits[0].path)
    try:
        outputs.check_there([shelf.exhibits[0].path])
        shelf.about(0)
    except (NicError, OSError) as error:
        line, code = failures.explain(error)
        failures.trace(error)
        complain(line if name in line else f"{name}: {line}")
        return code
    return 0


def _prepare(server: Server) -> None:
    with server.at_work(), suppress(Exception):  # whoever asks for the picture is told
        server.shelf.prepare(0)
