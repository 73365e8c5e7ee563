"""Archives: bad pictures among many, a kill in the middle, and what a batch saves.

    python -m tests.bench.archive [--pictures 1000] [--bad 30]
    python -m tests.bench.archive --overlap FOLDER [--threads 2] [--rounds 3] [--away 30]

The first makes small pictures, some of them bad, and runs the real command on them: as a batch, as a batch
that is killed at half and run again with --skip-existing, and, for a part of them, as a process a file. It
ends with an error where a file is not what it should be. The second compares, picture by picture of a
folder, a batch whose reading and writing overlap the network with one that does one after the other, turn
and turn about, so that a machine whose speed drifts drifts for both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nic_cli.cli.decode import Decoder
from nic_cli.jobs import option_values, pipeline, runner, settings
from nic_cli.jobs.encoding import Encoder
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.run_options import RunOptions
from nic_cli.terminal.console import Console

NIC = (sys.executable, "-m", "nic_cli")
ALONE = 20  # files that get a process each
GROUP = 6  # pictures in a turn


def make(folder: Path, count: int, bad: int) -> set[str]:
    """Small pictures in folders of 100, and the names of those that are none."""
    rng = np.random.default_rng(0)
    chosen = set(rng.choice(count, bad, replace=False).tolist())
    for number in range(count):
        place = folder / f"{number // 100}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((32 + number % 33, 32 + number % 29)).save(place)
        if number in chosen:
            data = place.read_bytes()
            place.write_bytes([b"", data[: len(data) // 2], b"not a picture", data[:40]][number % 4])
    return {f"{number // 100}/{number}" for number in chosen}


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its place without the suffix."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes() for path in found}


def check(claim: str, holds: bool) -> None:
    print(f"{'ok  ' if holds else 'FAIL'}  {claim}")
    if not holds:
        raise SystemExit(1)


def many(count: int, bad: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        source, whole, killed, alone = (Path(place, n) for n in ("in", "whole", "killed", "alone"))
        wrong = make(source, count, bad)
        command = [*NIC, "encode", "-r", str(source), "-q", "1", "--json", "-o"]
        start = time.perf_counter()
        done = subprocess.run([*command, f"{whole}/"], capture_output=True, check=False)
        seconds = time.perf_counter() - start
        made, items = files(whole), [json.loads(line) for line in done.stdout.splitlines()]
        failed = {
            Path(i["input"]).relative_to(source).with_suffix("").as_posix() for i in items if "error" in i
        }
        named = [line for line in done.stderr.decode().splitlines() if line.startswith("nic: ")]
        check(f"{len(made)} of {count} made, exit code {done.returncode}", len(made) == count - bad)
        check(f"{len(failed)} failed, each named on standard error", failed == wrong and len(named) == bad)
        check("exit code 1, a receipt for each", done.returncode == 1 and len(items) == count)
        check("all sound", subprocess.run([*NIC, "verify", "-Q", "-r", whole], check=False).returncode == 0)

        with subprocess.Popen([*command, f"{killed}/"], stdout=-3, stderr=-3) as process:
            while sum(1 for _ in killed.rglob("*.nic")) < (count - bad) / 2:
                time.sleep(0.05)
            process.kill()
        half = len(files(killed))
        again = [*command, f"{killed}/", "--skip-existing"]
        done = subprocess.run(again, capture_output=True, check=False)
        left = [path for path in killed.rglob(".*")]
        check(f"killed at {half}, run again: {done.stderr.decode().splitlines()[-1]}", done.returncode == 1)
        same = {n: d for n, d in files(killed).items() if not Path(n).name.startswith(".")} == made
        check(f"the same files, byte for byte; {len(left)} temporary ones left", same and len(left) <= 1)

        start = time.perf_counter()
        for name in sorted(made)[:ALONE]:
            subprocess.run(
                [*NIC, "encode", "-Q", "-q", "1", source / f"{name}.png", "-o", alone / f"{name}.nic"]
            )
        each = (time.perf_counter() - start) / ALONE
        check("as a process a file, the same bytes", files(alone).items() <= made.items())
        print(f"a process a file {1 / each:.2f} files a second, the batch {count / seconds:.1f}")
        check(f"{each * count / seconds:.1f} times as many, at least 1.3", each * count / seconds >= 1.3)


@dataclass
class Away:
    """Steps whose network is on another device, which takes `seconds` and makes the same of every picture."""

    steps: pipeline.Steps
    seconds: float
    made: object = None

    def __post_init__(self) -> None:
        self.read, self.write = self.steps.read, self.steps.write

    def code(self, item: object) -> object:
        self.made = self.made or self.steps.code(item)
        time.sleep(self.seconds)
        return self.made


def overlap(folder: Path, threads: int, rounds: int, away: float) -> None:
    torch.set_num_threads(threads)
    console, chosen = Console(quiet=True), settings.load(device="cpu")
    models, run_options = Models(chosen, console), RunOptions(force=True, quiet=True)
    target_rate = option_values.rate_target(chosen, None, None, None)
    with tempfile.TemporaryDirectory() as place:
        pictures = sorted(folder.glob("*.png"))
        coded = [Job(path, Path(place, f"{path.stem}.nic")) for path in pictures]
        back = [Job(job.target, job.target.with_suffix(".png")) for job in coded]
        encoder = Encoder(target_rate, frozenset(), chosen, run_options, console, models, False)
        decoder = Decoder(None, None, run_options, console, models, False)
        for name, steps, jobs in (("encode", encoder, coded), ("decode", decoder, back)):
            turns(name, Away(steps, away / 1000) if away else steps, jobs, rounds, console)


def turns(name: str, steps: pipeline.Steps, jobs: list[Job], rounds: int, console: Console) -> None:
    def serial(job: Job) -> runner.Report | None:
        return steps.write(job, steps.code(steps.read(job, console)), console)

    def seconds(work, part: list[Job]) -> float:
        start = time.perf_counter()
        assert runner.run(part, work, console, show=console.say) == 0
        return time.perf_counter() - start

    seconds(serial, jobs[:2])
    spent: list[tuple[float, float]] = []
    for number, start in enumerate(list(range(0, len(jobs), GROUP)) * rounds):
        ways = [partial(seconds, serial), partial(seconds, steps)]
        order = (0, 1) if number % 2 else (1, 0)
        took = {way: ways[way](jobs[start : start + GROUP]) for way in order}
        spent.append((took[0], took[1]))
    ratios = [before / after for before, after in spent]
    before, after = (sum(column) / rounds for column in zip(*spent, strict=True))
    print(
        f"{name}: {len(jobs)} pictures one after the other {before:.2f} s, overlapped {after:.2f} s: "
        f"{before / after:.3f} times; median of {len(ratios)} pairs {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--bad", type=int, default=30)
    parser.add_argument("--overlap", type=Path, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--away", type=float, default=0, metavar="MS")
    given = parser.parse_args()
    if given.overlap:
        overlap(given.overlap, given.threads, given.rounds, given.away)
    else:
        many(given.pictures, given.bad)


if __name__ == "__main__":
    main()
