"""One decoding at a time, the smallest first: a large one gives way between two strips of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """A lock for work whose size is known, in pixels."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[int] = []
        self._busy = False

    @contextmanager
    def turn(self, pixels: int) -> Iterator[Callable[[], None]]:
        """Wait for the lock and hold it; gives what lets smaller work go first, to be called now and then."""
        self._take(pixels)
        try:
            yield lambda: self._give_way(pixels)
        finally:
            self._give()

    def _take(self, pixels: int) -> None:
        with self._changed:
            self._waiting.append(pixels)
            self._changed.wait_for(lambda: not self._busy and min(self._waiting) == pixels)
            self._waiting.remove(pixels)
            self._busy = True

    def _give(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _give_way(self, pixels: int) -> None:
        with self._changed:
            smaller = min(self._waiting, default=pixels) < pixels
        if smaller:
            self._give()
            self._take(pixels)
