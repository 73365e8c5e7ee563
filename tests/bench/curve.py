"""Rate and fidelity of a model over a folder of pictures, from whole files.

    python -m tests.bench.curve FOLDER [-m MODEL] [-q 0,0.5,...] [-b 0,0.5] [--tsv OUT] [--bpp 0.3]

Every picture is encoded, packed, unpacked and decoded; bpp counts all bytes of the file. Prints
the mean curve and, interpolated in log bpp, the PSNR at fixed rates. `--bpp` instead searches
that rate on each picture and prints what was reached.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.metadata import strip
from nic_cli.image.reading import read
from nic_cli.zoo.load import load

RATES = (0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)


def measure(picture, model, q, b):
    """(bytes, PSNR over RGB) of one picture at one setting."""
    data = file.pack(codec.encode(picture, model, q=q, b=b))
    back = codec.decode(file.unpack(data), model)
    top = float(np.iinfo(picture.pixels.dtype).max)
    error = np.square(picture.pixels.astype(np.float64) - back.pixels).mean()
    return len(data), 10 * np.log10(top**2 / error)


def at_rates(bpp, psnr, rates=RATES):
    """PSNR at fixed rates, linear in log bpp between neighbours; None beyond the ends."""
    return {r: float(np.interp(np.log(r), np.log(bpp), psnr)) for r in rates if bpp[0] <= r <= bpp[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model")
    parser.add_argument("-q", default="0,0.5,1,1.5,2,2.5,3,3.5,4,4.5,5,5.5,6")
    parser.add_argument("-b", default="0")
    parser.add_argument("--tsv", type=Path)
    parser.add_argument("--bpp", type=float)
    given = parser.parse_args()
    model = load(given.model)
    paths = sorted(given.folder.glob("*.png"))
    pictures = [strip(read(path, path.name), {"all"}) for path in paths]  # what they say is not the model's
    pixels = [p.width * p.height for p in pictures]
    if given.bpp:
        reached = []
        for path, picture, n in zip(paths, pictures, pixels, strict=True):
            target = int(given.bpp * n / 8)
            container = codec.encode(picture, model, target_bytes=target)
            reached.append(len(file.pack(container)) / target)
            print(f"{path.name}  q {container.header.q:.4f}  {reached[-1]:.4%} of {target} bytes")
        print(f"lowest {min(reached):.4%}, highest {max(reached):.4%}")
        return
    settings = [float(q) for q in given.q.split(",")]
    lines = ["q\tb\tbpp\tpsnr\tn"]
    for b in map(float, given.b.split(",")):
        table = np.array([[measure(p, model, q, b) for p in pictures] for q in settings])
        bpp, psnr = 8 * table[..., 0] / pixels, table[..., 1]
        rising = bool((np.diff(bpp, axis=0) > 0).all())
        for q, rate, fidelity in zip(settings, bpp.mean(1), psnr.mean(1), strict=True):
            lines.append(f"{q:g}\t{b:g}\t{rate:.5f}\t{fidelity:.4f}\t{len(paths)}")
        ends = f"bpp from {bpp.mean(1)[0]:.3f} to {bpp.mean(1)[-1]:.3f}"
        print(f"b {b:g}: {ends}, rising on every picture: {rising}")
        found = at_rates(bpp.mean(1), psnr.mean(1))
        print("PSNR at " + ", ".join(f"{r:g} bpp {v:.2f}" for r, v in found.items()))
    print("\n".join(lines))
    if given.tsv:
        given.tsv.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
