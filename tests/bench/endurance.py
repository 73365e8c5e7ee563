"""What many pictures in one process leave behind, and what many threads do to each other.

    python -m tests.bench.endurance [--rounds 200] [--leak 0] [--threads 8] [--decodes 100]

Each round encodes and decodes a small picture through the plugin of Pillow. Memory is the resident set of
this process, and its growth that over the last third of the rounds. `--leak` keeps so many bytes a round, to
see that they are noticed. Then every thread decodes the same file; all pictures must be one.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import io
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

import nic_cli.pillow  # noqa: F401 - registers the format

SCENE = Path(__file__).parents[1] / "pictures" / "scene.png"


def picture() -> Image.Image:
    """Part of the scene, 64 x 48."""
    with Image.open(SCENE) as scene:
        return scene.convert("RGB").crop((300, 200, 364, 248))


def coded(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "NIC")
    return data.getvalue()


def decoded(data: bytes) -> str:
    """SHA-256 of the pixels."""
    with Image.open(io.BytesIO(data)) as image:
        return hashlib.sha256(image.tobytes()).hexdigest()


def resident() -> int:
    """Bytes of this process that are in memory, less what the allocator keeps for later (Linux, glibc)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def growth(rounds: int, leak: int = 0) -> int:
    """Bytes by which the process grew in the last third of the rounds; `leak` bytes are kept in each."""
    image, kept = picture(), []
    third = rounds // 3
    for done in range(rounds):
        if done == rounds - third:
            before = resident()
        decoded(coded(image))
        kept.append(b"x" * leak)
    return resident() - before


def hashes(threads: int, decodes: int) -> set[str]:
    """The pictures that so many threads saw in so many decodes each."""
    data = coded(picture())
    with ThreadPoolExecutor(threads) as pool:
        return set(pool.map(lambda _: decoded(data), range(threads * decodes)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--leak", type=int, default=0)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--decodes", type=int, default=100)
    given = parser.parse_args()
    grown = growth(given.rounds, given.leak)
    print(f"growth in the last third of {given.rounds} rounds: {grown / 2**20:.2f} MiB")
    if given.threads:
        seen = hashes(given.threads, given.decodes)
        print(f"{given.threads} threads of {given.decodes} decodes saw {len(seen)} picture(s)")


if __name__ == "__main__":
    main()
