"""What a search for better latents gained, from the journals of `nic bench`.

    nic bench kodak/ --codecs 'nic:e1|5' -q '1|2|3|4.4' -b 0 --anchor nic --metrics psnr --resume e5.jsonl
    python -m tests.bench.effort e5.jsonl [e7.jsonl ...]

For each effort: bytes against those without a search at equal quality (BD-rate), of the mean curve and of
the pictures that gained least and most; seconds a picture; and how far it is from VTM as published for
Kodak. Journals that are not finished count as far as they go, with whole pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean

from nic_cli.bench import published
from nic_cli.bench.curves import at, bd_rate, curves
from nic_cli.bench.rows import Row

RATES = (0.2, 0.5, 1.0)
KODAK = 24  # pictures, which VTM was measured on


def rows_of(paths):
    """All rows, each once, of the pictures that every codec of their journal has done."""
    found = {}
    for path in paths:
        rows = [Row(**json.loads(line)) for line in path.read_text().splitlines()[1:]]
        settings = {(row.curve, row.setting) for row in rows}
        for row in rows:
            if {(r.curve, r.setting) for r in rows if r.sha256 == row.sha256} == settings:
                found[row.sha256, row.curve, row.setting] = row
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("journals", type=Path, nargs="+")
    parser.add_argument("--metric", default="psnr")
    given = parser.parse_args()
    rows, metric = rows_of(given.journals), given.metric
    vtm = next(c for c in published.every() if "VTM" in c.name).points["psnr"]
    for name in dict.fromkeys(row.curve for row in rows if row.curve != "nic"):
        pictures = {row.sha256 for row in rows if row.curve == name}
        plain, found = (
            [row for row in rows if row.curve == c and row.sha256 in pictures] for c in ("nic", name)
        )
        gains = sorted(gain(of(plain, p), of(found, p), metric).percent for p in pictures)
        print(
            f"{name}: {gain(plain, found, metric)} by {metric} over {len(pictures)} pictures, "
            f"from {gains[-1]:+.1f} to {gains[0]:+.1f} %; "
            f"{fmean(row.encode_seconds for row in found):.1f} s a picture"
        )
        known = points(found, metric), points(plain, metric), vtm
        for rate in RATES if metric == "psnr" and len(pictures) == KODAK else ():
            mine, before, theirs = (at(curve, rate) for curve in known)
            if None not in (mine, before, theirs):
                over = f"{mine - theirs:+.2f} to VTM, without a search {before - theirs:+.2f}"
                print(f"  {rate:g} bpp: {mine:.2f} dB, {over}")


def of(rows, picture):
    """The rows of one picture."""
    return [row for row in rows if row.sha256 == picture]


def points(rows, metric):
    """Their mean curve."""
    return curves(rows, [metric])[0].points[metric]


def gain(plain, found, metric):
    """Bytes at equal quality."""
    return bd_rate(points(plain, metric), points(found, metric))


if __name__ == "__main__":
    main()
