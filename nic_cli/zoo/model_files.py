"""The files of a model folder as bytes: read once, within limits, and checked where they are pinned."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from nic_cli import bounded
from nic_cli.errors import ModelError
from nic_cli.zoo.pins import pins_of
from nic_cli.zoo.registry import CONFIG, LIMITS, WEIGHTS, File

PIECE = 2**20  # bytes that are hashed at a time


def read_files(
    folder: Path, names: Iterable[str] = (CONFIG, WEIGHTS), *, own: bool = False
) -> dict[str, bytes]:
    """The bytes of a folder's files, each read once and, in the hub's cache, checked. Raises ModelError.

    own: refuse links, which lead to files that are not the folder's own and are not to be given away with it;
    those of the hub's cache lead to what is pinned.
    """
    pins = pins_of(folder)
    files = {name: _bytes(folder / name, LIMITS[name], own=own and not pins) for name in names}
    for name, data in files.items():
        if pins:
            check(data, pins.get(name), str(folder / name))
    return files


def check(data: bytes, pinned: File | None, where: str) -> None:
    """Raise ModelError unless the bytes are those that were pinned."""
    compare(File(len(data), hashlib.sha256(data).hexdigest()), pinned, where)


def compare(found: File, pinned: File | None, where: str) -> None:
    """Raise ModelError unless a file is the one that was pinned."""
    if pinned is None:
        raise ModelError(f"{where}: not among the files that are pinned for this model")
    if found.size != pinned.size:
        raise ModelError(
            f"{where}: {found.size:,} bytes in place of {pinned.size:,}: get it again with nic models pull"
        )
    if found.sha256 != pinned.sha256:
        raise ModelError(
            f"{where}: SHA-256 {found.sha256[:12]}... in place of {pinned.sha256[:12]}...: "
            "not the right model: get it again with nic models pull"
        )


def hashed(folder: Path) -> dict[str, File]:
    """Size and SHA-256 of each of a model's files; in the hub's cache, checked. Raises ModelError."""
    pins = pins_of(folder)
    found = {name: measured(folder / name) for name in present(folder)}
    for name, file in found.items() if pins else ():
        compare(file, pins.get(name), str(folder / name))
    return found


def measured(path: Path) -> File:
    """Size and SHA-256 of a file, read in pieces. Raises ModelError."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    return File(size, digest.hexdigest())


def hashes(files: Mapping[str, bytes]) -> dict[str, File]:
    """Size and SHA-256 of each file."""
    return {name: File(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}


def present(folder: Path) -> list[str]:
    """The names of a model's files that are in a folder, as `LIMITS` orders them, and both that must be."""
    return [name for name in LIMITS if name in (CONFIG, WEIGHTS) or (folder / name).is_file()]


def _bytes(path: Path, limit: int, *, own: bool) -> bytes:
    try:
        with _opened(path, own=own) as stream:
            if bounded.is_device(stream):
                raise ModelError(f"{path}: a device, and no file of a model")
            data = bounded.read(stream, limit)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}: the model folder is not complete") from None
    if len(data) > limit:
        raise ModelError(f"{path}: larger than {limit} bytes: not a model")
    return data


def _opened(path: Path, *, own: bool) -> BinaryIO:
    """Open a file; own: if it is a regular one itself, whatever takes its place meanwhile."""
    if not own:
        return path.open("rb")
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # as far as the system has them
        flags |= getattr(os, name, 0)
    if path.is_symlink():  # where the system has no flag for it
        raise ModelError(f"{path}: a link, and no file of this folder: put the file itself there")
    stream = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise ModelError(f"{path}: not a regular file: nothing that can be given away")
    return stream
