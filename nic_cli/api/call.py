"""One call from Python: its notices become warnings, and its errors speak of arguments, not of options."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

from nic_cli import memory
from nic_cli.errors import NicError, NicWarning, UsageError, WrongValue

_OPTION = re.compile(
    r"--(frame|max-pixels|accept-truncated|device|hdr|tile|crop|scale|strip|ssimulacra2|like)\b"
)
_OURS = ("nic_cli", "PIL")  # which calls us to save
_silent = ContextVar("silent", default=False)


class Call:
    """Surround the work of a call with this.

    On its end the notices given to `warn` become a NicWarning each, which points at the line that made the
    call, itself or through Pillow. What goes wrong with values is a WrongValue; lack of memory, and what a
    file object or the disk raises, is a NicError.
    """

    def __init__(self) -> None:
        self._said: dict[str, type[Warning]] = {}

    def warn(self, text: str, category: type[Warning] = NicWarning) -> None:
        """Keep a notice, each once."""
        self._said.setdefault(_in_python(text), category)

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if error is None:
            self._tell()
        elif isinstance(error, NicError):
            _speak_python(error, at)
        elif memory.is_out_of_memory(error):
            raise NicError(memory.shortage().replace("--threads 1", "OMP_NUM_THREADS=1")) from error
        elif isinstance(error, OSError):
            raise NicError(f"cannot be read: {error.strerror or error}; check the file") from error

    def _tell(self) -> None:
        if not self._said or _silent.get():
            return
        from nic_cli.image.opening import one_at_a_time

        level, frame = 1, sys._getframe()
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
            level, frame = level + 1, frame.f_back
        with one_at_a_time:  # else readers in other threads would take them for theirs
            for text, category in self._said.items():
                warnings.warn(text, category, stacklevel=level)


@contextmanager
def silently() -> Iterator[None]:
    """Have calls in here, of this thread alone, give no warnings."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def _speak_python(error: NicError, at: TracebackType | None) -> None:
    """Put an error, which goes on its way, into words of Python. Raises the WrongValue that one should be."""
    text = _in_python(str(error))
    if isinstance(error, UsageError) and not isinstance(error, TypeError | ValueError):
        raise WrongValue(text).with_traceback(at) from error.__cause__
    error.args = (text,)


def _in_python(text: str) -> str:
    """A line that names options, with the arguments that they are here."""
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), text)
