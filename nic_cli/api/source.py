"""A `.nic` file that is open: from a path, bytes or a file object, with what stands before its tiles read."""

from __future__ import annotations

import io

from nic_cli import bounded
from nic_cli.api.given import File
from nic_cli.api.info import Info
from nic_cli.container import file, incoming
from nic_cli.errors import WrongValue


class Source:
    """The file behind all views of it, which is closed with them if it was opened here."""

    closed = False

    def __init__(self, found: File) -> None:
        self.name, self._owned = found.name, found.owned
        try:
            self.stream = found.stream
            if not self.stream.seekable() or bounded.is_device(self.stream):
                self.stream = io.BytesIO(incoming.read(found.stream))
                self._leave(found)
            self._start = self.stream.tell()
            self.container = file.unpack_lazily(self.stream, owned=self._owned)
            self.info = Info.of(self.container, self.stream.seek(0, 2) - self._start)
        except BaseException:
            self._leave(found)
            raise

    def _leave(self, found: File) -> None:
        if self._owned:
            found.stream.close()
        self._owned = False

    def check(self) -> None:
        """Check every byte. Raises as `file.check`."""
        self.stream.seek(self._start)
        file.check(self.stream)

    def close(self) -> None:
        """Have nothing more read of it."""
        if self._owned:
            self.stream.close()
        self.closed = True

    def check_open(self) -> None:
        """Raise WrongValue where it was closed, by us or by whoever gave it."""
        if self.closed or getattr(self.stream, "closed", False):
            raise WrongValue(f"{self.name}: closed before it was decoded; decode inside of the with block")

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
