"""Whatever the hub does: one line, code 4, soon, and never a wrong weight."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from nic_cli.errors import ModelError
from nic_cli.zoo import hub_client, pull
from nic_cli.zoo.find import find
from nic_cli.zoo.registry import TABLE, WEIGHTS

from ..cli.conftest import ROOT
from .conftest import kept, refused

SPOILING = {  # fault: where it strikes, words of the line; pinned by the table, so all of it must be noticed
    "401": ("/resolve/", "HF_TOKEN"),
    "403": ("/resolve/", "gives no access"),
    "gated": ("/resolve/", "accepted its terms"),
    "no repository": ("/resolve/", "no such repository"),
    "no repository, told as 401": ("/resolve/", "no such repository"),
    "no revision": ("/resolve/", "no such commit"),
    "no file": ("/resolve/", "no such file"),
    "bare 404": ("/resolve/", "no such file"),
    "429": ("/resolve/", "try again in 3600 seconds"),
    "500": ("/resolve/", "out of order (HTTP 500)"),
    "503": ("/resolve/", "out of order (HTTP 503)"),
    "teapot": ("/resolve/", "HTTP 418"),
    "redirect loop": ("/resolve/", "address to address"),
    "login page": ("/resolve/", "in place of"),
    "silent": ("/objects/", "stopped answering"),
    "stalled body": ("/objects/", "stopped answering"),
    "slow body": ("/objects/", "bytes a second"),
    "cut body": ("/objects/", "broke off"),
    "no body": ("/objects/", "broke off"),
    "endless body": ("/objects/", "more than"),
    "flipped bit": ("/objects/", "SHA-256"),
    "short body": ("/objects/", "in place of"),
    "long body": ("/objects/", "more than"),
    "lying etag": ("/", "SHA-256"),
}
LISTED = {  # of a model that is only now to be trusted: what is listed must fit what comes
    "401": ("/tree/", "HF_TOKEN"),
    "no repository": ("/tree/", "no such repository"),
    "no revision": ("/tree/", "no such commit"),
    "503": ("/tree/", "out of order"),
    "login page": ("/tree/", "does not answer as a model hub"),
    "other json": ("/tree/", "does not answer as a model hub"),
    "endless body": ("/tree/", "more than"),
    "huge size": ("/", "no model has such a file"),
    "wrong size": ("/", "in place of"),
    "flipped bit": ("/objects/", "other bytes came"),
}


@pytest.mark.parametrize("fault", SPOILING)
def test_a_pinned_model(nic, hub, known, hasty, place, fault):
    hub.fault, hub.fault_at = fault, SPOILING[fault][0]
    started = time.monotonic()
    refused(nic("models", "pull", "tiny", "-Q"), 4, SPOILING[fault][1])
    assert time.monotonic() - started < 5
    assert WEIGHTS not in kept(place)
    with pytest.raises(ModelError, match="nic models pull tiny"):
        find("tiny")
    hub.fault = None  # the control: it was the fault that was refused
    assert nic("models", "pull", "tiny", "-Q").code == 0


@pytest.mark.parametrize("fault", LISTED)
def test_a_model_that_is_not_in_the_table(nic, hub, published, hasty, place, fault):
    hub.fault, hub.fault_at = fault, LISTED[fault][0]
    refused(nic("models", "pull", published.address, "--trust", "-Q"), 4, LISTED[fault][1])
    assert not kept(place)
    hub.fault = None
    assert nic("models", "pull", published.address, "--trust", "-Q").code == 0


@pytest.mark.parametrize("fault", ["wrong size", "huge size"])
def test_what_the_headers_say_of_a_pinned_model_does_not_matter(nic, hub, known, hasty, fault):
    hub.fault = fault
    assert nic("models", "pull", "tiny").code == 0


def test_refused_connections(nic, known, hasty, place, monkeypatch):
    with socket.socket() as taken:  # bound, and never listening
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        refused(nic("models", "pull", "tiny", "-Q"), 4, "cannot be reached", "HF_ENDPOINT")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://no-such-host.invalid", "cannot be reached"),
        ("ftp://x", "HF_ENDPOINT"),
        ("hub", "HF_ENDPOINT"),
    ],
)
def test_names_that_lead_nowhere(nic, known, hasty, monkeypatch, address, words):
    monkeypatch.setenv("HF_ENDPOINT", address)
    refused(nic("models", "pull", "tiny", "-Q"), 4, words)


def test_what_passes_by_itself_is_tried_again(nic, hub, known, hasty, monkeypatch):
    for fault, at in (("503", "/resolve/"), ("cut body", "/objects/")):
        hub.fault, hub.fault_at, hub.fault_times = fault, at, 1
        assert nic("models", "pull", "tiny").code == 0
        assert nic("models", "rm", "tiny").code == 0
    monkeypatch.setattr(hub_client, "TRIES", 1)
    hub.fault_times = 1
    assert nic("models", "pull", "tiny").code == 4


def test_patience(nic, hub, known, monkeypatch):
    """With the waiting as it is: seconds for what is refused, and all that is waited for in bounds."""
    hub.fault = "503"
    started = time.monotonic()
    refused(nic("models", "pull", "tiny", "-Q"), 4, "out of order")
    assert time.monotonic() - started < 3
    assert hub_client.TRIES * hub_client.SILENCE + hub_client.PAUSE < 30 and hub_client.GRACE < 30


# -- the cache ------------------------------------------------------------------------------------

SPOILED = {
    "short": lambda data: data[:1000],
    "empty": lambda data: b"",
    "flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "long": lambda data: data + b"x",
}


@pytest.mark.parametrize("name", ["short", "empty", "flipped", "long"])
def test_a_spoiled_cache_is_noticed_and_mended(nic, hub, known, name):
    assert nic("models", "pull", "tiny").code == 0
    path = find("tiny").folder / WEIGHTS
    path.write_bytes(SPOILED[name](path.read_bytes()))
    for command in (("models", "verify", "tiny"), ("models", "show", "tiny")):
        refused(nic(*command), 4, "model.safetensors", "nic models pull")
    assert nic("models", "pull", "tiny").code == 0
    assert nic("models", "verify", "tiny").code == 0


def test_a_sound_model_of_someone_else_in_the_cache_is_noticed(nic, hub, known, tmp_path):
    from .conftest import tiny_files

    assert nic("models", "pull", "tiny").code == 0
    other = tiny_files(tmp_path / "other", seed=2)
    (find("tiny").folder / WEIGHTS).write_bytes(other[WEIGHTS])
    refused(nic("models", "verify", "tiny"), 4, "SHA-256")


def test_a_trusted_model_is_pinned_from_then_on(nic, hub, published, place):
    assert nic("models", "pull", published.address, "--trust").code == 0
    path = find(published.address).folder / WEIGHTS
    path.write_bytes(SPOILED["flipped"](path.read_bytes()))
    refused(nic("models", "verify", published.address), 4, "SHA-256")
    hub.fault, hub.fault_at = "lying etag", "/"  # now the hub itself has turned
    refused(nic("models", "pull", published.address, "--trust", "-Q"), 4, "SHA-256")
    hub.fault = None
    assert nic("models", "pull", published.address).code == 0


def test_two_processes_at_once(hub, published, place):
    code = (
        "import sys; from pathlib import Path; from nic_cli.zoo import directories; "
        "directories.user_data = lambda: Path(sys.argv[1]) / 'data'; from nic_cli.__main__ import main; "
        "sys.exit(main(['models', 'pull', sys.argv[2], '--trust']))"
    )
    hub.fault, hub.fault_at, hub.patience = "slow body", "config.json", 0.0005
    command = [sys.executable, "-c", code, str(place), published.address]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen(command, env=environment, stdout=-3, stderr=-3) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert kept(place) >= {"README.md", "config.json", "model.safetensors", "results.tsv"}
    pull.read_files(find(published.address).folder)
    assert not [name for name in kept(place) if name.endswith(".tmp")]


def test_a_killed_process_leaves_no_model(nic, hub, known, place):
    hub.fault, hub.fault_at = "stalled body", "/objects/"
    code = "import sys; from nic_cli.zoo import hub_client; hub_client.read(*sys.argv[1:4], int(sys.argv[4]))"
    command = [
        sys.executable,
        "-c",
        code,
        "someone/tiny",
        known.commit,
        WEIGHTS,
        known.entry.files[WEIGHTS].size,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([str(part) for part in command], env=environment) as one:
        while not any("/objects/" in path for _, path in hub.requests[-2:]):
            time.sleep(0.02)
        one.kill()
    assert not kept(place)
    hub.fault = None
    assert nic("models", "pull", "tiny").code == 0


# -- offline --------------------------------------------------------------------------------------


def test_offline_asks_nobody(nic, hub, known, monkeypatch):
    hub.requests.clear()
    started = time.monotonic()
    refused(nic("models", "pull", "tiny", "--offline", "-Q"), 4, "offline")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    refused(nic("models", "pull", known.address, "--trust", "-Q"), 4, "offline")
    refused(nic("models", "push", "iris", "a/b", "-Q"), 4, "offline")
    assert (hub.requests, time.monotonic() - started < 3) == ([], True)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE")
    assert nic("models", "pull", "tiny").code == 0  # the control
    assert hub.requests


def test_what_is_here_needs_nobody(nic, hub, known):
    assert nic("models", "pull", "tiny").code == 0
    hub.requests.clear()
    for command in ("pull", "verify", "show", "path"):
        assert nic("models", command, "tiny", "--offline").code == 0
    assert hub.requests == []


# -- what is asked --------------------------------------------------------------------------------


def test_only_the_files_of_a_model_are_fetched(nic, hub, published):
    hub.requests.clear()
    assert nic("models", "pull", published.address, "--trust").code == 0
    asked = [path.rsplit("/", 1)[1] for method, path in hub.requests if "/resolve/" in path]
    assert asked == ["README.md", "config.json", WEIGHTS, "results.tsv"]
    assert {method for method, _ in hub.requests} == {"GET"}


def test_the_token_goes_to_the_hub_only(nic, hub, known, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert nic("models", "pull", "tiny").code == 0
    assert set(hub.tokens) == {"Bearer hf_secret"}
    assert len(hub.tokens) == 4  # and none for the weights, which lie on another host
    assert ("GET", f"/objects/{known.entry.files[WEIGHTS].sha256}") in hub.requests


# -- controls: without its guard, each test above would fail --------------------------------------


@pytest.fixture
def unchecked(monkeypatch):
    for module in ("pull", "model_files"):
        monkeypatch.setattr(f"nic_cli.zoo.{module}.check", lambda *_: None)
    monkeypatch.setattr("nic_cli.zoo.model_files.compare", lambda *_: None)


def test_the_control_of_the_hash(nic, hub, known, unchecked):
    hub.fault, hub.fault_at = "flipped bit", "results.tsv"
    assert nic("models", "pull", "tiny").code == 0


def test_the_control_of_the_list(nic, hub, published, monkeypatch):
    monkeypatch.setattr(pull, "_compare", lambda *_: None)
    hub.fault, hub.fault_at = "flipped bit", "results.tsv"
    assert nic("models", "pull", published.address, "--trust").code == 0


def test_the_control_of_the_sizes(nic, hub, known, hasty, unchecked, monkeypatch):
    body = hub_client._body
    monkeypatch.setattr(
        hub_client, "_body", lambda response, what, most, told: body(response, what, 2**30, told)
    )
    monkeypatch.setattr(
        hub_client, "read", lambda r, c, n, size, told: hub_client._get(_url(hub, c, n), n, size, told)
    )
    hub.fault, hub.fault_at = "long body", "results.tsv"
    assert nic("models", "pull", "tiny").code == 0


def _url(hub, commit: str, name: str) -> str:
    return f"{hub.url}/someone/tiny/resolve/{commit}/{name}"


def test_the_control_of_the_cache(nic, hub, known, monkeypatch):
    assert nic("models", "pull", "tiny").code == 0
    path = find("tiny").folder / "results.tsv"
    path.write_bytes(b"other")
    monkeypatch.setattr("nic_cli.zoo.model_files.pins_of", lambda folder: {})
    assert nic("models", "verify", "tiny").code == 0


def test_the_control_of_the_floor_of_speed(nic, hub, known, hasty, monkeypatch):
    monkeypatch.setattr(hub_client, "SLOWEST", 1)
    hub.patience = 0.01
    hub.fault, hub.fault_at = "slow body", "results.tsv"
    assert nic("models", "pull", "tiny").code == 0


def test_a_table_that_pins_no_bytes_fetches_none(nic, hub, known, monkeypatch):
    monkeypatch.setitem(TABLE, "tiny", replace(known.entry, files={}))
    hub.requests.clear()
    refused(nic("models", "pull", "tiny", "-Q"), 4, "not on the hub yet")
    assert hub.requests == []
