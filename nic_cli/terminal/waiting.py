"""A line that says what is being worked on while there is nothing else to see, and then is gone.

Written without rich, whose import takes as long as a small picture.
"""

from __future__ import annotations

import shutil
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE = 0.25  # seconds before it is worth a look: half a second from the start of the command
WIDTH = 80  # columns, where the terminal does not say

_lock = threading.Lock()
_shown: list[str] = []  # the line that stands there, if one does


@contextmanager
def line(text: str, *, enabled: bool) -> Iterator[None]:
    """Show a line on standard error if what is done meanwhile takes long."""
    if not enabled:
        yield
        return
    timer = threading.Timer(PATIENCE, _show, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may have begun
        clear()


def clear() -> None:
    """Take the line away, before anything else is written there."""
    with _lock:
        if _shown:
            _write("\r" + " " * _cells(_shown.pop()) + "\r")


def _show(text: str) -> None:
    most = shutil.get_terminal_size((WIDTH, 24)).columns - 1
    while _cells(text) > most and text:  # a line that wraps could not be taken away
        text = text[:-4] + "..." if text.endswith("...") and len(text) > 3 else text[:-1]
    with _lock:
        _shown[:] = [text]
        _write(text)


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes, at most."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _write(text: str) -> None:
    # Nobody is left to hear that standard error is gone.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
