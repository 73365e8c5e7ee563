"""A runner in this process, with the embedded model loaded once, and one in a process of its own."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from nic_cli.__main__ import main

ROOT = Path(__file__).parents[2]
OURS = ("NIC_MODEL", "NIC_DEVICE", "NIC_CACHE", "NIC_DEBUG", "NO_COLOR", "FORCE_COLOR", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()

    @property
    def counts(self) -> str:
        """What the last line counts, without the names of what failed and what it came to."""
        return re.sub(r" \([^()]*\)", "", self.lines[-1].split(": ")[0])


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, no settings of the developer's, and the environment put back."""
    before = dict(os.environ)
    for name in OURS:
        os.environ.pop(name, None)
    os.environ["XDG_CONFIG_HOME"] = os.environ["HOME"] = str(tmp_path / "home")
    monkeypatch.setattr("nic_cli.jobs.settings.config_file", lambda: tmp_path / "home/nic/config.toml")
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    yield place
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def load_once(model) -> Iterator[Callable[..., object]]:
    """Load each model once; on one thread, since two wait for each other when the cores are busy."""
    import torch

    from nic_cli.zoo.load import load

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    kept = cache(lambda name, device: model if name in (None, model.name) else load(name, device))
    yield lambda name, device, warn=None: kept(name, device)
    torch.set_num_threads(threads)


class Stream(io.TextIOWrapper):
    """A standard stream in memory that may pretend to be a terminal."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        self.kept = io.BytesIO(data)
        self.terminal = terminal
        super().__init__(self.kept, "utf-8", write_through=True)

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def nic(monkeypatch: pytest.MonkeyPatch, load_once: Callable[..., object]) -> Callable[..., Result]:
    """Run `nic` in this process: nic("encode", "a.png", stdin=b"", out_terminal=False)."""
    monkeypatch.setattr("nic_cli.zoo.load.load", load_once)

    def run(*arguments: object, stdin: bytes = b"", out_terminal: bool = False, err_terminal: bool = False):
        streams = Stream(stdin), Stream(terminal=out_terminal), Stream(terminal=err_terminal)
        with monkeypatch.context() as patch:
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            code = main([str(argument) for argument in arguments])
        return Result(code, streams[1].kept.getvalue(), streams[2].kept.getvalue().decode())

    return run


def spawn(*arguments: object, **options) -> subprocess.Popen[bytes]:
    """Start `nic` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "nic_cli", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **options)


def python(code: str, *arguments: object, **options) -> subprocess.CompletedProcess[bytes]:
    """Run Python code in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False, **options)


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """[48, 80, 3], part of a photograph."""
    return np.ascontiguousarray(skimage.data.astronaut()[60:108, 180:260])


@pytest.fixture
def picture(clean_place: Path, pixels: np.ndarray) -> Path:
    """photo.png in the working folder."""
    Image.fromarray(pixels).save("photo.png")
    return Path("photo.png")


@pytest.fixture(scope="session")
def coded(load_once: Callable[..., object], pixels: np.ndarray) -> bytes:
    """That photograph as a `.nic` file."""
    from nic_cli import codec
    from nic_cli.container.file import pack
    from nic_cli.image.reading import from_array

    return pack(codec.encode(from_array(pixels), load_once(None, "auto"), q=2.0, b=0.75))


def bare(data: bytes | Path) -> bytes:
    """A `.nic` without the name of its original, as it was coded from elsewhere."""
    from nic_cli.container import file, layout

    container = file.unpack(data if isinstance(data, bytes) else data.read_bytes())
    chunks = tuple(chunk for chunk in container.chunks if chunk.kind != layout.ORIGIN)
    return file.pack(replace(container, chunks=chunks))


@pytest.fixture
def packed(clean_place: Path, coded: bytes) -> Path:
    """photo.nic in the working folder."""
    Path("photo.nic").write_bytes(coded)
    return Path("photo.nic")


def damaged(data: bytes) -> bytes:
    """The same file with one bit of its last payload flipped."""
    return data[:-1] + bytes([data[-1] ^ 1])
