"""Whether a picture of any size comes back in that size, every tile border crossed.

    python -m tests.bench.sizes [PICTURE] [--all] [--tile 64] [-m MODEL] [--threads 2]

Codes cuts of a picture: every width and height from 1 to 130 (with --all, each with each), and 300 sizes
within three pixels of a tile's or hyper-latent's edge, up to five tiles a side. Each file is packed, read
again, decoded and compared. Prints the size that came back worst; another shape ends the run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import read
from nic_cli.types import Picture
from nic_cli.zoo.load import Model, load

MOST, NEAR = 130, 300
PICTURE = Path(__file__).parents[1] / "pictures" / "scene.png"


def every(all_pairs: bool) -> Iterator[tuple[int, int]]:
    """Widths and heights from 1 to 130: each at least once, or each with each."""
    for width in range(1, MOST + 1):
        if all_pairs:
            yield from ((width, height) for height in range(1, MOST + 1))
        else:
            yield width, MOST + 1 - width


def near(tile: int, count: int = NEAR) -> list[tuple[int, int]]:
    """Sizes whose sides lie within three pixels of a multiple of 64 or of half a tile."""
    draw = random.Random(0)
    edges = sorted({*range(64, 5 * tile + 1, 64), *range(tile // 2, 5 * tile + 1, tile // 2)})
    return [tuple(max(1, draw.choice(edges) + draw.randint(-3, 3)) for _ in "wh") for _ in range(count)]


def error(picture: Picture, model: Model, tile: int) -> float:
    """Code and decode; the mean error of 255. Raises ValueError for another shape."""
    data = file.pack(codec.encode(picture, model, q=min(3.0, model.config.q_top), b=0.0, tile=tile))
    again = codec.decode(file.unpack(data), model)
    if again.pixels.shape != picture.pixels.shape:
        raise ValueError(f"{again.pixels.shape} for {picture.pixels.shape}")
    return float(np.abs(again.pixels.astype(int) - picture.pixels).mean())


def cut(pixels: np.ndarray, width: int, height: int) -> Picture:
    """The middle of a picture that is larger."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return Picture(np.ascontiguousarray(pixels[top : top + height, left : left + width]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=PICTURE)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--tile", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-m", "--model")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pixels = read(given.picture, given.picture.name).pixels
    model = load(given.model, "cpu")
    sizes = [*every(given.all), *near(given.tile)]
    if min(pixels.shape[:2]) < max(max(size) for size in sizes):
        parser.error(f"{given.picture} is too small for tiles of {given.tile}")
    begin, worst = time.perf_counter(), (0.0, (0, 0))
    for width, height in sizes:
        worst = max(worst, (error(cut(pixels, width, height), model, given.tile), (width, height)))
    seconds = time.perf_counter() - begin
    print(f"{len(sizes)} sizes in {seconds:.0f} s, all shapes right, tile {given.tile}, model {model.name}")
    print(f"largest mean error {worst[0]:.1f} of 255, at {worst[1][0]}x{worst[1][1]}")


if __name__ == "__main__":
    main()
