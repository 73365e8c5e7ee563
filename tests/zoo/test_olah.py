"""A second opinion on reading: a hub server written by others, over an ordinary git repository."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nic_cli.zoo.model_files import hashes
from nic_cli.zoo.registry import TABLE, Entry, File

from .conftest import refused

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("olah") is None, reason="olah is not installed"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.timeout(120),
]
GIT = [
    "git",
    "-c",
    "user.name=tester",
    "-c",
    "user.email=tester@example.org",
    "-c",
    "init.defaultBranch=main",
]


@pytest.fixture(scope="module")
def mirror(tiny, tmp_path_factory):
    """The address of a running olah that knows nothing but one git repository, and its commit."""
    root = tmp_path_factory.mktemp("olah")
    folder = root / "mirrors/models/someone/tiny"
    folder.mkdir(parents=True)
    for name, data in tiny.items():
        (folder / name).write_bytes(data)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)
    commit = subprocess.check_output([*GIT, "rev-parse", "HEAD"], cwd=folder, text=True).strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (root / "olah.toml").write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{root}/repos"\n'
        f'mirrors-path = ["{root}/mirrors"]\n[accessibility]\noffline = true\n'
    )
    command = [sys.executable, "-c", "from olah.server import cli; cli()", "-c", "olah.toml"]
    command += ["--log-path", str(root / "logs")]
    with (root / "said.txt").open("wb") as said:
        server = subprocess.Popen(
            command, cwd=root, env={**os.environ, "HOME": str(root)}, stdout=said, stderr=said
        )
    try:
        _wait(port, server, root / "said.txt")
        yield f"http://127.0.0.1:{port}", commit
    finally:
        server.terminate()
        server.wait(20)


def _wait(port: int, server: subprocess.Popen, said: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and server.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(said.read_text())


@pytest.fixture
def pinned(mirror, tiny, place, monkeypatch) -> Entry:
    """The entry of the table for what olah serves."""
    monkeypatch.setenv("HF_ENDPOINT", mirror[0])
    entry = Entry("tiny", "someone/tiny", mirror[1], "cc-by-4.0", hashes(tiny))
    monkeypatch.setitem(TABLE, "tiny", entry)
    return entry


def test_a_pinned_model_comes_from_there(nic, pinned):
    assert nic("models", "pull", "tiny").code == 0
    assert nic("models", "verify", "tiny", "--offline").code == 0


def test_a_trusted_model_comes_from_there(nic, pinned):
    address = f"hf://someone/tiny@{pinned.commit}"
    done = nic("models", "pull", address, "--trust")
    assert done.code == 0, done
    assert done.lines[1].startswith("licence cc-by-4.0, ")
    assert all(file.sha256 in done.out.decode() for file in pinned.files.values())


def test_the_control_other_bytes_than_pinned_are_refused(nic, pinned, monkeypatch):
    wrong = {**pinned.files, "config.json": File(pinned.files["config.json"].size, "0" * 64)}
    monkeypatch.setitem(TABLE, "tiny", replace(pinned, files=wrong))
    refused(nic("models", "pull", "tiny", "-Q"), 4, "config.json", "SHA-256")


@pytest.mark.parametrize("address", ["hf://someone/none@" + "0" * 40, "hf://someone/tiny@" + "0" * 40])
def test_what_it_does_not_have_is_refused_in_one_line(nic, pinned, hasty, address):
    refused(nic("models", "pull", address, "--trust", "-Q"), 4, "someone/")
