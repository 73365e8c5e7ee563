"""`nic models import`, and the imported model in the other commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from nic_cli.transform.research.systems import SYSTEMS
from nic_cli.zoo import directories
from tests.transform.research import weights


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=12)
    path = tmp_path_factory.mktemp("author") / "qvrf.pth.tar"
    torch.save(weights.state("qvrf", system), path)
    return path


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def test_a_checkpoint_is_imported_and_used_by_its_name(nic, checkpoint, picture, tmp_path):
    done = nic("models", "import", "qvrf", str(checkpoint), "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["name"] == said["kind"] == "qvrf" and said["q_top"] == 7 and "BSD" in said["licence"]
    assert nic("encode", str(picture), "-m", "qvrf", "-q", "6.5", "-Q").code == 0
    assert json.loads(nic("info", str(tmp_path / "p.nic"), "--json").out)["model"] == {
        "name": "qvrf",
        "id": said["id"],
    }
    for command in (("decode", "-b", "0.2", "-f"), ("verify",)):
        assert nic(command[0], str(tmp_path / "p.nic"), *command[1:], "-Q").code == 0
    assert b"own" in nic("models", "list").out
    assert b"q from 0 to 7" in nic("models", "show", "qvrf").out
    assert nic("models", "verify", "qvrf").code == 0
    refused = nic("encode", str(picture), "-m", "qvrf", "-q", "8", "-f")
    assert (refused.code, "give 0 to 7" in refused.err) == (2, True)
    assert nic("models", "rm", "qvrf").code == 0
    gone = nic("decode", str(tmp_path / "p.nic"), "-f")
    assert gone.code == 4 and "qvrf" in gone.err and len(gone.err.splitlines()) == 1


def test_a_model_of_one_rate_is_encoded_without_naming_it(nic, checkpoint, picture):
    state = torch.load(checkpoint, weights_only=True)
    torch.save({name: t for name, t in state.items() if name != "Gain"}, picture.parent / "fixed.pt")
    assert nic("models", "import", "qvrf", str(picture.parent / "fixed.pt"), "--name", "fixed").code == 0
    assert nic("encode", str(picture), "-m", "fixed", "-Q").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("other", "FILE"), 2, "'other' is no system"),
        (("qvrf", "FILE", "--name", "../x"), 2, "cannot be the name"),
        (("qvrf", "FILE", "--name", "iris"), 2, "a model that nic knows"),
        (("qvrf", "nowhere.pt"), 4, "No such file"),
        (("crdr", "FILE"), 4, "is missing"),
        (("hific", "FILE"), 4, "is missing"),
        (("msillm", "FILE"), 4, "is missing"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(nic, checkpoint, arguments, code, words):
    done = nic("models", "import", *(str(checkpoint) if a == "FILE" else a for a in arguments), "-Q")
    assert done.code == code and words in done.err and len(done.err.splitlines()) == 1
    assert not list(directories.user_models().glob("*"))


def test_an_id_that_is_not_that_of_the_tensors_is_found(nic, checkpoint):
    assert nic("models", "import", "qvrf", str(checkpoint)).code == 0
    config = directories.own("qvrf") / "config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "id": "0" * 16}))
    done = nic("models", "verify", "qvrf")
    assert done.code == 4 and said["id"] in done.err
