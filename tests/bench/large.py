"""Peak memory, time and seams of one large picture.

    python -m tests.bench.large PICTURE [-m MODEL] [--size 6000x4000] [-q 2] [-b 0] [-e 1] [--format png]

The picture is repeated, mirrored at each border, to the size. Encoding and decoding run as the
real command, each in a process of its own. Over 2^26 pixels
they go by rows, if libvips is there. The bench itself holds the picture three times.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

TILE = 1024
ROWS = 512


def mirrored(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture repeated to a size, every other copy mirrored, so that no edge is made."""

    def index(size, wanted):
        there = np.arange(wanted) % (2 * size)
        return np.where(there < size, there, 2 * size - 1 - there)

    return pixels[index(pixels.shape[0], height)][:, index(pixels.shape[1], width)]


def seams(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Mean step of the error across tile borders, and across all other neighbouring columns and rows."""
    height, width, _ = before.shape
    down, across = np.empty(height - 1), np.zeros(width - 1)
    for top in range(0, height - 1, ROWS):
        rows = slice(top, min(top + ROWS + 1, height))  # one more: a step is between two
        error = (after[rows].astype(np.int16) - before[rows]).mean(2, dtype=np.float32)
        down[top : top + ROWS] = np.abs(np.diff(error, axis=0)).mean(1)
        across += np.abs(np.diff(error[:ROWS], axis=1)).sum(0)
    at, other = [], []
    for steps in (down, across / height):
        border = (np.arange(1, len(steps) + 1) % TILE) == 0
        at.append(steps[border])
        other.append(steps[~border])
    return float(np.concatenate(at).mean()), float(np.concatenate(other).mean())


def run(*arguments: str) -> tuple[float, float]:
    """(seconds, peak MiB) of one command."""
    start, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, "-m", "nic_cli", *arguments])
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.perf_counter() - start, peak


def resident(pid: int) -> float:
    """Most MiB that a process has held at once so far, 0 if it is gone.

    The kernel's account for parents (getrusage) counts what this one held when it forked.
    """
    try:
        said = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in said.splitlines() if "VmHWM" in line), 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--size", default="6000x4000")
    parser.add_argument("-m", "--model", default="iris")
    parser.add_argument("-q", default="2")
    parser.add_argument("-b", default="0")
    parser.add_argument("-e", "--effort", default="1", help="0 and 1: no search")
    parser.add_argument("--format", default="png", choices=("png", "tif", "jpg"))
    given = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    os.environ["NIC_MODEL"] = given.model  # of both commands
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as place, Image.open(given.picture) as image:
        source, coded, back = (
            str(Path(place) / n) for n in (f"large.{given.format}", "large.nic", f"back.{given.format}")
        )
        before = mirrored(np.asarray(image.convert("RGB")), width, height)
        Image.fromarray(before).save(source, compress_level=1, quality=95)
        seconds, peak = run(
            "encode", source, "-m", given.model, "-q", given.q, "-b", given.b, "-e", given.effort,
            "-o", coded, "--quiet",
        )  # fmt: skip
        print(f"encode  {seconds:.1f} s  peak {peak:.0f} MiB  {Path(coded).stat().st_size} bytes")
        seconds, peak = run("decode", coded, "-o", back, "--quiet")
        print(f"decode  {seconds:.1f} s  peak {peak:.0f} MiB")
        with Image.open(back) as decoded:
            at, other = seams(before, np.asarray(decoded))
        print(f"mean step of the error across tile borders {at:.4f}, elsewhere {other:.4f}")


if __name__ == "__main__":
    main()
