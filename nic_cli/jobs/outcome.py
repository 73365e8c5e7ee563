"""What one input came to: a report, a failure, or a reason to end the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Report:
    """What one input came to: a line for people, and the JSON object for programs.

    before, after, pixels: bytes read, bytes written and pixels coded, for the sum; 0 where nothing was.
    """

    line: str
    record: DataclassInstance
    before: int = 0
    after: int = 0
    pixels: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """The JSON object of an input that failed."""

    input: str
    error: str
    code: int


class Stop(Exception):
    """Raised by the work on one input if no other could fare better; holds the reason."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
