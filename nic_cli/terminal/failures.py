"""From any exception, or a signal, to one line on standard error and an exit code.

Codes: those of `nic_cli.errors`; 1 for a failure with no code of its own; 2 for what Typer finds
wrong; 130, 143 or 129 after SIGINT, SIGTERM or SIGHUP (128 and the number of the signal). A closed
pipe downstream is silent and gives 1, as the Python documentation advises.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from nic_cli import memory
from nic_cli.errors import NicError
from nic_cli.storage.printable import printable
from nic_cli.terminal import console

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

GRACE = 3.0
"""Seconds in which further signals do not disturb the end that the first one began."""

_received: list[int] = []


def guarded(command: Callable[[], int]) -> int:
    """Run a command so that whatever happens ends in an exit code and at most one line."""
    _received.clear()
    _open_missing()
    with _signals(), _hushed():
        code = _attempt(command)
        _settle_output()
    if _received:
        console.complain("interrupted" if _received[0] == signal.SIGINT else "terminated")
        return 128 + _received[0]
    return code


def _open_missing() -> None:
    """Have descriptors 0 to 2 lead nowhere if they are closed, so that no file that is opened becomes one.

    Libraries write to them past Python, and into whatever picture would have their number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _attempt(command: Callable[[], int]) -> int:
    try:
        code = command()
        console.flush()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    except BrokenPipeError:
        return 1
    except BaseException as error:  # also the panics of native libraries, which are no Exception
        return 1 if interrupted() else _reported(error)
    return code


def interrupted() -> bool:
    """Tell whether a signal asked the program to end; libraries may turn it into other errors."""
    return bool(_received)


def explain(error: BaseException) -> tuple[str, int]:
    """Give the one line that says what went wrong, without escapes, and the exit code."""
    if isinstance(error, NicError):
        return str(error), error.code
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # what Typer finds wrong
        return _usage(error), int(error.exit_code)
    if memory.is_out_of_memory(error):
        return memory.shortage(), 1
    if isinstance(error, OSError) and error.strerror:
        where = (
            f"{printable(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        )
        return f"{where}{error.strerror}; {_advice(error)}", 1
    name, text = type(error).__name__, str(error).strip().partition("\n")[0]
    return f"unexpected {name}{': ' if text else ''}{text}; set NIC_DEBUG=1 for the trace", 1


def trace(error: BaseException) -> None:
    """Show the traceback, if NIC_DEBUG asks for it."""
    if debugging() and sys.stderr is not None:
        traceback.print_exception(error)


def debugging() -> bool:
    """Tell whether NIC_DEBUG is set."""
    return os.environ.get("NIC_DEBUG", "") not in ("", "0")


def _reported(error: BaseException) -> int:
    line, code = explain(error)
    trace(error)
    console.complain(line)
    return code


def _usage(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "nic"
    message = str(error.format_message()).rstrip(".")  # type: ignore[attr-defined]
    return f"{message[:1].lower()}{message[1:]}; see '{command} --help'"


def _advice(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the name"
    return "check its permissions" if isinstance(error, PermissionError) else "check the path and the disk"


def _settle_output() -> None:
    # What could not be written would be tried, and fail, again when the interpreter ends.
    try:
        console.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


@contextmanager
def _signals() -> Iterator[None]:
    """Let each signal unwind the stack, so that temporary files go; keep those ignored so."""
    heard = -GRACE

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        _received.append(number)
        if time.monotonic() < heard + GRACE:
            return  # what the first one began, temporary files going, is not to be cut short by another
        heard = time.monotonic()
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number, action in before.items() if action not in (signal.SIG_IGN, None)]
    for number in mine:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_IGN if _received else before[number])


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the warnings and log lines of libraries away from the user."""
    import logging

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    quiet = logging.NullHandler()
    logging.getLogger().addHandler(quiet)  # with no handler at all, warnings go to standard error
    with warnings.catch_warnings():
        if not debugging() and not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield
    logging.getLogger().removeHandler(quiet)
