"""Replace or nothing: whoever looks at the target sees the old file or the whole new one, never less.

A killed process can leave `.NAME.nic-XXXXXXXX.tmp` in the target's folder, which is safe to delete.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from nic_cli.errors import NicError
from nic_cli.storage.printable import printable

_MAX_NAME = 255
"""Bytes in one name on the common file systems."""


@contextmanager
def replacing(path: Path, *, mode_from: Path | None = None, links: bool = True) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become `path` when the block ends well, and vanish when it does not.

    Missing folders are made. The new file has the permissions of the one it replaces, else those of
    `mode_from`, else the umask's. A symbolic link is written through, or without `links` replaced itself; a
    device or pipe is written directly.
    Raises NicError in one line for what the system refuses; BrokenPipeError passes.
    """
    try:
        if path.is_dir() or is_direct(path):  # opening a folder raises what should be said of it
            with path.open("wb") as stream:
                yield cast(BinaryIO, stream)
            return
        target = Path(os.path.realpath(path)) if links else path.absolute()
        old = _status(target) if links or not path.is_symlink() else None
        if old is not None and not os.access(target, os.W_OK):
            raise PermissionError(0, "Permission denied")
        with _temporary(target, _mode(old, mode_from), old) as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NicError(
            f"{printable(path)}: cannot be written: {error.strerror or error}; {_advice(error)}"
        ) from error


def put(path: Path, data: bytes | str, *, links: bool = True) -> None:
    """Write a whole file, text as UTF-8. Raises as `replacing`."""
    with replacing(path, links=links) as stream:
        stream.write(data.encode("utf-8") if isinstance(data, str) else data)


@contextmanager
def _temporary(target: Path, mode: int | None, old: os.stat_result | None) -> Iterator[BinaryIO]:
    """Give a stream to a file beside `target`, moved over it at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    ending = f".nic-{secrets.token_hex(4)}.tmp"
    stem = os.fsdecode(os.fsencode(target.name)[: _MAX_NAME - 1 - len(ending)])
    temporary = target.with_name(f".{stem}{ending}")
    try:
        # The kernel applies the umask, which Python can only read by changing it for all threads.
        with temporary.open("xb") as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if old is not None and hasattr(os, "chown"):
            with contextlib.suppress(OSError):  # whoever may not give it away is its owner from here on
                os.chown(temporary, old.st_uid, old.st_gid)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:  # an interrupt too
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _settle(target.parent)


def _settle(folder: Path) -> None:
    """Have the renaming itself reach the disk; where folders cannot be synced, the new file is whole."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_direct(path: Path) -> bool:
    """Whether `path` is a device, a pipe or the like, which is written to and never replaced.

    /dev/stdout is one even where it leads to a regular file: whoever opened that file holds on to it.
    """
    system = path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",))
    try:
        return path.exists() and (system or not (path.is_file() or path.is_dir()))
    except OSError:  # no path that can be; said by whoever opens it
        return False


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _mode(old: os.stat_result | None, mode_from: Path | None) -> int | None:
    if old is not None:
        return stat.S_IMODE(old.st_mode)
    return stat.S_IMODE(mode_from.stat().st_mode) & 0o777 if mode_from is not None else None


def _advice(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "end the output with / to write into this folder"
    return "the old file, if any, is untouched; free space or choose another output with -o"


def copy_times(source: Path, target: Path) -> None:
    """Give `target` the times and permissions of `source`. Raises NicError where the system refuses."""
    try:
        status = source.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        target.chmod(stat.S_IMODE(status.st_mode) & 0o777)
    except OSError as error:
        raise NicError(
            f"{printable(target)}: times and mode cannot be set: {error.strerror}; leave out --preserve"
        ) from error
