"""Files find the model that made them where it is here, and say how to get it where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nic_cli
from nic_cli.container.file import pack, unpack
from nic_cli.errors import ModelError
from nic_cli.zoo.load import load, shared
from nic_cli.zoo.registry import TABLE, Entry

from .conftest import refused, tiny_files


@pytest.fixture
def photo(place) -> Path:
    """photo.png in the working folder."""
    steps = np.arange(64, dtype=np.uint8) * 3
    Image.fromarray(np.stack(np.broadcast_arrays(steps[:, None], steps[None, :], np.uint8(90)), axis=2)).save(
        "photo.png"
    )
    return Path("photo.png")


@pytest.fixture
def coded(nic, photo, tiny_folder) -> Path:
    """That picture as a file of the tiny model."""
    assert nic("encode", photo, "-m", tiny_folder, "-Q").code == 0
    photo.unlink()
    return Path("photo.nic")


def test_a_model_of_the_table(nic, hub, known, coded):
    hub.requests.clear()
    for command in ("decode", "verify"):
        refused(nic(command, coded), 4, "encoded with model tiny", known.entry.id, "nic models pull tiny")
    with pytest.raises(ModelError, match="nic models pull tiny"):
        nic_cli.decode(coded.read_bytes())
    assert hub.requests == []  # a file never makes anything be fetched
    assert nic("models", "pull", "tiny").code == 0
    hub.requests.clear()
    for command in ("decode", "verify"):
        assert nic(command, coded).code == 0
    assert nic_cli.decode(coded.read_bytes()).size == (64, 64)
    assert hub.requests == []


def test_a_spoiled_model_of_the_table_decodes_nothing(nic, known, coded):
    from nic_cli.zoo.find import find

    nic("models", "pull", "tiny")
    path = find("tiny").folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    refused(nic("decode", coded), 4, "SHA-256", "nic models pull")
    assert not Path("photo.png").exists()


def test_a_model_of_ones_own_by_its_folder_or_its_own_name(nic, coded, tiny_folder):
    refused(nic("decode", coded), 4, "NIC_MODEL")
    for name in ("tiny", "mine"):
        assert nic("models", "pull", tiny_folder, "--name", name).code == 0
        assert nic("decode", coded, "-f").code == 0
        assert nic("models", "rm", name).code == 0


def test_a_model_of_ones_own_whose_name_nic_learned_later(nic, coded, tiny_folder, monkeypatch):
    nic("models", "pull", tiny_folder)
    monkeypatch.setitem(TABLE, "tiny", Entry("tiny", "nic-codec/tiny", None, "mit"))
    assert nic("decode", coded).code == 0


def test_a_trusted_model(nic, hub, published, coded):
    nic("models", "pull", published.address, "--trust")
    hub.requests.clear()
    assert nic("decode", coded).code == 0
    nic("models", "rm", published.address)
    refused(nic("decode", coded, "-f"), 4, "NIC_MODEL")
    assert hub.requests == []


def test_a_model_of_the_same_name_and_another_id_is_not_it(nic, coded, tmp_path):
    tiny_files(tmp_path / "other", seed=2)
    nic("models", "pull", tmp_path / "other")
    refused(nic("decode", coded), 4, "encoded with model tiny")


def test_the_model_of_the_settings_still_helps(nic, known, coded, tiny_folder, monkeypatch):
    monkeypatch.setenv("NIC_MODEL", str(tiny_folder))
    assert nic("decode", coded).code == 0  # in the table and not here, but this is a copy
    monkeypatch.setenv("NIC_MODEL", "iris")
    refused(nic("decode", coded, "-f"), 4, "nic models pull tiny")


def test_python_is_helped_by_the_environment_too(coded, tiny_folder, monkeypatch):
    data = coded.read_bytes()
    with pytest.raises(ModelError, match="NIC_MODEL"):
        nic_cli.decode(data)
    monkeypatch.setenv("NIC_MODEL", str(tiny_folder))
    assert nic_cli.decode(data).size == (64, 64)


def test_python_loads_a_model_once_and_again_when_it_is_written_anew(place, tiny_folder, monkeypatch):
    first = shared(str(tiny_folder))
    monkeypatch.chdir(tiny_folder.parent)
    assert shared(tiny_folder.name) is first
    tiny_files(tiny_folder, seed=2)
    assert shared(str(tiny_folder)).id != first.id


def test_the_name_in_a_file_is_never_taken_for_a_folder(nic, hub, coded, tiny_folder):
    tiny_folder.rename("tiny")
    hub.requests.clear()
    refused(nic("decode", coded), 4, "NIC_MODEL")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["a..b", "0", "iris", "models--someone--tiny"])
def test_names_of_models_that_are_not_here(nic, hub, coded, published, tiny_folder, name):
    nic("models", "pull", published.address, "--trust")
    sound = unpack(coded.read_bytes())
    other = replace(sound.header, model=name, model_id=b"12345678")
    coded.write_bytes(pack(replace(sound, header=other)))
    hub.requests.clear()
    refused(nic("decode", coded), 4, f"encoded with model {name}", "NIC_MODEL")
    assert hub.requests == []


# -- encoding -------------------------------------------------------------------------------------


def test_encoding_with_a_model_of_the_table_or_a_trusted_one(nic, hub, known, photo):
    refused(nic("encode", photo, "-m", "tiny"), 4, "nic models pull tiny")
    refused(nic("encode", photo, "-m", known.address), 4, "--trust")
    refused(nic("encode", photo, "-m", "hf://someone/tiny@main"), 2, "40 hexadecimal digits")
    done = nic("encode", photo, "-m", known.address, "--trust")
    assert done.code == 0
    assert known.entry.files["model.safetensors"].sha256 in done.err
    hub.requests.clear()
    for options in (
        ("-m", known.address),
        ("-m", known.address, "--trust"),
        ("-m", known.address, "--offline"),
    ):
        assert nic("encode", photo, "-f", *options).code == 0
    assert hub.requests == []


def test_the_model_of_the_settings_may_be_an_address(nic, hub, published, photo, monkeypatch):
    monkeypatch.setenv("NIC_MODEL", published.address)
    refused(nic("encode", photo), 4, "--trust")
    assert nic("encode", photo, "--trust", "-Q").code == 0
    assert load(published.address, "cpu").name == "tiny"
