"""How long a picture takes, stage by stage, whole codec in one process.

    python -m tests.bench.speed [PICTURE] [--size 1920x1080] [--threads 2] [--runs 7]

Prints medians in milliseconds; encoding and decoding are interleaved, so that a machine whose
speed drifts drifts for both. The picture is repeated or cut to the size. Reading and writing of
image files, the interpreter's start and the loading of the model are left out. The last line says how
fast the machine multiplied matrices meanwhile: most of the network's time, and what to compare runs by.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from nic_cli import codec
from nic_cli.entropy import coder
from nic_cli.image.reading import read
from nic_cli.transform.plain.threads import set_threads
from nic_cli.types import Picture
from nic_cli.zoo.load import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = Path(__file__).parents[1] / "pictures" / "scene.png"
    parser.add_argument("picture", nargs="?", type=Path, default=default)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("-q", type=float, default=2.0)
    parser.add_argument("-m", "--model")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    set_threads(given.threads)
    width, height = map(int, given.size.split("x"))
    pixels = read(given.picture, given.picture.name).pixels
    times = (-(-height // pixels.shape[0]), -(-width // pixels.shape[1]), 1)
    picture = Picture(np.ascontiguousarray(np.tile(pixels, times)[:height, :width]))
    model = load(given.model, "cpu")
    given.q = min(given.q, model.config.q_top)

    spent: dict[str, list[float]] = defaultdict(list)
    products: list[float] = []
    coding = [0.0]
    left, right = torch.randn(3840, 256), torch.randn(256, 512)

    def timed(function):
        def call(*args, **more):
            start = time.perf_counter()
            try:
                return function(*args, **more)
            finally:
                coding[0] += time.perf_counter() - start

        return call

    coder.encode = timed(coder.encode)
    coder.Decoder.take = timed(coder.Decoder.take)
    for run in range(given.runs + 1):
        for name in ("encode", "decode"):
            coding[0], start = 0.0, time.perf_counter()
            if name == "encode":
                container = codec.encode(picture, model, q=given.q)
            else:
                codec.decode(container, model)
            if run:  # the first one warms up
                spent[name].append(time.perf_counter() - start)
                spent[f"{name}: entropy coding"].append(coding[0])
        start = time.perf_counter()
        for _ in range(20):
            left @ right
        products.append(20 * 3840 * 256 * 512 / (time.perf_counter() - start) / 1e9)
    bits = 8 * sum(len(t.payload) for t in container.tiles)
    print(
        f"{width}x{height}, q {given.q:g}, {bits / width / height:.3f} bpp, {given.threads} threads, float32"
    )
    for name, seconds in spent.items():
        share = statistics.median(seconds) / statistics.median(spent[name.split(":")[0]])
        low, mid, high = (1e3 * f(seconds) for f in (min, statistics.median, max))
        print(f"{name:24} {mid:8.1f} ms   ({low:.1f} to {high:.1f})   {share:6.1%}")
    print(f"matrix products at {statistics.median(products):.0f} G multiplications a second")


if __name__ == "__main__":
    main()
