"""A model folder is checked before any of it is used."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from nic_cli.errors import ModelError, UsageError
from nic_cli.zoo import load as loading
from nic_cli.zoo.model_folder import CONFIG, WEIGHTS, read_folder
from nic_cli.zoo.registry import TABLE


@pytest.fixture
def folder(tmp_path):
    source = loading.folder_of("iris")
    for name in (CONFIG, WEIGHTS):
        shutil.copy(source / name, tmp_path / name)
    return tmp_path


def changed(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def test_the_embedded_model_loads_and_passes_its_self_test(model):
    assert model.name == "iris" and len(model.id) == 8 and model.plain.integers.q_bias.dtype == np.float32


def test_what_decodes_the_files_of_iris_is_frozen(model):
    """Its files were promised to decode for ever. Better weights of another id are another model's."""
    assert model.id.hex() == TABLE["iris"].id == "c259a87ec424b3b7"


def test_folders_without_a_version_are_of_version_1(folder, model):
    text = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(text.replace('  "version": 1,\n', ""))
    assert (folder / CONFIG).read_text() != text and loading.load(str(folder), "cpu").id == model.id


def test_a_copy_in_a_folder_is_the_same_model(folder, model):
    assert loading.load(str(folder), "cpu").id == model.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("synthesis.tail.weight"), "missing"),
        (lambda t: t.update(extra=torch.zeros(1)), "extra"),
        (lambda t: t.update({"synthesis.tail.bias": torch.zeros(7)}), "wrong shape"),
        (lambda t: t["analysis.stem.bias"].fill_(float("nan")), "wrong shape or values"),
        (lambda t: t.pop("tables.lows"), "tables.lows"),
        (lambda t: t["tables.frequencies"][-1:].add_(1), "sums to"),
        (lambda t: t["scales.head.bias"].fill_(2**30), "2\\^24"),
        (lambda t: t.pop("scales.up.weight"), "scales.up.weight"),
    ],
)
def test_wrong_tensors_are_refused_by_name(folder, change, words):
    changed(folder, change)
    with pytest.raises(ModelError, match=words):
        read_folder(folder)


def test_integers_that_were_changed_fail_the_self_test(folder):
    changed(folder, lambda t: t["scales.head.bias"].add_(300))
    with pytest.raises(ModelError, match="self-test"):
        loading.load(str(folder), "cpu")


@pytest.mark.parametrize("data", [b"", b"\x80\x04K\x01.", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0{}      "])
def test_other_files_in_place_of_the_weights_are_refused(folder, data):
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError):
        read_folder(folder)


def test_the_id_follows_what_symbols_and_latents_depend_on(folder, model):
    changed(folder, lambda t: t["synthesis.tail.bias"].add_(0.01))
    assert read_folder(folder).id == model.id  # a better synthesis reads the same files
    changed(folder, lambda t: t["context.steps.0.tail.bias"].add_(0.01))
    assert read_folder(folder).id != model.id


def test_an_unknown_model_says_what_to_do():
    with pytest.raises(ModelError, match="embedded one is iris"):
        loading.load("nobody/nothing")


def test_an_unknown_device_is_refused():
    with pytest.raises(UsageError, match="choose auto"):
        loading.chosen("tpu")
