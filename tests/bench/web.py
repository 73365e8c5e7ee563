"""How long the decoder of browsers takes in node, beside the program on as many threads.

    python -m tests.bench.web kodim05.png [--quality 1.5] [--times 3] [--threads 1]

Seconds of the clock and of the processor, the first and the least of several times: of the model's folder,
which a page does once; of all up to the latents; of the picture; and of it at another realism.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "models" / "iris"


def program(data: bytes, times: int) -> list[tuple[float, float]]:
    """Seconds of the clock and of the processor that the program takes for its pixels."""
    import nic_cli

    found = []
    for _ in range(times):
        clock, used = time.perf_counter(), time.process_time()
        nic_cli.open(data).to_array()
        found.append((time.perf_counter() - clock, time.process_time() - used))
    return found


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.web", description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--quality", default="1.5")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(given.threads)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.nic"
        command = [
            sys.executable,
            "-m",
            "nic_cli",
            "encode",
            given.picture,
            "-q",
            given.quality,
            "-o",
            file,
            "-Q",
        ]
        subprocess.run(command, check=True, cwd=ROOT)
        node = ["node", ROOT / "tests/web/speed.mjs", IRIS, file, str(given.times), str(given.threads)]
        said = json.loads(subprocess.run(node, check=True, capture_output=True, text=True).stdout)
        ours = program(file.read_bytes(), given.times)
    memory = said.pop("memory")
    print("step     first clock  cpu    least clock  cpu")
    rows = {name: [(lap["wall"], lap["cpu"]) for lap in laps] for name, laps in said.items()}
    rows["all"] = [
        tuple(map(sum, zip(*laps, strict=True))) for laps in zip(rows["open"], rows["draw"], strict=True)
    ]
    for name, laps in (rows | {"program": ours}).items():
        least = [min(column) for column in zip(*laps, strict=True)]
        print(f"{name:8} {laps[0][0]:11.3f} {laps[0][1]:6.3f} {least[0]:11.3f} {least[1]:6.3f}")
    share = min(cpu for _, cpu in rows["all"]) / min(cpu for _, cpu in ours)
    print(f"all / program, least of the processor: {share:.2f}")
    print(f"memory of node: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
