"""A setting comes from its flag, else its variable, else config.toml, else the default."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from nic_cli.errors import UsageError
from nic_cli.jobs import settings
from nic_cli.jobs.settings import CHECKS, FLAGS, Settings, load


@pytest.fixture
def config():
    path = settings.config_file()
    path.parent.mkdir(parents=True)
    return path


def test_defaults_are_those_of_the_contract():
    assert load() == Settings(None, "auto", None, None, 0.75, 1, None, 1024, "auto", False)


def test_each_source_wins_over_the_next(config, monkeypatch):
    config.write_text('device = "cuda"\nmodel = "filed"\nquality = 3\ntile = 128\n')
    assert load() == Settings(model="filed", device="cuda", quality=3.0, tile=128)
    monkeypatch.setenv("NIC_DEVICE", "mps")
    monkeypatch.setenv("NIC_MODEL", "named")
    assert load() == Settings(model="named", device="mps", quality=3.0, tile=128)
    assert load(device="cpu", quality=1.0, model=None).device == "cpu"
    assert load(device="cpu", quality=1.0, model=None).quality == 1.0


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("NIC_DEVICE", "")
    assert load().device == "auto"


def test_every_field_can_be_checked_and_named():
    names = [field.name for field in fields(Settings)]
    assert list(CHECKS) == names
    assert set(FLAGS) | {"cache"} == set(names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 'always'", "unknown key 'colour'"),
        ("quality = 'best'", "config.toml: quality: 'best' cannot be used: give a number from 0 up"),
        ("quality = nan", "give a number from 0 up"),
        ("quality = true", "give a number"),
        ("realism = 1.5", "give a number from 0 to 1"),
        ("device = 'gpu'", "give auto, cpu, cuda or mps"),
        ("device = ['cpu']", "give auto"),
        ("threads = 0", "give a whole number from 1 to 1024"),
        ("tile = 100", "give a multiple of 64"),
        ("offline = 1", "give true or false"),
        ("model = ''", "give a name"),
        ("model = ", "not TOML"),
        ("[quality]\na = 1", "give a number"),
    ],
)
def test_what_config_toml_may_not_say(config, text, said):
    config.write_text(text)
    with pytest.raises(UsageError) as refused:
        load()
    assert said in str(refused.value)
    assert str(config) in str(refused.value)


def test_config_toml_that_cannot_be_read(config):
    config.write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match=r"config\.toml: cannot be read"):
        load()


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("NIC_DEVICE", "abacus")
    with pytest.raises(
        UsageError, match=r"^NIC_DEVICE: 'abacus' cannot be used: give auto, cpu, cuda or mps$"
    ):
        load()


def test_a_wrong_config_is_one_line_and_code_2(nic, config, packed):
    config.write_text("colour = 1")
    done = nic("info", packed)
    assert (done.code, done.out, len(done.lines)) == (2, b"", 1)


def test_applying_tells_the_libraries():
    Settings(threads=1, offline=True, cache="/some/where", color="never").apply()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["NIC_CACHE"] == "/some/where"
    assert os.environ["NO_COLOR"] == "1"
    Settings(color="always").apply()
    assert "NO_COLOR" not in os.environ
    assert os.environ["FORCE_COLOR"] == "1"


def test_the_file_lies_in_the_users_config_folder():
    import platformdirs

    assert Path(platformdirs.user_config_path("nic", appauthor=False)).name == "nic"
