"""A line that says what is being worked on while there is nothing else to see, and then is gone.

Written without rich, whose import takes as long as a small picture.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE = 0.25  # seconds before it is worth a look: half a second from the start of the command
WIDTH = 79

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
            _write("\r" + " " * len(_shown.pop()) + "\r")


def _show(text: str) -> None:
    short = text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
    with _lock:
        _shown[:] = [short]
        _write(short)


def _write(text: str) -> None:
    # Nobody is left to hear that standard error is gone.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
