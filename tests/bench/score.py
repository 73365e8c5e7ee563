"""Wanted scores: what `nic encode` promises of them, checked by an independent decoding of each file.

    python -m tests.bench.score FOLDER --ssimulacra2 70 [--first N] [-b B] [-e N]
    python -m tests.bench.score FOLDER --like jpeg:80

Every picture goes through the command, its file through `nic decode` to a PNG, and PNG and original,
as files, through the package ssimulacra2: no part of nic measures. Prints a line a picture and what all
came to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

from ssimulacra2 import compute_ssimulacra2

NIC = [sys.executable, "-m", "nic_cli"]


def coded(path: Path, folder: Path, options: list[str]) -> tuple[dict, float, float]:
    """What the command says of a picture, its seconds, and the score of what the file decodes to."""
    file, back = folder / "out.nic", folder / "out.png"
    started = time.perf_counter()
    command = [*NIC, "encode", "-f", "-Q", "--json", path, "-o", file, *options]
    done = subprocess.run(command, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{path.name}: {done.stderr.decode()}")
    subprocess.run([*NIC, "decode", "-f", "-Q", file, "-o", back], check=True)
    return json.loads(done.stdout), seconds, float(compute_ssimulacra2(path, back))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ssimulacra2", type=float)
    parser.add_argument("--like")
    parser.add_argument("--first", type=int)
    parser.add_argument("-b", default="0.75")
    parser.add_argument("-e", default="1")
    given = parser.parse_args()
    if (given.ssimulacra2 is None) == (given.like is None):
        parser.error("give --ssimulacra2 or --like")
    wanted = ["--like", given.like] if given.like else ["--ssimulacra2", str(given.ssimulacra2)]
    over, codings, times, told, ratios = [], [], [], [], []
    with TemporaryDirectory(prefix="nic-score-") as folder:
        for path in sorted(given.folder.glob("*.png"))[: given.first]:
            said, seconds, score = coded(path, Path(folder), [*wanted, "-b", given.b, "-e", given.e])
            wish = said["like"]["ssimulacra2"] if given.like else given.ssimulacra2
            over.append(score - wish)
            codings.append(said["codings"])
            times.append(seconds)
            told.append(abs(score - said["ssimulacra2"]))
            line = (
                f"{path.name}  q {said['q']:.3f}  {said['bytes']:,} bytes  told {said['ssimulacra2']:.3f}  "
            )
            line += f"independent {score:.3f}  {said['codings']} codings  {seconds:.1f} s"
            if given.like:
                ratios.append(said["bytes"] / said["like"]["bytes"])
                line += f"  {given.like} {wish:.3f} in {said['like']['bytes']:,} bytes, nic {ratios[-1]:.1%}"
            print(line, flush=True)
    inside = sum(0 <= excess <= 1 for excess in over)
    print(f"{inside} of {len(over)} from the wish to 1 above it: {min(over):+.3f} to {max(over):+.3f}")
    print(f"told and independent scores differ by {max(told):.4f} at most")
    print(f"codings: mean {fmean(codings):.2f}, most {max(codings)}; seconds: median {median(times):.1f}, "
          f"most {max(times):.1f}")  # fmt: skip
    if ratios:
        print(f"bytes against {given.like}: {fmean(ratios):.1%} on average")


if __name__ == "__main__":
    main()
