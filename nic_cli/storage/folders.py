"""A whole folder anew, or as it was: made beside its place, and moved there when all of it is on the disk."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nic_cli.errors import NicError
from nic_cli.storage.printable import printable


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `folder` when the block ends well, and vanishes when it does not.

    What else lies in the old one is taken along. A killed process can leave a folder
    `.NAME.nic-XXXXXXXX.tmp` beside it, which is safe to delete unless `NAME` itself is missing: two renamings
    take its place, since no system has one that replaces a folder. Raises NicError.
    """
    try:
        place = Path(os.path.realpath(folder))
        place.parent.mkdir(parents=True, exist_ok=True)
        beside, old = (place.with_name(f".{place.name}.nic-{secrets.token_hex(4)}.tmp") for _ in range(2))
        beside.mkdir()
        try:
            yield beside
            if place.is_dir():
                _take_along(place, beside)
            for path in beside.rglob("*"):
                _settle(path)
            if place.is_dir():
                place.rename(old)
            try:
                beside.rename(place)
            except BaseException:
                if old.is_dir():
                    old.rename(place)
                raise
            _settle(place.parent)
        finally:
            for left in (beside, old):
                shutil.rmtree(left, ignore_errors=True)
    except NicError as error:  # of a file in it, which has the name that goes
        raise NicError(str(error).replace(beside.name, place.name)) from error
    except OSError as error:
        said = f"{printable(folder)}: cannot be written: {error.strerror or error}"
        raise NicError(f"{said}; what was there is untouched") from error


@contextmanager
def filling_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder whose files replace those of the same names in `folder` when the block ends well.

    Each is moved to its place whole, those of folders within before those beside them; what else lies
    there, and `folder` itself, stay. A killed process can leave a folder `.nic-XXXXXXXX.tmp` in it, which is
    safe to delete. Raises NicError.
    """
    fresh = not folder.exists()
    stage = folder / f".nic-{secrets.token_hex(4)}.tmp"
    moved = False
    try:
        stage.mkdir(parents=True)
        try:
            yield stage
            paths = sorted(path for path in stage.rglob("*") if path.is_file())
            for path in paths:
                place = folder / path.relative_to(stage)
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.is_dir():
                    raise NicError(f"{printable(place)}: is a folder, where a file is to be")
                _settle(path)
            for path in sorted(paths, key=lambda path: -len(path.parts)):
                path.replace(folder / path.relative_to(stage))
                moved = True
            _settle(folder)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            if fresh and not moved:  # what is not empty is not from here
                for path in (*sorted(folder.rglob("*"), reverse=True), folder):
                    with suppress(OSError):
                        path.rmdir()
    except NicError as error:  # of a file in it, which has the name that goes
        raise NicError(str(error).replace(f"{stage.name}{os.sep}", "")) from error
    except OSError as error:
        state = "some of its files are new: write it again" if moved else "what was there is untouched"
        said = f"{printable(folder)}: cannot be written: {error.strerror or error}"
        raise NicError(f"{said}; {state}") from error


def _take_along(place: Path, beside: Path) -> None:
    for path in place.iterdir():
        target = beside / path.name
        if target.exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target, symlinks=True)
        else:
            shutil.copy2(path, target, follow_symlinks=False)


def _settle(path: Path) -> None:
    """Have what was written reach the disk, as far as the system lets us ask for it."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
