"""Folders of files and prefixes of objects by their address: a path, s3://, hf://, what fsspec knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nic_cli.errors import NicError, UsageError
from nic_cli.storage.printable import printable
from nic_cli.storage.tree import folded, inside


@dataclass(frozen=True, slots=True)
class Store:
    """A folder, here or elsewhere. address: as the user wrote it. fs: fsspec's file system. root: there.

    What lies in it goes by its place, a relative path with slashes.
    """

    address: str
    fs: Any
    root: str

    @property
    def is_local(self) -> bool:
        """Whether places are files of this machine, to be read and replaced as such."""
        return "file" in ([self.fs.protocol] if isinstance(self.fs.protocol, str) else self.fs.protocol)

    def name(self, place: str) -> str:
        """Name a place as the user would."""
        return f"{self.address.rstrip('/')}/{place}" if self.address else place

    def key(self, place: str) -> str:
        """Equal for places that are one."""
        return folded(place) if self.is_local else place

    def path(self, place: str) -> Path:
        """Say where a place of a local store is."""
        return Path(self.root, place)

    def fetch(self, place: str, to: Path) -> None:
        """Copy an object to a file, unless it is at hand. Raises NicError."""
        if not self.is_local and not to.exists():
            with _speaking(self.name(place), "read"):
                self.fs.get_file(f"{self.root}/{place}", str(to))

    def put(self, file: Path, place: str) -> None:
        """Store the copy of an object, which is there as a whole or not at all. Raises NicError."""
        if not self.is_local:
            with _speaking(self.name(place), "written"):
                self.fs.put_file(str(file), f"{self.root}/{place}")

    def places(self, suffixes: frozenset[str]) -> list[str]:
        """List what is visible in the store at any depth, of these suffixes. Raises NicError."""
        if self.is_local:
            files = inside(Path(self.root), suffixes, recursive=True) if Path(self.root).is_dir() else ()
            return [path.relative_to(self.root).as_posix() for path in files]
        return [place for place in self._all() if _is_wanted(PurePosixPath(place), suffixes)]

    def present(self, places: Iterable[str]) -> set[str]:
        """Tell which of these places there are. Raises NicError."""
        if self.is_local:
            return {place for place in places if self.path(place).exists()}
        return set(self._all()).intersection(places)

    def _all(self) -> list[str]:
        with _speaking(self.address, "listed"):
            found = self.fs.find(self.root) if self.fs.exists(self.root) else ()
            return sorted(str(path).removeprefix(self.root).lstrip("/") for path in found)


def open_store(address: str) -> Store:
    """Open the folder at an address; nothing is asked yet. Raises UsageError."""
    from fsspec.core import url_to_fs

    try:
        fs, root = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{printable(address)}: {_line(error)}; give a folder, s3:// or hf://") from error
    return Store(address, fs, str(root).rstrip("/"))


def find(address: str, suffixes: frozenset[str]) -> tuple[Store, list[str]]:
    """The store at an address and its places with these suffixes; a file is the one place of its folder.

    Raises UsageError if there is nothing, NicError if it cannot be told.
    """
    store = open_store(address)
    with _speaking(address, "read"):
        is_file = store.fs.isfile(store.root)
    if is_file:
        (root, _, place), folder = store.root.rpartition("/"), address.rpartition("/")[0]
        return Store(folder, store.fs, root), [place]
    places = store.places(suffixes)
    if not places:
        raise UsageError(f"nothing to do in {printable(address)}; check the address")
    return store, places


def _is_wanted(place: PurePosixPath, suffixes: frozenset[str]) -> bool:
    hidden = any(part.startswith(".") for part in place.parts)
    return not hidden and place.suffix.lower() in suffixes


@contextmanager
def _speaking(name: str, done: str) -> Iterator[None]:
    """Turn whatever a file system raises, which may be of any class, into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise NicError(f"{printable(name)}: no such file or object; check the address") from error
    except Exception as error:
        raise NicError(f"{printable(name)}: cannot be {done}: {_line(error)}; check the address") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
