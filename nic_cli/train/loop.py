"""A training that answers to the clock: warm-up, stable, decay, and files one can go on from.

`trunk` is the state from before the decay, where a later training continues; `release` holds the
averaged weights after it, which ship; `safe` is the newest sound state.
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from nic_cli.errors import NicError
from nic_cli.train.recipe import Schedule
from nic_cli.train.task import Task

Say = Callable[[str], None]
ROLLBACKS = 4


@dataclass
class Clock:
    """Seconds since the start, and the share of the peak rate that goes with them."""

    schedule: Schedule
    start: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    @property
    def decay_frac(self) -> float:
        """0 before the decay, 1 at the end."""
        left = self.schedule.seconds - self.spent
        return 0.0 if self.schedule.decay <= 0 else min(1.0, max(0.0, 1 - left / self.schedule.decay))

    @property
    def lr_scale(self) -> float:
        """Linear up, flat, then one minus a square root down to a hundredth."""
        up = 1.0 if self.schedule.warmup <= 0 else min(1.0, self.spent / self.schedule.warmup)
        return max(up * (1 - math.sqrt(self.decay_frac)), 0.01 * up)


class Loop:
    """Runs a task against a clock in a work folder."""

    def __init__(self, task: Task, work: Path, schedule: Schedule, say: Say) -> None:
        self.task, self.work, self.schedule, self.say = task, work, schedule, say
        self.backoff, self.rollbacks, self.stopped = 1.0, 0, False
        work.mkdir(parents=True, exist_ok=True)

    def run(self) -> bool:
        """Train to the end of the schedule, or save and return False on Ctrl-C or SIGTERM."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {n: signal.signal(n, lambda *_: setattr(self, "stopped", True)) for n in numbers}
        try:
            self._run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return not self.stopped

    def _run(self) -> None:
        clock, given = Clock(self.schedule), self.schedule
        next_save, next_check = given.save_every, given.validate_every or math.inf
        decaying, first = False, int(self.task.steps)
        self.save("safe")
        while clock.spent < given.seconds and not self.stopped:
            if clock.decay_frac > 0 and not decaying:
                decaying = True
                self.save("trunk")
            parts = self.task.step(clock.lr_scale * self.backoff, clock.decay_frac)
            step = int(self.task.steps)
            if step % given.log_every == 0 or step == first + 1:
                values = {name: round(float(value), 5) for name, value in parts.items()}
                if not math.isfinite(values["loss"]):
                    self._roll_back()
                    continue
                pace = round((step - first) / clock.spent, 3)
                self.note("train", step=step, seconds=round(clock.spent), pace=pace, **values)
            if clock.spent >= next_save and not decaying:  # to go on from, the trunk is what counts
                self.save("safe")
                next_save = clock.spent + given.save_every
            if clock.spent >= next_check:
                self.note("validation", step=step, **_rounded(self.task.evaluate()))
                next_check = clock.spent + given.validate_every
        if not decaying:
            self.save("trunk")
        write_tensors(self.work / "release.safetensors", self.task.release())
        self.note("end", step=int(self.task.steps), stopped=self.stopped, **_rounded(self.task.evaluate()))

    def save(self, name: str) -> None:
        """Write the whole state, or fall back to the last sound one if it is not finite."""
        state = self.task.state()
        if not all(bool(t.isfinite().all()) for t in state.values() if t.is_floating_point()):
            self._roll_back()
            return
        write_tensors(self.work / f"{name}.safetensors", state)

    def resume(self, path: Path) -> None:
        """Go on from a state that `save` wrote."""
        if not path.is_file():
            raise NicError(f"{path} is not there to resume from: start without --resume")
        self.task.load_state(load_file(path))
        self.note("resumed", step=int(self.task.steps))

    def _roll_back(self) -> None:
        if self.rollbacks >= ROLLBACKS:
            raise NicError("the loss keeps leaving the finite numbers: lower the learning rates")
        self.task.load_state(load_file(self.work / "safe.safetensors"))
        self.backoff, self.rollbacks = self.backoff / 2, self.rollbacks + 1
        self.note("rolled back", step=int(self.task.steps), backoff=self.backoff)

    def note(self, event: str, **values: Any) -> None:
        """One line for people, one for machines."""
        with (self.work / "log.jsonl").open("a") as stream:
            stream.write(json.dumps({"event": event, **values}) + "\n")
        self.say(event + "  " + "  ".join(f"{k} {v}" for k, v in values.items()))


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write beside and rename, so that the old file stays whole until the new one is."""
    beside = path.with_name(path.name + ".tmp")
    save_file({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, beside)
    beside.replace(path)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
