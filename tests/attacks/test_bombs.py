"""Files of a few bytes that ask for gigabytes cost next to nothing, whichever way they come in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nic_cli import tile_coding
from nic_cli.errors import DamagedFile
from tests.attacks.bombs import container

ROOT = Path(__file__).parents[2]
ENTRANCES = {"decode", "crop", "verify", "info", "thumbnailer", "pillow"}


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of its memory")
def test_bombs_are_refused_in_a_second_and_under_100_mb():
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.bombs"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["entrance"] for row in rows} == ENTRANCES and len({row["bomb"] for row in rows}) > 30
    for row in rows:
        assert row["mb"] < 100 and row["seconds"] < 1, row  # of the processor: others may be at work
        assert row["code"] == (0 if row["entrance"] == "info" else 3) and not row["left"], row
    assert "Traceback" not in done.stderr


def test_nothing_is_made_for_tiles_that_their_bytes_do_not_pay_for(model):
    """Control: with the guard off the same file is a grid of tiles to be decoded."""
    for size, payload in (((2048, 2048), b""), ((16384, 16384), bytes([1]) * 200_000)):
        bomb = container(model, *size, [payload])
        with pytest.raises(DamagedFile, match=r"too few for|the most"):
            tile_coding.readable(bomb, model)
    patch = pytest.MonkeyPatch()
    with patch.context() as off:
        off.setattr(tile_coding, "_check_paid", lambda *_: None)
        off.setattr(tile_coding, "MOST_LATENTS", 1 << 40)
        assert tile_coding.readable(bomb, model).count == 1


def test_a_rate_that_the_model_does_not_have_is_damage(model):
    with pytest.raises(DamagedFile, match="iris goes to 6"):
        tile_coding.readable(container(model, 64, 64, [b"\1"], q=15.9003906), model)
