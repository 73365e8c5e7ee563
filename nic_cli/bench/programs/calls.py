"""Pictures through programs that are installed: to a file and back, with what there is to know of both.

Colour alone goes in, as PNG without anything beside its pixels, or raw; names of files are always the same,
in a folder of their own, so that lines for reports are what was run.
"""

from __future__ import annotations

import re
import shlex
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np

from nic_cli import bounded, classical
from nic_cli.bench.programs import jpegli, pictures
from nic_cli.bench.programs.running import check, end_of, last_line, private_folder
from nic_cli.bench.programs.table import PROGRAMS, SIZE, Program, Settings, settled, turned
from nic_cli.errors import NicError, UsageError
from nic_cli.limits import HELD
from nic_cli.types import PixelArray

_ASKED = 20.0
"""Seconds in which a program has told its version."""


def missing(name: str) -> str | None:
    """Why a program of PROGRAMS cannot be used here; None if it can, and its files can be read back."""
    program = PROGRAMS[name]
    if program.library:
        return jpegli.missing()
    path = _path(name)
    if path is None:
        return f"{name} is not installed, or not on PATH"
    if not any(map(_path, program.decoders)) and not program.otherwise:
        return f"{' or '.join(program.decoders)}, which reads its files, is not installed, or not on PATH"
    if name == "heif-enc" and _x265(path) is None:
        return "this heif-enc was built without x265"
    return None


def version(name: str) -> str:
    """One line in the program's own words, as `cjxl v0.7.0 [AVX2]`. Raises UsageError if it is missing."""
    path = _installed(name)
    if PROGRAMS[name].library:
        return jpegli.version()
    told = next((line for line in _told(path, PROGRAMS[name].asks).splitlines() if line.strip()), "")
    words = " ".join(told.removeprefix("Version:").split())
    if not re.search(r"\d\.\d", words):
        return f"{name}, which tells no version"
    line = words if words.startswith(name) else f"{name} {words}"
    return f"{line}, {_x265(path)}" if name == "heif-enc" else line


def command(name: str, quality: float, settings: Settings) -> str:
    """Return the line of the encoder as it is run: files are IN and OUT, the size is WIDTHxHEIGHT.

    Raises UsageError as `encode` does.
    """
    words = _arguments(PROGRAMS[name], quality, settings)
    if library := PROGRAMS[name].library:
        return f"{library}.encode(IN, {', '.join(words)})"
    return shlex.join([name, *words])


@lru_cache(maxsize=64)
def knows(name: str, settings: tuple[tuple[str, str], ...]) -> bool:
    """Whether a program that is there can be run with such settings: some are of later versions."""
    program = PROGRAMS[name]
    try:
        encode(np.full((64, 64, 3), 128, np.uint8), name, program.usual[3], dict(settings), _ASKED)
    except (UsageError, NicError):
        return False
    return True


def encode(
    pixels: PixelArray, name: str, quality: float, settings: Settings, seconds: float = 600.0
) -> bytes:
    """Pixels [H, W, 1 or 3] of uint8 -> a whole file, by one run of at most so many seconds.

    Raises UsageError for a quality or settings that cannot be used and for what is missing, ValueError for
    16 bits, NicError in one line for a run that fails, takes longer, or writes nothing.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} takes 8 bits a channel here, this picture has 16")
    program = PROGRAMS[name]
    arguments = _arguments(program, quality, settings)
    if program.library:
        return jpegli.encode(pixels, int(quality))
    height, width = (side + side % 2 for side in pixels.shape[:2])
    file = next(word for word in arguments if word.startswith("IN"))
    given = pictures.yuv(pixels) if file == "IN.yuv" else pictures.png(pixels, deep=file == "IN16.png")
    words = [f"{width}x{height}" if word == SIZE else word for word in arguments]
    return _through(name, words, {file: given}, "OUT" + program.suffix, seconds)


def decode(data: bytes, name: str, size: tuple[int, int] | None = None, seconds: float = 600.0) -> PixelArray:
    """A file of a program -> pixels [H, W, 3] of uint8, by its own decoder.

    size: height and width to be cut to, for VVC of 4:2:0, which has even sides alone. Raises UsageError for
    what is missing, NicError for a run that fails or an output that is no picture, ValueError for bad YUV.
    """
    program = PROGRAMS[name]
    decoder = next((decoder for decoder in program.decoders if _path(decoder)), None)
    if decoder is None and program.otherwise:
        return pictures.of_three(classical.decode(data, program.otherwise))
    if decoder is None:
        raise UsageError(f"{name}: {missing(name)}")
    back = next(word for word in program.back if word.startswith("BACK"))
    written = _through(decoder, program.back, {"OUT" + program.suffix: data}, back, seconds)
    if back.endswith(".y4m"):
        pixels = pictures.from_y4m(written, f"what {decoder} wrote")
    else:
        pixels = pictures.from_picture(written, f"what {decoder} wrote")
    return pixels if size is None else pixels[: size[0], : size[1]]


def _arguments(program: Program, quality: float, settings: Settings) -> list[str]:
    dial, chosen = turned(program, quality), settled(program, settings)
    path = _installed(program.name)
    return program.line(dial, chosen, "" if program.library else _told(path, "--help"))


def _through(
    name: str, arguments: list[str] | tuple[str, ...], given: dict[str, bytes], result: str, seconds: float
) -> bytes:
    """Run a program beside the files that it is given, and read the one that it is to write."""
    path = _path(name)
    if path is None:  # it was there a moment ago
        raise NicError(f"{name} is not on PATH any more")
    with private_folder() as folder:
        for file, data in given.items():
            (folder / file).write_bytes(data)
        ended = end_of(path, arguments, folder, seconds)
        check(name, ended, seconds)
        try:
            with (folder / result).open("rb") as stream:
                data = bounded.read(stream, 16 * HELD)
        except OSError:
            data = b""
    if not data:
        raise NicError(f"{name}: exit code 0, and nothing written{last_line(ended)}")
    return data


def _path(name: str) -> str | None:
    """Where a program is, whatever the folder that it is started in."""
    found = shutil.which(name)
    return None if found is None else str(Path(found).absolute())


def _installed(name: str) -> str:
    if (reason := missing(name)) is not None:
        raise UsageError(f"{name}: {reason}")
    return _path(name) or ""


def _x265(path: str) -> str | None:
    """What heif-enc calls the x265 that it has."""
    found = re.search(r"^- x265 = (.+?)(?: \[default\])?$", _told(path, "--list-encoders"), re.MULTILINE)
    return found[1] if found else None


@lru_cache(maxsize=64)
def _told(path: str, option: str) -> str:
    """What a program says of itself, wherever it says it; asked once."""
    with private_folder() as folder:
        ended = end_of(path, [option], folder, _ASKED)
    return f"{ended.said}\n{ended.complained}"
