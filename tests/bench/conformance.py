"""Our networks of research systems against recorded vectors of the originals: a folder for each system.

    python -m tests.bench.conformance FOLDER

FOLDER/crdr/*.npz and so on; what is in them: tests/transform/research/conformance.py. Exit code 1 if
integers differ beyond the listed ties, pictures by more than 1e-4, bits by more than 1e-5, or a string of
the original does not give its integers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tests.transform.research.conformance import build, compare, strings, strings_hold


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    failed = 0
    for kind in ("crdr", "qvrf", "hific", "msillm"):
        systems: dict = {}
        for path in sorted((parser.parse_args().folder / kind).glob("*.npz")):
            with np.load(path) as held:
                vector = {name: held[name] for name in held.files}
            variant = str(vector["variant"]) if kind == "hific" else "low"
            if variant not in systems:
                systems = {variant: build(kind, variant)}
            found = compare(systems[variant], vector)
            read = strings_hold(systems[variant], vector) if strings(kind, vector) else None
            good = not (found.z or found.y or found.index or read is False)
            good = good and max(found.y_hat, found.x_hat) < 1e-4 and found.bits < 1e-5
            failed += not good
            said = {True: "strings read", False: "strings WRONG", None: "no strings"}[read]
            print(f"{kind:7} {path.stem:12} {'ok' if good else 'FAILED':6} {said:12} {found}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
