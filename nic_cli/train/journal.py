"""What a training tells: lines for people, a JSON object a line for programs, TensorBoard if wished."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nic_cli.errors import UsageError

Say = Callable[[str], None]


class Journal:
    """Appends to `log.jsonl` in a work folder and says the same. silent: one of several processes."""

    def __init__(self, work: Path, say: Say, *, tensorboard: bool = False, silent: bool = False) -> None:
        self.path, self.say, self.silent = work / "log.jsonl", say, silent
        self.board = _board(work) if tensorboard and not silent else None

    def note(self, event: str, **values: Any) -> None:
        """Tell of an event; `step` places its numbers on TensorBoard's axis."""
        if self.silent:
            return
        with self.path.open("a") as stream:
            stream.write(json.dumps({"event": event, **values}) + "\n")
        self.say(event + "  " + "  ".join(f"{k} {v}" for k, v in values.items()))
        if self.board is not None and "step" in values:
            for name, value in values.items():
                if isinstance(value, (int, float)) and name != "step":
                    self.board.add_scalar(f"{event}/{name}", value, values["step"])
            self.board.flush()


def check_board() -> None:
    """Raise UsageError unless TensorBoard's package is installed."""
    if find_spec("tensorboard") is None:
        raise UsageError("tensorboard = true needs its package: pip install tensorboard")


def _board(work: Path) -> Any:
    check_board()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(work / "tensorboard"))
