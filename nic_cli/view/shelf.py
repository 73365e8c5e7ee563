"""The files that are shown: what they say of themselves, and their pictures as PNG, decoded one at a time."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nic_cli import memory
from nic_cli.container import file, layout
from nic_cli.errors import UsageError
from nic_cli.jobs import inspection
from nic_cli.jobs.model_cache import Models
from nic_cli.storage.printable import printable
from nic_cli.terminal.console import Console
from nic_cli.terminal.file_table import rows
from nic_cli.tiles.grid import SCALES, Grid
from nic_cli.types import Container, Region
from nic_cli.view.kept import LATENTS, PICTURES, Kept
from nic_cli.view.originals import Originals
from nic_cli.view.turns import Turns

if TYPE_CHECKING:
    from nic_cli.types import Picture

MOST = 1 << 24
"""Pixels of a picture that is sent: of larger ones a smaller version, and parts."""
AHEAD = 1 << 20
"""Pixels up to which the first picture is decoded before the page asks for it."""


class Gone(Exception):
    """Whoever asked for a picture does not want it any more."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A file to be shown, and the picture that it was made from, if that was named."""

    path: Path
    original: Path | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A file that is being looked at. key: changes with the file."""

    key: tuple[int, int, int]
    container: Container
    latents: Kept


class Shelf:
    """Gives what the page asks for; every method may be called from any thread."""

    def __init__(self, exhibits: list[Exhibit], models: Models, console: Console) -> None:
        self.exhibits = exhibits
        self._models, self._console = models, console
        self._turns, self._originals = Turns(), Originals(console.warn)
        self._open: Open | None = None  # this, models and pictures are changed in turns
        self._pictures = Kept(PICTURES)
        self._closed = False

    def about(self, number: int) -> dict[str, Any]:
        """What a file says of itself, every checksum but those of the symbols checked, for JSON.

        scale: the smallest at which the whole picture may be asked for; most: pixels that may be at once.
        Raises OSError and FormatError.
        """
        exhibit = self.exhibits[number]
        said, alpha = inspection.said_by(exhibit.path)
        return {
            "name": printable(exhibit.path),
            "width": said.width,
            "height": said.height,
            "b": said.b,
            "scale": _whole(said.width, said.height),
            "most": MOST,
            "original": exhibit.original and printable(exhibit.original),
            "rows": rows(asdict(said), alpha),
        }

    def picture(
        self, number: int, b: float | None, region: Region | None, scale: int, gone: Callable[[], bool]
    ) -> bytes:
        """A PNG of a part of the picture at realism b, None for that of its file, as `nic decode` gives it.

        gone: whether it is not wanted any more, asked now and then. Raises Gone, UsageError, what reading
        a file and loading a model raise, and DamagedFile.
        """
        opening = _Sized.of(self.exhibits[number].path, region, scale)
        with self._turns.turn(opening.pixels) as give_way:

            def between(done: int = 0, total: int = 0) -> None:
                give_way()
                if self._closed or gone():
                    raise Gone

            between()
            there = self._opened(number)
            shown = there.container.header.b if b is None else b
            key = (there.key, shown, region, scale)
            if key not in self._pictures:
                self._pictures[key] = self._decoded(there, shown, region, scale, between)
            return bytes(self._pictures[key])

    def original(self, number: int, region: Region | None, scale: int) -> bytes:
        """A PNG of the same part of the picture that a file was made from. Raises as reading it does."""
        exhibit = self.exhibits[number]
        if exhibit.original is None:
            raise UsageError("no original was named: give --original")
        opening = _Sized.of(exhibit.path, region, scale)
        picture = self._originals.part(exhibit.original, opening.size, region, scale, hdr=opening.hdr)
        return _png(picture, self._console.warn)

    def prepare(self, number: int) -> None:
        """Load what a file needs, and decode it if it is small, before anyone asks. Raises as `picture`."""
        size = _Sized.of(self.exhibits[number].path, None, SCALES[-1]).size
        if size[0] * size[1] <= AHEAD:
            self.picture(number, None, None, 1, lambda: False)
            return
        with self._turns.turn(0):
            header = self._opened(number).container.header
            self._models.for_decoding(header).engine_for(header.width * header.height)

    def close(self) -> None:
        """Have all decoding end at its next strip."""
        self._closed = True

    def _opened(self, number: int) -> Open:
        """The file; the last one stays open, with its latents, as long as it is not written anew."""
        path = self.exhibits[number].path
        state = path.stat()
        key = number, state.st_mtime_ns, state.st_size
        if self._open is None or self._open.key != key:
            self._open = None  # before the next one's latents take room
            self._open = Open(key, file.unpack_lazily(path.open("rb"), owned=True), Kept(LATENTS))
        return self._open

    def _decoded(
        self, there: Open, b: float, region: Region | None, scale: int, between: Callable[[int, int], None]
    ) -> bytes:
        from nic_cli import codec

        container, header = there.container, there.container.header
        model = self._models.for_decoding(header)
        area = Grid(header.width, header.height, header.tile).area(region, scale)
        needs = memory.for_coding(
            area.width // scale,
            area.height // scale,
            header.channels * header.bit_depth // 8,
            header.width * header.height,
        )

        def held(divisor: int) -> Picture:
            return codec.held(
                codec.stream(
                    container,
                    model,
                    b=b,
                    region=region,
                    scale=scale,
                    divisor=divisor,
                    progress=between,
                    kept=there.latents,
                )
            )

        return _png(memory.with_less_memory(held, self._console.warn, needs), self._console.warn)


@dataclass(frozen=True, slots=True)
class _Sized:
    """What has to be known of a file before anything is decoded. pixels: of the part that was asked for."""

    size: tuple[int, int]
    hdr: bool
    pixels: int

    @staticmethod
    def of(path: Path, region: Region | None, scale: int) -> _Sized:
        """Read it. Raises OSError, FormatError, and UsageError for a part that is outside or too large."""
        with path.open("rb") as stream:
            header, chunks = file.read_opening(stream)
        area = Grid(header.width, header.height, header.tile).area(region, scale)
        if area.width * area.height > MOST * scale**2:
            raise UsageError(f"over {MOST} pixels at once: ask for a part of it, or for a smaller scale")
        hdr = any(chunk.kind == layout.CICP for chunk in chunks)
        return _Sized((header.width, header.height), hdr, area.width * area.height)


def _whole(width: int, height: int) -> int:
    """The smallest scale at which a picture may be sent whole; the largest there is, if none is enough."""
    return next((scale for scale in SCALES if width * height <= MOST * scale**2), SCALES[-1])


def _png(picture: Picture, warn: Callable[[str], None]) -> bytes:
    from nic_cli.image.writing import for_screen, write

    stream = io.BytesIO()
    write(for_screen(picture), stream, "png", warn=warn)
    return stream.getvalue()
