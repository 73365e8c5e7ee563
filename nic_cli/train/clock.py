"""Where a training stands: which phase, how far in it, and what share of the peak rate that gives."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nic_cli.train.recipe import Phase

LEAST = 0.01  # of the peak rate, at the end of a phase


@dataclass(frozen=True, slots=True)
class Place:
    """index: of the phase. scale: share of the peak rates. decay: of the phase's decay, 0 before it."""

    index: int
    scale: float
    decay: float


class Clock:
    """Counts steps if the phases are given in steps, else seconds.

    seconds: until the end, from now on. begun: share of the run that lies behind, 0..1.
    """

    def __init__(self, phases: Sequence[Phase], seconds: float, begun: float = 0.0) -> None:
        self.phases, self.seconds, self.begun = phases, seconds, begun
        self.lengths = [float(p.steps or p.share) for p in phases]
        self.counting = bool(phases[0].steps)
        self.start = time.monotonic()

    @property
    def whole(self) -> float:
        """The whole run: in steps, or in seconds at the pace of time that is left."""
        return sum(self.lengths) if self.counting else self.seconds / max(1 - self.begun, 1e-9)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def progress(self, steps: int) -> float:
        """Share of the run that lies behind after so many steps, 0..1."""
        if self.counting:
            return min(1.0, steps / sum(self.lengths))
        return min(1.0, self.begun + (1 - self.begun) * self.spent / max(self.seconds, 1e-9))

    def place(self, progress: float) -> Place | None:
        """Where that is; None at the end."""
        left = progress * sum(self.lengths)
        if self.counting:
            left = round(left)  # whole again: a step belongs to one phase
        for index, (phase, length) in enumerate(zip(self.phases, self.lengths, strict=True)):
            if left < length:
                return _placed(index, phase, left / length)
            left -= length
        return None


def _placed(index: int, phase: Phase, part: float) -> Place:
    rise = 1.0 if phase.warmup <= 0 else min(1.0, part / phase.warmup)
    decay = 0.0 if phase.decay <= 0 else min(1.0, max(0.0, 1 - (1 - part) / phase.decay))
    return Place(index, phase.rate * max(rise * (1 - math.sqrt(decay)), LEAST), decay)
