"""`nic encode --effort`: ordinary files, a notice where it cannot be had, nothing left of a broken search."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nic_cli.container.file import unpack
from nic_cli.transform.research.systems import SYSTEMS
from nic_cli.zoo.checkpoint_import import import_model
from tests.transform.research import weights

from .conftest import spawn


def test_a_file_made_with_effort_is_an_ordinary_file(nic, picture):
    plain, found = (nic("encode", picture, "-e", e, "-b", 0, "-o", f"{e}.nic", "--json") for e in (1, 3))
    said = [json.loads(result.out) for result in (plain, found)]
    assert said[0].keys() == said[1].keys() and said[0]["q"] == said[1]["q"]
    assert nic("verify", "3.nic").code == nic("decode", "3.nic").code == 0
    headers = [unpack(Path(name).read_bytes()).header for name in ("1.nic", "3.nic")]
    assert headers[0] == headers[1]
    assert Path("1.nic").read_bytes() != Path("3.nic").read_bytes()


def test_effort_can_be_a_setting(nic, picture):
    config = Path("../home/nic/config.toml")
    config.parent.mkdir(parents=True)
    nic("encode", picture, "-e", 2, "-o", "asked.nic")
    config.write_text("effort = 2\n")
    nic("encode", picture, "-o", "set.nic")
    assert Path("asked.nic").read_bytes() == Path("set.nic").read_bytes()


def test_a_model_that_cannot_be_searched_is_named_once(nic, picture, tmp_path):
    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=12)
    torch.save(weights.state("qvrf", system), tmp_path / "qvrf.pt")
    import_model("qvrf", [tmp_path / "qvrf.pt"], tmp_path / "small", "small", half=False, say=lambda _: None)
    Path("second.png").write_bytes(picture.read_bytes())
    result = nic("encode", picture, "second.png", "-q", 1, "-e", 5, "-m", tmp_path / "small")
    assert result.code == 0
    said = [line for line in result.lines if "warning" in line]
    assert said == ["nic: warning: model small cannot be searched for better latents: encoding without"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupted_search_leaves_no_file(clean_place, pixels):
    Image.fromarray(np.tile(pixels, (8, 5, 1))).save("photo.png")
    process = spawn("encode", "-v", "-e", 9, "photo.png", stderr=subprocess.PIPE)
    time.sleep(5)  # somewhere in it: imports take two seconds, the search minutes
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"nic: interrupted\n")
    assert [path.name for path in Path().iterdir()] == ["photo.png"]
