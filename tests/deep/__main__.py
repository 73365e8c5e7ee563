"""One long trial; a line in runs.tsv says when it was run, with how many tries, and what came of it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: trials fork

HERE = Path(__file__).parent
RUNS = HERE / "runs.tsv"
HEAD = "date\ttrial\tcommit\tcpu\ttried\tfound\tedges\tlast new one\n"
Trial = Callable[[float], tuple[int, list[str]]]


def counted(tries: Callable[[], Iterator[str | None]], minutes: float) -> tuple[int, list[str]]:
    """Take tries, each None or what it found, until they or the minutes end."""
    end, n, found = time.monotonic() + 60 * minutes, 0, []
    for said in tries():
        n += 1
        found += [said] if said is not None else []
        if time.monotonic() > end:
            break
    return n, found


def rounds(minutes: float) -> tuple[int, list[str]]:
    """5,000 round trips in one process: memory grows by under 2 MB over the last third."""
    from tests.bench.endurance import growth

    grown = growth(5000)
    return 5000, [f"{grown} bytes"] if grown > 2_000_000 else []


def threads(minutes: float) -> tuple[int, list[str]]:
    """5,000 decodes in eight threads: all one picture."""
    from tests.bench.endurance import hashes

    return 5000, [] if len(hashes(8, 625)) == 1 else ["pictures differ"]


def trials() -> dict[str, Trial]:
    """All of them, by name."""
    from tests.deep import damage, fuzz, harm, training
    from tests.deep.targets import TARGETS

    known: dict[str, Trial] = {f"fuzz-{name}": partial(fuzz.run, name) for name in TARGETS}
    seed = int(time.time())
    known |= {
        "cuts": partial(counted, damage.cuts),
        "bits": partial(counted, damage.bits),
        "mutations": partial(counted, partial(damage.mutations, seed)),
        "faults": partial(counted, harm.faults),
        "kills": partial(counted, partial(harm.kills, seed)),
        "training": partial(counted, partial(training.kills, seed)),
    }
    return known | {"rounds": rounds, "threads": threads}


PROMISES = {
    "cuts": ("a file that was cut is refused", "cut at every byte"),
    "bits": ("a file with one bit turned is refused", "every bit of small files turned"),
    "mutations": (
        "wrong fields under right checksums: refused, or that picture",
        "fields changed, checksums mended",
    ),
    "fuzz-container": ("any bytes: refused, or read and written again the same", "fuzzed"),
    "fuzz-opening": ("any header, any chunks: refused, or read", "fuzzed, checksums off"),
    "fuzz-entropy": ("any payload: refused, or the symbols that give it", "fuzzed"),
    "fuzz-decoding": ("any file, decoded: refused, or a picture", "fuzzed, checksums off"),
    "fuzz-plugin": ("the same through Pillow: OSError, or a picture", "fuzzed, checksums off"),
    "fuzz-thumbnail": ("the same through the thumbnailer", "fuzzed, checksums off"),
    "fuzz-picture": ("any picture file: refused, or read and written again", "fuzzed, eleven kinds of file"),
    "fuzz-config": ("any config.json: refused, or a model", "fuzzed"),
    "fuzz-weights": ("any head of weights: refused, or a model that codes", "fuzzed"),
    "faults": (
        "a disk that fails: the old file or the new one, one line",
        "a fault at every call that changes the disk",
    ),
    "kills": ("a kill: the old file or the new one", "SIGKILL at random moments of encoding and decoding"),
    "training": (
        "a kill of nic train, resumed: the weights of no kill",
        "SIGKILL at random moments, a tenth at export",
    ),
    "rounds": ("many files in one process leave no memory behind", "round trips; growth over the last third"),
    "threads": ("threads see one picture", "decodes in eight threads"),
}


def table() -> str:
    """What is promised, how it is tried, when it was last run, with how many: from runs.tsv."""
    rows = [line.split("\t") for line in RUNS.read_text().splitlines()[1:]]
    lines = ["| promised | how it is tried (`python -m tests.deep`) | last run | tries, CPU time | found |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, (promise, how) in PROMISES.items():
        runs = [row for row in rows if row[1] == name]
        if not runs:
            continue
        minutes = sum(float(row[3].split()[0]) for row in runs)
        spent = f"{minutes / 60:.1f} h" if minutes >= 60 else f"{minutes:.0f} min"
        tried, found = (sum(int(row[at]) for row in runs) for at in (4, 5))
        counted = [row for row in runs if len(row) > 6]
        if counted:
            edges, new = counted[-1][6:8]
            how += f"; {edges} edges, the last new one at {int(new):,} of {int(counted[-1][4]):,}"
        lines.append(f"| {promise} | `{name}`: {how} | {runs[-1][0]} | {tried:,}, {spent} | {found} |")
    return "\n".join(lines)


def main() -> int:
    """Run one trial and note it; code 1 if it found something."""
    if sys.argv[1:] == ["table"]:
        print(table())
        return 0
    known = trials()
    parser = argparse.ArgumentParser("python -m tests.deep", description=__doc__)
    parser.add_argument("name", choices=known)
    parser.add_argument("--minutes", type=float, default=10.0, help="at most (default: 10)")
    given = parser.parse_args()
    from tests.deep import fuzz

    tried, found = known[given.name](given.minutes)
    times = os.times()
    cpu = (times.user + times.children_user + times.system + times.children_system) / 60
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    if not RUNS.exists():
        RUNS.write_text(HEAD)
    with RUNS.open("a") as rows:
        row = (
            date,
            given.name,
            commit.stdout.strip(),
            f"{cpu:.1f} min",
            str(tried),
            str(len(found)),
            *map(str, fuzz.coverage),
        )
        rows.write("\t".join(row) + "\n")
    print(f"{given.name}: {tried} tried, {len(found)} found", *found[:20], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
