"""The run itself: every picture through every codec, each row written down as soon as it is known."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from nic_cli import bounded
from nic_cli.bench.codecs import Codec
from nic_cli.bench.rows import Row
from nic_cli.errors import NicError, UsageError
from nic_cli.limits import MAX_FILE
from nic_cli.metrics.pixels import with_equal_channels
from nic_cli.types import Picture

Metrics = Mapping[str, Callable[[NDArray[np.generic], NDArray[np.generic]], float]]
Progress = Callable[[int, int], None]
See = Callable[[Codec, NDArray[Any], NDArray[Any]], None]


@dataclass(frozen=True, slots=True)
class Input:
    """One picture of the run. sha256: of its file. colour: SHA-256 of its pixels, whatever holds them."""

    name: str
    path: Path
    sha256: str
    colour: str
    width: int
    height: int


def survey(
    paths: Sequence[Path], folder: Path, open_: Callable[[Path], Picture]
) -> tuple[list[Input], dict[str, str]]:
    """What can be measured, and what cannot with the reason. Every file is read once, none is kept."""
    found, unreadable = [], {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            pixels = open_(path).pixels
            file = hashlib.sha256(path.read_bytes()).hexdigest()
        except (NicError, OSError) as error:
            unreadable[name] = str(error).removeprefix(f"{path.name}: ")
            continue
        colour = hashlib.sha256(f"{pixels.shape}{pixels.dtype}".encode() + pixels.tobytes()).hexdigest()
        found.append(Input(name, path, file, colour, pixels.shape[1], pixels.shape[0]))
    return found, unreadable


def measure(
    inputs: Sequence[Input],
    codecs: Sequence[Codec],
    metrics: Metrics,
    open_: Callable[[Path], Picture],
    journal: Journal,
    progress: Progress | None = None,
    see: See | None = None,
) -> Iterator[Row]:
    """Rows, picture by picture, so that the time that is left can be told from the pictures done.

    A codec that fails gives a row that says why. Rows that the journal holds are not measured again.
    see: shown each picture as it was and as it came back.
    """
    total, done = sum(i.width * i.height for i in inputs) * len(codecs), 0
    for item in inputs:
        picture: Picture | None = None
        for codec in codecs:
            row = journal.known(item, codec)
            if row is None:
                picture = picture or _colour(open_(item.path))
                row = _measured(item, picture, codec, metrics, see)
                journal.add(row)
            yield row
            done += item.width * item.height
            if progress is not None:
                progress(done // 1000, max(1, total // 1000))


def warm_up(codecs: Sequence[Codec]) -> None:
    """One small picture through one setting of each variant: first calls pay for what later ones do not."""
    grey = Picture(np.full((64, 64, 3), 128, np.uint8))
    for codec in {(codec.curve, codec.variant): codec for codec in codecs}.values():
        with suppress(Exception):  # what fails will fail again, and be counted
            codec.decode(codec.encode(grey))


def _colour(picture: Picture) -> Picture:
    """Without alpha and metadata, which some formats keep and others do not."""
    return Picture(picture.pixels)


def _measured(item: Input, picture: Picture, codec: Codec, metrics: Metrics, see: See | None) -> Row:
    row = Row(item.name, item.sha256, item.width, item.height, codec.curve, codec.setting)
    row = replace(row, variant=codec.variant, software=codec.software)
    try:
        started = time.perf_counter()
        data = codec.encode(picture)
        encoded = time.perf_counter()
        found = codec.decoded(data, picture)
        decoded = time.perf_counter()
        wanted: NDArray[np.generic] = picture.pixels
        if found.shape[:2] != wanted.shape[:2] or found.dtype != wanted.dtype:
            raise ValueError(f"decodes to {found.shape[1]}x{found.shape[0]} {found.dtype}")
        if found.shape != wanted.shape:  # a grey picture in a format of colours
            wanted, found = with_equal_channels(wanted, found)
        values = {name: float(metric(wanted, found)) for name, metric in metrics.items()}
        if see is not None:
            see(codec, wanted, found)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever a codec raises is a result of the run
        return replace(row, error=f"{type(error).__name__}: {error}".splitlines()[0])
    times = encoded - started, decoded - encoded
    return replace(row, bytes=len(data), metrics=values, encode_seconds=times[0], decode_seconds=times[1])


class Journal:
    """Rows as JSON lines; the first says what was measured how, and a run that differs is refused.

    Without a path nothing is kept. A line that a killed run left unfinished is cut off.
    """

    def __init__(self, path: Path | None, said: Mapping[str, object]) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._stream: IO[str] | None = None
        if path is None:
            return
        head = json.dumps({"nic bench": said}, sort_keys=True)
        try:
            before = bounded.text(path, MAX_FILE).encode() if path.exists() else b""
            whole = before[: before.rfind(b"\n") + 1]
            lines = whole.decode().splitlines()
            if lines and lines[0] != head:
                raise UsageError(f"{path}: {_difference(lines[0], said)}: name another file to start anew")
            for line in lines[1:]:
                row = _known_row(json.loads(line), said["metrics"])
                self._rows[row.sha256, _codec(row), row.setting] = row
            stream = path.open("r+" if before else "w", encoding="utf-8")
        except OSError as error:
            raise NicError(f"{path}: cannot be used: {error.strerror or error}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UsageError(f"{path}: not the journal of a run: name another file") from None
        stream.truncate(len(whole))
        stream.seek(0, os.SEEK_END)
        self._stream = stream
        if not lines:
            self._write(head)

    @property
    def count(self) -> int:
        """Rows that an earlier run left."""
        return len(self._rows)

    def known(self, item: Input, codec: Codec) -> Row | None:
        """What an earlier run found by the same software, failures aside; under its names of today."""
        row = self._rows.get((item.sha256, _codec(codec), codec.setting))
        if row is None or row.error or row.software != codec.software:
            return None
        return replace(row, picture=item.name, curve=codec.curve, variant=codec.variant)

    def add(self, row: Row) -> None:
        """Write a row down at once, and know it from then on: two curves may share a setting."""
        self._rows[row.sha256, _codec(row), row.setting] = row
        self._write(json.dumps(asdict(row)))

    def __enter__(self) -> Journal:
        """Give the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def _write(self, line: str) -> None:
        if self._stream is not None:
            self._stream.write(line + "\n")
            self._stream.flush()


def _codec(one: Row | Codec) -> str:
    """The curve's name less what its setting says: without another b beside it, `nic b0.75` is `nic`."""
    words, settings = one.curve.split(" "), one.setting.split(",")
    while words[1:] and words[-1] in settings:
        words.pop()
    return " ".join(words)


def _known_row(found: dict[str, Any], metrics: object) -> Row:
    """A row of a journal. Raises ValueError, TypeError or KeyError for anything else."""
    row = Row(**found)
    words = (row.picture, row.sha256, row.curve, row.setting, row.variant, row.software, row.error)
    whole = (row.width, row.height, row.bytes)
    numbers = [row.encode_seconds, row.decode_seconds]
    if not row.error:
        numbers += [row.metrics[name] for name in cast(Sequence[str], metrics)]
    if not all(isinstance(word, str) for word in words) or not all(type(n) is int for n in whole):
        raise TypeError
    if not all(isinstance(number, (int, float)) for number in numbers) or min(*whole[:2], row.bytes + 1) < 1:
        raise ValueError
    return row


def _difference(line: str, said: Mapping[str, object]) -> str:
    before = dict(json.loads(line)["nic bench"])
    names = [name for name in said if before.get(name) != json.loads(json.dumps(said[name]))]
    return f"made with other {' and '.join(names) or 'settings'}"
