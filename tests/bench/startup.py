"""How long whole commands take, from the shell's point of view, and how much memory.

    python -m tests.bench.startup [PICTURE] [--before TREE] [--sizes 768x512,1920x1080,6000x4000] [--runs 7]
                                  [--fit 0.1,0.4,1,2,4,8] [-q 2]

Each command in a process of its own, alternated, medians: `nic decode` and `nic encode`, those of another
checkout (--before, for ratios), and the decoders of AVIF, JPEG XL and WebP for the same picture of about as
many bytes, as far as their own commands are here. --fit: start and seconds a megapixel over these sizes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bench.large import mirrored

Command = tuple[list[str], dict[str, str]]
HERE = Path(__file__).parents[2]
PEERS: dict[str, tuple[str, str, Callable[[str, str, str], list[str]]]] = {
    "AVIF": ("avifenc", "avifdec", lambda a, b, q: ["--min", q, "--max", q, "-s", "8", a, b]),
    "JPEG XL": ("cjxl", "djxl", lambda a, b, q: [a, b, "-d", "4", "-e", "4"]),
    "WebP": ("cwebp", "dwebp", lambda a, b, q: ["-quiet", "-q", "10", a, "-o", b]),
}
SUFFIX = {"AVIF": ".avif", "JPEG XL": ".jxl", "WebP": ".webp"}


def nic(tree: Path, *arguments: object) -> Command:
    """A command of a checkout."""
    return [sys.executable, "-m", "nic_cli", *map(str, arguments), "-f", "-Q"], {"PYTHONPATH": str(tree)}


def measured(command: Command) -> tuple[float, float]:
    """Seconds and MiB of a command that must succeed."""
    words, environment = command
    started = time.perf_counter()
    child = subprocess.Popen(
        words,
        env={**os.environ, **environment},
        cwd=tempfile.gettempdir(),  # not in a checkout, which Python would look in first
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(words)}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return time.perf_counter() - started, usage.ru_maxrss / scale


def commands(place: Path, source: Path, trees: dict[str, Path], q: float) -> dict[str, Command]:
    """All that is measured for one picture, by name; the files that decoders need are made first."""
    found = {}
    for name, tree in trees.items():
        packed = place / f"{name}.nic"
        found[f"{name} encode"] = nic(tree, "encode", source, "-q", q, "-o", packed)
        measured(found[f"{name} encode"])
        found[f"{name} decode"] = nic(
            tree, "decode", place / f"{next(iter(trees))}.nic", "-o", place / f"{name}.png"
        )
    for name, (encoder, decoder, options) in PEERS.items():
        if not (shutil.which(encoder) and shutil.which(decoder)):
            continue
        packed = place / f"peer{SUFFIX[name]}"
        subprocess.run([encoder, *options(str(source), str(packed), "45")], check=True, capture_output=True)
        out = ["-o"] if name == "WebP" else []
        found[f"{name} decode"] = [decoder, str(packed), *out, str(place / "peer.png")], {}
    return found


def medians(given: dict[str, Command], runs: int) -> dict[str, tuple[float, float]]:
    """Median seconds and MiB of each command, all alternated."""
    spent = defaultdict(list)
    for _ in range(runs):
        for name, command in given.items():
            spent[name].append(measured(command))
    return {name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in spent.items()}


def picture(source: Path, width: int, height: int, place: Path) -> Path:
    """A PNG of this size, made by another process: what a parent once held counts as its children's peak."""
    path = place / f"{width}x{height}.png"
    with get_context("spawn").Pool(1) as pool:
        pool.apply(_make, (source, width, height, path))
    return path


def _make(source: Path, width: int, height: int, path: Path) -> None:
    pixels = np.asarray(Image.open(source).convert("RGB"))
    Image.fromarray(mirrored(pixels, width, height)).save(path, compress_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = Path(__file__).parents[1] / "pictures" / "scene.png"
    parser.add_argument("picture", nargs="?", type=Path, default=default)
    parser.add_argument("--before", type=Path, help="another checkout, that ratios are to")
    parser.add_argument("--sizes", default="768x512,1920x1080,6000x4000")
    parser.add_argument("--fit", default="")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("-q", type=float, default=2.0)
    given = parser.parse_args()
    trees = {"nic": HERE, **({"before": given.before.resolve()} if given.before else {})}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for size in filter(None, given.sizes.split(",")):
            width, height = map(int, size.split("x"))
            source = picture(given.picture, width, height, place)
            found = medians(commands(place, source, trees, given.q), given.runs)
            for name, (seconds, mib) in found.items():
                old = found.get(name.replace("nic", "before")) if name.startswith("nic") else None
                ratio = f"   {seconds / old[0]:5.2f} {mib / old[1]:5.2f} of before" if old else ""
                print(f"{size:>10}  {name:16} {seconds:7.2f} s {mib:7.0f} MiB{ratio}", flush=True)
        if given.fit:
            fit([float(part) for part in given.fit.split(",")], place, trees, given)


def fit(sizes: list[float], place: Path, trees: dict[str, Path], given) -> None:
    """Print start and slope of `nic decode` over sizes in megapixels, least squares of relative errors."""
    seconds = defaultdict(list)
    for size in sizes:
        width = round((size * 1e6 * 1.5) ** 0.5)
        source = picture(given.picture, width, round(width / 1.5), place)
        found = medians(commands(place, source, trees, given.q), given.runs)
        for name in (n for n in found if n.endswith("decode")):
            seconds[name].append(found[name][0])
    for name, measured_seconds in seconds.items():
        weights = 1 / np.array(measured_seconds)
        columns = np.stack((np.ones(len(sizes)), np.array(sizes)), 1) * weights[:, None]
        start, slope = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
        print(
            f"{name:16} {start:6.2f} s + {slope:5.2f} s a megapixel   {np.round(measured_seconds, 2)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
