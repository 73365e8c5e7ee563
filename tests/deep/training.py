"""SIGKILL at random moments of `nic train`: no half model, and after --resume the weights of no kill."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.deep.targets import SCENE
from tests.train.test_training import TINY

PHASES = """
[[phase]]
name = "first"
steps = 4
[[phase]]
name = "last"
steps = 4
decay = 0.5
"""
ROOT = Path(__file__).parents[2]
AT_EXPORT = 0.1  # share of the kills that wait for the export


def _prepared(place: Path) -> Path:
    (place / "pictures").mkdir()
    with Image.open(SCENE) as scene:
        for number in range(3):
            left = 200 * number
            scene.convert("RGB").crop((left, 100, left + 190, 290)).save(place / "pictures" / f"{number}.png")
    recipe = place / "tiny.toml"
    more = TINY.replace("[data]", f'[data]\npaths = ["{place}/pictures"]\nvalidation = ["{place}/pictures"]')
    recipe.write_text(more.replace("[schedule]", "[schedule]\nsave_every = 0") + PHASES)
    return recipe


def _started(recipe: Path, work: Path, *more: str) -> subprocess.Popen:
    line = [
        sys.executable,
        "-m",
        "nic_cli",
        "train",
        str(recipe),
        "--work",
        str(work),
        "--device",
        "cpu",
        *more,
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def kills(seed: int = 1) -> Iterator[str | None]:
    """One run killed once and resumed, without end."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        recipe, sound = _prepared(place), place / "sound"
        start = time.monotonic()
        done = _started(recipe, sound)
        _, said = done.communicate()
        assert done.returncode == 0, said
        whole, wanted = time.monotonic() - start, _digest(sound / "model")
        for number in range(1_000_000):
            yield _killed(recipe, place / f"work{number}", whole, wanted, draw)


def _killed(recipe: Path, work: Path, whole: float, wanted: str, draw: random.Random) -> str | None:
    process = _started(recipe, work)
    if draw.random() < AT_EXPORT:  # a folder beside the model's place is the export at work
        while process.poll() is None and not any(work.glob("*model*")):
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, 0.02))
    else:
        time.sleep(draw.uniform(0, whole))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if (work / "model").exists():
        names = sorted(path.name for path in (work / "model").iterdir())
        if not {"config.json", "model.safetensors"} <= set(names):
            return f"half a model: {names}"
        return None if _digest(work / "model") == wanted else "another model"
    resumed = _started(recipe, work, *(["--resume"] if (work / "safe.safetensors").exists() else ["-f"]))
    _, said = resumed.communicate()
    if resumed.returncode:
        return f"not resumed: {said[-300:]!r}"
    return None if _digest(work / "model") == wanted else "other weights than without the kill"
