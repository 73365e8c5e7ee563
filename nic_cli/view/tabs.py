"""The tabs that show the page, each of which holds a connection open for as long as it is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 5.0
"""Seconds without a tab after which nobody is coming back; loading a page again takes less."""


class Tabs:
    """Counts them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open, self._left = 0, 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one while it is there."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                self._left = time.monotonic()

    def over(self) -> bool:
        """Whether there was one, and for some seconds there has been none."""
        with self._lock:
            return not self._open and 0 < self._left < time.monotonic() - GRACE
