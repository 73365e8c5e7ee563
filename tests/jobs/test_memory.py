"""Memory: what is said to be needed is, and where less is to be had there are fewer rows at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli import memory
from nic_cli.memory import LITTLE, with_less_memory

ROOT = Path(__file__).parents[2]
SCENE = ROOT / "tests/pictures/scene.png"
linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
PEAK = (
    "import sys\nfrom nic_cli.__main__ import main\nfrom nic_cli.memory import Path, _line\n"
    "code = main(sys.argv[1:])\nprint(code, _line(Path('/proc/self/status'), 'VmHWM'))\n"
)


def large(folder: Path, width: int, height: int) -> Path:
    """The scene side by side with itself."""
    with Image.open(SCENE) as scene:
        tile = np.asarray(scene.convert("RGB"))
    times = -(-height // tile.shape[0]), -(-width // tile.shape[1]), 1
    Image.fromarray(np.tile(tile, times)[:height, :width]).save(folder / "a.png", compress_level=1)
    return folder / "a.png"


def peak(folder: Path, *arguments: str) -> int:
    """Bytes of a command that works."""
    line = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PEAK}"
    done = subprocess.run(
        [sys.executable, "-c", line, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    code, n_bytes = done.stdout.split()[-2:]
    assert code == "0", done.stderr
    return int(n_bytes)


@linux
@pytest.mark.parametrize("size", [(800, 600), (2400, 1200)], ids=["numpy", "torch"])
def test_decoding_takes_the_memory_that_info_says(tmp_path, size):
    large(tmp_path, *size)
    assert peak(tmp_path, "encode", "a.png", "-o", "a.nic") < 1.25 * memory.for_coding(*size, 3)
    taken = peak(tmp_path, "decode", "a.nic", "-o", "b.ppm")
    assert 0.6 * memory.for_coding(*size, 3) < taken < 1.25 * memory.for_coding(*size, 3)
    assert peak(tmp_path, "info", "a.nic") < 120e6 and peak(tmp_path, "verify", "a.nic") < 150e6


def limited(folder: Path, kib: int, line: str) -> subprocess.CompletedProcess[bytes]:
    """A command under `ulimit -v`."""
    shell = f"ulimit -v {kib}; exec {sys.executable} -m nic_cli {line}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"}
    return subprocess.run(["sh", "-c", shell], cwd=folder, env=environment, capture_output=True, check=False)


@linux
def test_a_photograph_goes_through_where_its_working_set_fits(tmp_path):
    large(tmp_path, 3000, 2000)
    for line in ("encode a.png -o a.nic", "decode a.nic -o b.ppm"):
        done = limited(tmp_path, 1_500_000, line)
        assert done.returncode == 0, done.stderr


@linux
def test_where_there_is_too_little_the_line_names_the_limit(tmp_path):
    large(tmp_path, 3000, 2000)
    done = limited(tmp_path, 700_000, "encode a.png -o a.nic")
    last = done.stderr.decode().splitlines()[-1]
    assert done.returncode == 1 and "not enough memory" in last and "ulimit -v allows 716 MB" in last
    assert not (tmp_path / "a.nic").exists()


@linux
def test_a_small_picture_goes_through_in_little_address_space(tmp_path):
    """Products in a second thread ended the process there, and threads that could not be had the command."""
    large(tmp_path, 768, 512)
    for line in ("encode a.png -o a.nic", "decode a.nic -o b.png"):
        done = limited(tmp_path, 420_000, line)
        assert done.returncode == 0, done.stderr


def grouped(folder: Path, limit: str, taken: str) -> Path:
    (folder / "memory.max").write_text(limit)
    (folder / "memory.current").write_text(taken)
    return folder


def test_a_control_group_that_is_small_gets_fewer_rows_from_the_start(tmp_path, monkeypatch):
    """A group ends a process that takes too much, and raises nothing."""
    monkeypatch.setattr(memory, "GROUP", grouped(tmp_path, f"{400 * 10**6}\n", f"{100 * 10**6}\n"))
    tried, said = [], []
    much = memory.resident() + 10**9  # beside what tests before this one took
    with_less_memory(tried.append, said.append, much)
    assert tried == [LITTLE] and len(said) == 1 and "the control group allows 400 MB" in said[0]
    with_less_memory(tried.append, said.append, 10**8)
    assert tried == [LITTLE, 1] and len(said) == 1
    monkeypatch.setattr(memory, "GROUP", grouped(tmp_path, "max\n", "0\n"))  # the control: no limit
    with_less_memory(tried.append, said.append, much)
    assert tried[-1] == 1
