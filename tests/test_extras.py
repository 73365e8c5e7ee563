"""The command that adds an optional part is the one that works where nic is installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata

import pytest

from nic_cli import extras

FOLDER = {"dir_info": {}, "url": ""}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make this Python look as if nic had been installed there in some way."""

    def make(installer="pip", url=None, receipt=None, pip=True):
        record = tmp_path / "site" / f"{extras.NAME.replace('-', '_')}-1.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {extras.NAME}\nVersion: 1\n")
        (record / "INSTALLER").write_text(f"{installer}\n")
        if url is not None:
            (record / "direct_url.json").write_text(json.dumps(url))
        (tmp_path / "bin").mkdir()
        for name in ("python", *(["pip"] if pip else [])):
            (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
            (tmp_path / "bin" / name).chmod(0o755)
        if receipt is not None:
            (tmp_path / receipt).write_text("{}")
        found = metadata.PathDistribution(record)
        monkeypatch.setattr(metadata, "distribution", lambda name: found if name == extras.NAME else None)
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    return make


@pytest.mark.parametrize(
    ("how", "command"),
    [
        ({}, "pip install 'nic-codec[formats]'"),
        ({"installer": "uv"}, "uv pip install 'nic-codec[formats]'"),
        ({"receipt": "pipx_metadata.json"}, "pipx install --force 'nic-codec[formats]'"),
        ({"receipt": "uv-receipt.toml", "installer": "uv"}, "uv tool install 'nic-codec[formats]'"),
        (
            {"url": {"url": "https://x.example/nic.whl", "archive_info": {}}},
            "pip install 'nic-codec[formats] @ https://x.example/nic.whl'",
        ),
        (
            {"url": {"url": "https://x.example/nic", "vcs_info": {"vcs": "git", "commit_id": "1"}}},
            "pip install 'nic-codec[formats] @ git+https://x.example/nic'",
        ),
        ({"url": {"url": "file:///gone/nic", "dir_info": {}}}, "pip install 'nic-codec[formats]'"),
    ],
)
def test_the_command_is_that_of_whatever_installed_nic(installed, how, command):
    installed(**how)
    assert extras.adding("formats") == command


@pytest.mark.parametrize("editable", [True, False])
def test_an_installation_from_a_clone_takes_the_clone_again(installed, tmp_path, editable):
    clone = tmp_path / "a clone"
    clone.mkdir()
    url = {"url": clone.as_uri(), "dir_info": {"editable": True} if editable else {}}
    installed(url=url)
    assert extras.adding("bench") == f"pip install {'-e ' if editable else ''}'{clone}[bench]'"


def test_where_the_pip_on_the_path_is_another_the_python_is_named(installed, tmp_path):
    installed(pip=False)
    assert extras.adding("ray") == f"{tmp_path / 'bin' / 'python'} -m pip install 'nic-codec[ray]'"


def test_a_clone_that_is_run_as_it_stands_is_what_is_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert extras.adding("formats").endswith(
        f"install -e '{extras.Path(extras.__file__).parents[1]}[formats]'"
    )
