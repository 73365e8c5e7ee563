"""A training that answers to a clock, and files one can go on from.

`safe` is the newest state of all, from which a run goes on exactly; `trunk` is that from before
the last decay, where more training continues best; `release` holds the averaged weights, which
ship; `critics` those that they played against, from which another training may start its own.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from nic_cli.errors import NicError, UsageError
from nic_cli.storage.atomic import replacing
from nic_cli.train.clock import Clock, Place
from nic_cli.train.journal import Journal, Say
from nic_cli.train.task import Task

ROLLBACKS = 4
SAFE, TRUNK = "safe.safetensors", "trunk.safetensors"
MODEL = "model"  # the folder that a run is exported to
Progress = Callable[[int, int, str], None]  # steps or seconds that lie behind, of how many, and where it is


class Loop:
    """Runs a task through the phases of its recipe in a work folder."""

    def __init__(
        self,
        task: Task,
        work: Path,
        say: Say,
        progress: Progress | None = None,
        seconds: float | None = None,
    ) -> None:
        """seconds: from now to the end, whatever the recipe says."""
        work.mkdir(parents=True, exist_ok=True)
        self.task, self.work, self.recipe = task, work, task.recipe
        tensorboard = self.recipe.schedule.tensorboard
        self.journal = Journal(work, say, tensorboard=tensorboard, silent=not task.team.leads)
        self.progress, self.seconds = progress or (lambda done, total, where: None), seconds
        self.backoff, self.rollbacks, self.stopped = 1.0, 0, False
        self.begun, self.steps = 0.0, 0  # share and steps of this run that lie behind
        self.labels: dict[str, str] = {}  # what states say of the run, for the one that goes on with it

    def run(self) -> bool:
        """Train to the end of the recipe, or save and return False on Ctrl-C or SIGTERM."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {n: signal.signal(n, lambda *_: setattr(self, "stopped", True)) for n in numbers}
        try:
            self._run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return not self.stopped

    def _run(self) -> None:
        given = self.recipe.schedule
        clock = self._clock()
        next_save, next_check = given.save_every, given.validate_every or math.inf
        first, decaying = self.steps, self.steps > 0 and self._place().decay > 0
        self.save("safe")
        while True:
            place = self._next(clock)
            if place is None or self.stopped:
                break
            if self.recipe.phases[place.index] != self.task.phase:
                self._enter(place.index)
                decaying = False
            if place.decay > 0 and not decaying:
                decaying = True
                self.save("trunk")
            if not self._step(place, clock, first):
                continue
            self._show(clock)
            if clock.spent >= next_save:
                self.save("safe")
                next_save = clock.spent + given.save_every
            if clock.spent >= next_check:
                self._validate()
                next_check = clock.spent + given.validate_every
        self.save("safe")
        if not decaying:
            self.save("trunk")
        if self.task.team.leads:
            write_tensors(self.work / "release.safetensors", self.task.release())
            if self.task.adversary is not None:
                write_tensors(self.work / "critics.safetensors", self.task.adversary.critics.state_dict())
            self._validate("end", stopped=self.stopped)

    def _show(self, clock: Clock) -> None:
        behind = clock.progress(self.steps) * clock.whole
        of = f" of {clock.whole:,.0f}" if clock.counting else ""
        step = self.steps if clock.counting else int(self.task.steps)
        self.progress(round(behind), round(clock.whole), f"{self.task.phase.name}, step {step:,}{of}")

    def _next(self, clock: Clock) -> Place | None:
        """Where the next step stands; all processes of a team hear it from the first."""
        self.begun, stopped = self.task.team.agree(clock.progress(self.steps), float(self.stopped))
        self.stopped = bool(stopped)
        return clock.place(self.begun)

    def _clock(self) -> Clock:
        left = self.recipe.schedule.seconds * (1 - self.begun)
        return Clock(self.recipe.phases, left if self.seconds is None else self.seconds, self.begun)

    def _place(self) -> Place:
        return self._clock().place(self.begun) or Place(len(self.recipe.phases) - 1, 0.0, 1.0)

    def _enter(self, index: int) -> None:
        self.task.enter(self.recipe.phases[index])
        self.journal.note("phase", step=int(self.task.steps), name=self.task.phase.name)
        self.save("safe")

    def _step(self, place: Place, clock: Clock, first: int) -> bool:
        """One step; False if its loss was no number and an older state is back."""
        parts = self.task.step(place.scale * self.backoff, place.decay)
        self.steps += 1
        if self.steps % self.recipe.schedule.log_every and self.steps != first + 1:
            return True
        values = {name: round(float(value), 5) for name, value in parts.items()}
        if not math.isfinite(self.task.team.agree(values["loss"])[0]):
            self._roll_back()
            return False
        pace = round((self.steps - first) / max(clock.spent, 1e-9), 3)
        step, seconds = int(self.task.steps), round(clock.spent)
        self.journal.note("train", step=step, seconds=seconds, pace=pace, **values)
        return True

    def _validate(self, event: str = "validation", **more: bool) -> None:
        if self.task.team.leads:
            found = {name: round(value, 4) for name, value in self.task.evaluate().items()}
            self.journal.note(event, step=int(self.task.steps), **more, **found)

    def save(self, name: str) -> None:
        """Write the whole state, or fall back to the last sound one if it is not finite."""
        state = self.task.state()
        if not all(bool(t.isfinite().all()) for t in state.values() if t.is_floating_point()):
            self._roll_back()
            return
        state["run/begun"] = torch.tensor(self.begun, dtype=torch.float64)
        state["run/steps"] = torch.tensor(self.steps)
        state["run/phase"] = torch.tensor(self.recipe.phases.index(self.task.phase))
        if self.task.team.leads:
            write_tensors(self.work / f"{name}.safetensors", state, self.labels)

    def resume(self, model: Path) -> None:
        """Go on from the newest state; after a run's end from before its decay, through the recipe anew.

        model: what the run's end is exported to. Where that was not done, it has yet to be, and nothing more.
        """
        path = self.work / SAFE
        try:
            if ended(self.work, model):
                self.task.load_state(load_file(self.work / TRUNK), moments=False)
            else:
                state = load_file(path)
                self.begun, self.steps = float(state["run/begun"]), int(state["run/steps"])
                self.task.enter(self.recipe.phases[min(int(state["run/phase"]), len(self.recipe.phases) - 1)])
                self.task.load_state(state)
        except (KeyError, RuntimeError):
            raise UsageError(
                f"{path} is not of this recipe: resume with the one that it was begun by"
            ) from None
        self.journal.note("resumed", step=int(self.task.steps), phase=self.task.phase.name)

    def _roll_back(self) -> None:
        if self.rollbacks >= ROLLBACKS:
            raise NicError("the loss keeps leaving the finite numbers: lower the learning rates")
        self.task.load_state(load_file(self.work / SAFE))
        self.backoff, self.rollbacks = self.backoff / 2, self.rollbacks + 1
        self.journal.note("rolled back", step=int(self.task.steps), backoff=self.backoff)


def ended(work: Path, model: Path) -> bool:
    """Whether the run in a work folder came to its end, and `model`, the weights it exports, is of that end.

    Raises NicError if there is no run to go on with.
    """
    path = work / SAFE
    if not path.is_file():
        raise NicError(f"{path} is not there to resume from: start without --resume")
    with safe_open(path, "pt") as state:
        begun = float(state.get_tensor("run/begun"))
    return begun >= 1 and model.exists() and model.stat().st_mtime_ns >= path.stat().st_mtime_ns


def labels_of(work: Path) -> dict[str, str]:
    """What the newest state in a work folder says of its run; nothing where there is none."""
    if not (work / SAFE).is_file():
        return {}
    with safe_open(work / SAFE, "pt") as state:
        return state.metadata() or {}


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], labels: dict[str, str] | None = None) -> None:
    """Write a file of tensors; the old one stays whole until the new one is."""
    with replacing(path) as stream:
        copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        stream.write(save(copies, labels))
