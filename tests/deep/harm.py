"""Faults of the disk at every call, and kills at any moment: an output is the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from PIL import Image

from nic_cli.__main__ import main
from nic_cli.errors import NicError
from nic_cli.storage import atomic, folders
from tests.deep.targets import SCENE

FAULTS = (errno.ENOSPC, errno.EIO, errno.EPERM, errno.EDQUOT, errno.EROFS)
SHORT = -1  # a write that takes half of what it is given, then none


class Shim:
    """Counts what would change the disk, and lets the call of a number fail."""

    def __init__(self, at: int, fault: int) -> None:
        self.at, self.fault, self.count = at, fault, 0

    def meets(self) -> bool:
        self.count += 1
        return self.count == self.at + 1

    def wrapped(self, real: Callable) -> Callable:
        def call(*given, **more):
            if self.meets():
                raise OSError(self.fault if self.fault > 0 else errno.ENOSPC, os.strerror(abs(self.fault)))
            return real(*given, **more)

        return call

    def opened(self, real: Callable) -> Callable:
        def call(path, mode="r", *given, **more):
            stream = real(path, mode, *given, **more)
            return _Stream(stream, self) if "x" in mode or "w" in mode else stream

        return call


class _Stream:
    def __init__(self, stream: io.BufferedWriter, shim: Shim) -> None:
        self._stream, self._shim = stream, shim

    def write(self, data: bytes) -> int:
        if self._shim.meets():
            if self._shim.fault == SHORT:
                self._stream.write(bytes(data)[: len(data) // 2])
            raise OSError(max(self._shim.fault, errno.ENOSPC), "No space left on device")
        return self._stream.write(data)

    def flush(self) -> None:
        if self._shim.meets():
            raise OSError(max(self._shim.fault, errno.ENOSPC), "No space left on device")
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *given: object) -> None:
        self._stream.__exit__(*given)


@contextlib.contextmanager
def faulty(at: int, fault: int) -> Iterator[Shim]:
    """The disk, on which the call numbered `at` fails."""
    shim = Shim(at, fault)
    with contextlib.ExitStack() as stack:
        for name in ("replace", "rename", "chmod", "mkdir"):
            stack.enter_context(mock.patch.object(Path, name, shim.wrapped(getattr(Path, name))))
        stack.enter_context(mock.patch.object(Path, "open", shim.opened(Path.open)))
        stack.enter_context(mock.patch.object(os, "fsync", shim.wrapped(os.fsync)))
        yield shim


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def picture(path: Path) -> None:
    """Part of the scene, 128 x 96."""
    with Image.open(SCENE) as scene:
        scene.convert("RGB").crop((300, 200, 428, 296)).save(path)


def quietly(*arguments: str) -> tuple[int, list[str]]:
    """Run nic in this process; give the code and the lines of standard error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(list(arguments))
    return code, said.getvalue().splitlines()


def faults() -> Iterator[str | None]:
    """A fault at every write, flush, fsync, rename, chmod and mkdir of coding and of a model folder."""
    with tempfile.TemporaryDirectory() as place, _inside(place):
        picture(Path("a.png"))
        assert quietly("encode", "a.png", "-o", "a.nic")[0] == 0
        Path("old").write_bytes(b"old" * 1000)
        for suffix in ("nic", "png", "tif", "jpg", "webp", "ppm"):
            command = ["encode", "a.png"] if suffix == "nic" else ["decode", "a.nic"]
            yield from _each([*command, "-o", f"o.{suffix}", "-f", "--preserve"], Path(f"o.{suffix}"))
        yield from _folders()


def _each(line: list[str], target: Path) -> Iterator[str | None]:
    for fault in (*FAULTS, SHORT):
        for at in range(10_000):
            target.write_bytes(b"old" * 1000)
            with faulty(at, fault) as shim:
                code, lines = quietly(*line)
            if shim.count <= at:  # all calls have had their turn
                break
            whole = target.read_bytes() == b"old" * 1000
            left = [path.name for path in Path().iterdir() if ".nic-" in path.name]
            if code == 0:  # the folder could not be synced, after the new file took its place
                fine = not whole and not left
            else:  # times and mode are set last
                fine = code == 1 and len(lines) == 1 and not left and (whole or "times and mode" in lines[0])
            yield None if fine else f"{line} call {at} {errno.errorcode.get(fault)}: {code} {lines} {left}"
    target.unlink()


def _folders() -> Iterator[str | None]:
    """A model folder that is replaced."""
    for fault in (*FAULTS, SHORT):
        for at in range(1000):
            with tempfile.TemporaryDirectory(dir=".") as place:
                folder = Path(place) / "model"
                folder.mkdir()
                (folder / "a").write_bytes(b"old")
                failed = False
                with faulty(at, fault) as shim:
                    try:
                        with folders.replacing_folder(folder) as beside:
                            atomic.put(beside / "a", b"new")
                            atomic.put(beside / "b", b"new")
                    except NicError:
                        failed = True
                if shim.count <= at:
                    break
                names = sorted(path.name for path in folder.iterdir())
                old = names == ["a"] and (folder / "a").read_bytes() == b"old"
                new = names == ["a", "b"] and (folder / "a").read_bytes() == b"new"
                alone = [path.name for path in Path(place).iterdir()] == ["model"]
                yield None if alone and (old if failed else new or old) else f"folder: call {at}: {names}"


def kills(seed: int = 1) -> Iterator[str | None]:
    """SIGKILL at a random moment of replacing a file, without end: it is the old or the new one."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place, _inside(place):
        picture(Path("a.png"))
        known = {}
        for name, line in _lines().items():
            start = time.monotonic()
            assert quietly(*line)[0] == 0
            known[name] = Path(line[4]).read_bytes(), time.monotonic() - start
            if name == "one":
                Path("a.nic").write_bytes(known[name][0])
        while True:
            first, second = draw.sample(sorted(known), 2)
            target = Path("target")
            target.write_bytes(known[first][0])
            line = _lines()[second]
            line[4] = "target"
            child = os.fork()
            if child == 0:
                code = 1
                with contextlib.suppress(BaseException):
                    code = quietly(*line, *(["--format", "png"] if line[0] == "decode" else []))[0]
                os._exit(code)
            time.sleep(draw.uniform(0, 1.2 * known[second][1]))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found = target.read_bytes()
            for left in Path().glob(".*.tmp"):  # which is said to be safe to delete
                left.unlink()
            yield None if found in (known[first][0], known[second][0]) else f"torn: {len(found)} bytes"


def _lines() -> dict[str, list[str]]:
    return {
        "one": ["encode", "a.png", "-q1", "-o", "one.nic", "-f"],
        "two": ["encode", "a.png", "-q4", "-o", "two.nic", "-f"],
        "shown": ["decode", "a.nic", "-b0.5", "-o", "shown.png", "-f"],
    }
