"""Does `nic bench` measure right? Classical codecs on Kodak against figures measured apart from it.

    nic bench kodak/ --codecs jpeg:sub=420,webp:method=6,avif:speed=4,jxl:effort=7 \\
        --metrics psnr,ssimulacra2 --json kodak.json
    python -m tests.bench.classical kodak.json

`classical.tsv` holds means of Kodak's 24 pictures made with Pillow 13 by other code. Prints the
largest differences, and exits with 1 where one is over its bound: bpp 0.5 %, PSNR 0.05 dB,
SSIMULACRA 2 0.5.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

BOUNDS = {"bpp": 0.5, "psnr": 0.05, "ssimulacra2": 0.5}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    measured = defaultdict(list)
    for row in json.loads(Path(sys.argv[1]).read_text())["rows"]:
        measured[row["curve"].partition(" ")[0], row["setting"].partition(",")[0]].append(row)
    worst = dict.fromkeys(BOUNDS, (0.0, "nowhere"))
    with Path(__file__).with_suffix(".tsv").open() as stream:
        for known in csv.DictReader(stream, delimiter="\t"):
            rows = measured.get((known["codec"], known["setting"]), [])
            if len(rows) != 24:
                print(f"{known['codec']} {known['setting']}: {len(rows)} pictures, not 24")
                continue
            for name in BOUNDS:
                if rows[0].get(name) is None:
                    continue
                found, wanted = float(np.mean([row[name] for row in rows])), float(known[name])
                apart = abs(found - wanted) * (100 / wanted if name == "bpp" else 1)
                worst[name] = max(worst[name], (apart, f"{known['codec']} {known['setting']}"))
    for name, (apart, where) in worst.items():
        unit = " %" if name == "bpp" else ""
        print(f"{name:12} at most {apart:.4f}{unit} apart, at {where}; {BOUNDS[name]}{unit} is allowed")
    return int(any(worst[name][0] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
