"""The bar of long work. It is drawn by rich, which is imported only once the work proves long."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from nic_cli.terminal import waiting

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE = 1.0  # seconds before a bar is worth a look


class Progress:
    """A bar on standard error: enter it, then call it with (steps done, steps in all).

    in_percent: it shows their share in place of their numbers.
    """

    def __init__(self, what: str, total: int, *, enabled: bool, in_percent: bool = False) -> None:
        self._what, self._total, self._enabled = what, total, enabled
        self._in_percent = in_percent
        self._started = self._told = 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        """Start the clock."""
        self._started = time.monotonic()
        return self

    def __call__(self, done: int, total: int | None = None, what: str | None = None) -> None:
        """Move the bar; show it if the work has gone on for long and is not at its end. what: is done now."""
        self._total, self._what = total or self._total, what or self._what
        late = time.monotonic() - self._started > PATIENCE
        if self._bar is None and self._enabled and late and done < self._total > 1:
            self._show()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=self._total, description=self._what)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _show(self) -> None:
        waiting.clear()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn() if self._in_percent else MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
        )
        # Standard output may carry data: rich must not put itself in its way.
        console = Console(file=sys.stderr)
        self._bar = Bar(*columns, console=console, transient=True, redirect_stdout=False)
        self._task = self._bar.add_task(self._what, total=self._total)
        self._bar.start()


class Written(Progress):
    """The same as lines of JSON on standard error, for programs: --progress json."""

    EVERY = 0.2  # seconds between two lines

    def __call__(self, done: int, total: int | None = None, what: str | None = None) -> None:
        """Write a line, unless one was written just now and there is more to come."""
        self._total, self._what = total or self._total, what or self._what
        now = time.monotonic()
        if now < self._told + self.EVERY and done < self._total:
            return
        self._told = now
        seconds = round(now - self._started, 3)
        said = {"progress": self._what, "done": done, "total": self._total, "seconds": seconds}
        with suppress(OSError, ValueError, AttributeError):  # nobody is left to hear of it
            sys.stderr.write(json.dumps(said) + "\n")
            sys.stderr.flush()
