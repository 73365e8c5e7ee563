"""What Python code gives: files in all their forms, numbers, choices; what is wrong is told in a sentence."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from nic_cli.errors import NicError, WrongType, WrongValue


class Readable(Protocol):
    """A binary file object, of which only `read` is asked."""

    def read(self, size: int = ..., /) -> bytes:
        """At most so many bytes."""


class HasInterface(Protocol):
    """An array that describes its memory, such as numpy's."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


class HasArray(Protocol):
    """What makes an array of itself."""

    @property
    def __array__(self) -> Callable[..., Any]: ...


@dataclass(frozen=True, slots=True)
class File:
    """A file that was given. name: for errors; file_name: its own, or ""; owned: to be closed by us."""

    stream: BinaryIO
    name: str
    file_name: str = ""
    owned: bool = False


def file_of(given: object, name: str) -> File | None:
    """A path, bytes or a file object as a file; None for what is none of them.

    name: what stands for bytes in errors. Raises NicError for a path that cannot be opened, WrongType,
    WrongValue.
    """
    if isinstance(given, str | os.PathLike):
        return _opened(os.fsdecode(given))
    if isinstance(given, bytes | bytearray | memoryview):
        if isinstance(given, memoryview) and given.ndim != 1:
            raise WrongType(f"a memoryview of {given.ndim} dimensions is no file: give the array itself")
        return File(io.BytesIO(given), name)
    if hasattr(given, "read"):
        return _file_object(given, name)
    return None


def _opened(path: str) -> File:
    if not path or "\0" in path:
        raise WrongValue(f"no file has the name {path!r}: give another one")
    try:
        return File(Path(path).open("rb"), path, Path(path).name, owned=True)
    except OSError as error:
        raise NicError(f"{path}: cannot be read: {error.strerror or error}; check the path") from error


def _file_object(given: Any, name: str) -> File:
    kind = type(given).__name__
    if getattr(given, "closed", False) is True:
        raise WrongValue(f"the file object ({kind}) is closed: give it before that, or its path")
    try:
        nothing = given.read(0)
    except OSError as error:  # such as one that is open for writing
        raise WrongValue(f"the file object ({kind}) cannot be read: {error}; open it with 'rb'") from error
    except Exception as error:
        raise WrongType(f"{kind} is no binary file object: its read(0) fails: {error}") from error
    if isinstance(nothing, str):
        raise WrongType(f"the file object ({kind}) gives text: open it with 'rb'")
    if not isinstance(nothing, bytes | bytearray | memoryview):
        raise WrongType(f"{kind} is no binary file object: its read(0) gives {type(nothing).__name__}")
    said = getattr(given, "name", None)
    own = Path(said).name if isinstance(said, str) else ""
    whole = all(hasattr(given, method) for method in ("seekable", "seek", "tell"))
    return File(cast(BinaryIO, given if whole else _Pipe(given)), own or name, own)


class _Pipe:
    """A file object of which nothing but `read` is known."""

    closed = False

    def __init__(self, given: Readable) -> None:
        self.read = given.read

    def seekable(self) -> bool:
        """No."""
        return False


def number(name: str, value: object) -> float | None:
    """A finite number; None for None. Raises WrongType, WrongValue."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongType(f"{name} is {_short(value)}: it takes a number")
    if not math.isfinite(value):
        raise WrongValue(f"{name} is {value}: it takes a finite number")
    return float(value)


def whole(name: str, value: object, least: int | None = None) -> int:
    """A whole number, of `least` or more. Raises WrongType, WrongValue."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongType(f"{name} is {_short(value)}: it takes a whole number")
    if least is not None and value < least:
        raise WrongValue(f"{name} is {value}: it takes a whole number from {least} up")
    return int(value)


def whole_or_none(name: str, value: object, least: int) -> int | None:
    """The same, or None."""
    return None if value is None else whole(name, value, least)


def switch(name: str, value: object) -> bool:
    """True or False. Raises WrongType."""
    if not isinstance(value, bool):
        raise WrongType(f"{name} is {_short(value)}: it takes True or False")
    return value


def choice(name: str, value: object, allowed: Sequence[str]) -> str:
    """One of these words. Raises WrongType, WrongValue."""
    known = ", ".join(map(repr, allowed[:-1])) + f" or {allowed[-1]!r}"
    if not isinstance(value, str):
        raise WrongType(f"{name} is {_short(value)}: it takes {known}")
    if value not in allowed:
        raise WrongValue(f"{name} is {value!r}: it takes {known}")
    return value


def model_name(value: object) -> str | None:
    """A model's name or the path of its folder; None for None. Raises WrongType."""
    if value is not None and not isinstance(value, str | os.PathLike):
        raise WrongType(f"model is {_short(value)}: it takes a name of nic models list, or a folder")
    return None if value is None else os.fsdecode(value)


DEVICES = ("auto", "cpu", "cuda", "mps")


def _short(value: object) -> str:
    said = " ".join(repr(value).split())
    return said if len(said) <= 60 else f"an object of type {type(value).__name__}"
