"""Do parts of a picture equal those parts of the whole, before anything is rounded?

    python -m tests.bench.regions PICTURE [--sizes 768x512,1920x1080,3000x2000] [--crops 500] [--threads 2]

The picture is repeated, mirrored at each border, to each size. Random parts are decoded alone; their
latents and floats of pixels are compared with those of the whole, bit for bit. Exits with 1 if any differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from nic_cli import codec
from nic_cli.arrays import joined
from nic_cli.container import file
from nic_cli.image.reading import from_array, read
from nic_cli.tile_coding import readable
from nic_cli.transform.plain.threads import set_threads
from nic_cli.types import Region
from nic_cli.zoo.load import load
from tests.bench.large import mirrored


def unrounded(container, model, region=None):
    """The region's pixels as the network gives them [h, w, 3], and the latents [H, W, C] they were made from.

    region: None for all. The latents come with where they begin, in latents.
    """
    seen, engine = [], codec._engine(container.header, model)
    synthesise = engine.synthesise

    def watched(strips, *given):
        seen.extend(strips)
        return synthesise(seen, *given)

    def floats(rows, area, *_):
        return np.concatenate(list(rows))[area.y : area.y + area.height, area.x : area.x + area.width]

    with mock.patch.object(engine, "synthesise", watched), mock.patch.object(codec.strips, "joined", floats):
        pixels = codec.decode(container, model, region=region).pixels
    grid = readable(container, model)
    window = grid.window(grid.area(region, 1), model.reach)
    return pixels, np.asarray(joined(seen, 1)[0]), (window.x, window.y)


def regions(width: int, height: int, count: int, seed: int = 0):
    """Random regions of a picture, small ones mostly: a quick test, and each is all border."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        w, h = (1 + int(random.beta(0.5, 4) * (side - 1)) for side in (width, height))
        yield Region(int(random.integers(width - w + 1)), int(random.integers(height - h + 1)), w, h)


def equal(whole, part, region: Region) -> bool:
    """Whether what `unrounded` gave for a region is, to the last bit, what it gave for the whole."""
    pixels, latents, (x, y) = part
    there = whole[1][y : y + latents.shape[0], x : x + latents.shape[1]]
    wanted = whole[0][region.y : region.y + region.height, region.x : region.x + region.width]
    return np.array_equal(latents, there) and np.array_equal(pixels, wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--sizes", default="768x512,1920x1080,3000x2000")
    parser.add_argument("--crops", type=int, default=500, help="of all sizes together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-b", type=float, default=0.75)
    parser.add_argument("-m", "--model")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    set_threads(given.threads)
    model, pixels = load(given.model, "cpu"), read(given.picture, given.picture.name).pixels
    sizes = [tuple(map(int, size.split("x"))) for size in given.sizes.split(",")]
    wrong = 0
    for number, (width, height) in enumerate(sizes):
        picture = from_array(np.ascontiguousarray(mirrored(pixels, width, height)))
        container = file.unpack(file.pack(codec.encode(picture, model, b=given.b)))
        whole, start = unrounded(container, model), time.perf_counter()
        count = given.crops // len(sizes) + (number < given.crops % len(sizes))
        apart = [
            r
            for r in regions(width, height, count, number)
            if not equal(whole, unrounded(container, model, r), r)
        ]
        wrong += len(apart)
        print(
            f"{width}x{height}, {given.threads} threads: {len(apart)} of {count} parts differ from the whole"
            f" ({time.perf_counter() - start:.0f} s){': ' if apart else ''}{apart[0] if apart else ''}"
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
