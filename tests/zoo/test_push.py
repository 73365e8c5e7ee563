"""`nic models push`: one commit, checked before it goes, and what would pin it."""

from __future__ import annotations

import json
import time

import pytest

from nic_cli.zoo import hub_client
from nic_cli.zoo.registry import CARD, CONFIG, TABLE, WEIGHTS, Entry, File

from .conftest import refused

# The client itself uses a form of its HTTP library that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def token(hub, monkeypatch):
    hub.token = "hf_writer"
    monkeypatch.setenv("HF_TOKEN", hub.token)


def test_a_pushed_model_can_be_pinned_by_what_was_printed(nic, hub, token, tiny, tiny_folder, monkeypatch):
    (tiny_folder / "notes.txt").write_text("not for the hub")
    done = nic("models", "push", tiny_folder, "someone/new")
    assert done.code == 0, done
    assert done.lines == [f"{sum(map(len, tiny.values())):,} bytes to someone/new on {hub.url[7:]}"]
    repository = hub.repositories["someone/new"]
    assert len(repository.commits) == 2  # the one that makes it, and ours
    commit, files = repository.commits[-1]
    assert {name: files[name] for name in tiny} == tiny and "notes.txt" not in files
    address, _, source = done.out.decode().partition("\n")
    assert address == f"hf://someone/new@{commit}"
    table = eval("{" + source + "}", {"Entry": Entry, "File": File})
    monkeypatch.setitem(TABLE, "tiny", table["tiny"])
    assert nic("models", "pull", "tiny").code == 0
    assert nic("models", "verify", "tiny").code == 0


def test_pushing_the_same_again_gives_the_same_commit(nic, hub, token, tiny_folder):
    first, second = (json.loads(nic("models", "push", tiny_folder, "a/b", "--json").out) for _ in range(2))
    assert first == second
    assert first["licence"] == "cc-by-4.0" and len(first["commit"]) == 40
    assert {f["name"] for f in first["files"]} == {CARD, CONFIG, WEIGHTS, "results.tsv"}


def test_a_private_repository(nic, hub, token, tiny_folder):
    assert nic("models", "push", tiny_folder, "someone/secret", "--private").code == 0
    assert hub.repositories["someone/secret"].private


@pytest.mark.parametrize(
    "card", [b"# tiny\n", b"---\ntags: [x]\n---\n", b"---\nlicense: mit\n", None, b"\xff"]
)
def test_a_model_without_a_licence_is_not_published(nic, hub, token, tiny_folder, card):
    (tiny_folder / CARD).unlink() if card is None else (tiny_folder / CARD).write_bytes(card)
    refused(nic("models", "push", tiny_folder, "a/b", "-Q"), 4, "names no licence", "license: ...")
    assert hub.requests == []


def test_a_spoiled_model_is_not_published(nic, hub, token, tiny_folder):
    (tiny_folder / WEIGHTS).write_bytes((tiny_folder / WEIGHTS).read_bytes()[:-1])
    refused(nic("models", "push", tiny_folder, "a/b", "-Q"), 4, WEIGHTS)
    assert hub.requests == []


@pytest.mark.parametrize("repository", ["name", "a/b/c", "a/..", "../b", "a b/c"])
def test_wrong_repositories(nic, hub, token, tiny_folder, repository):
    refused(nic("models", "push", tiny_folder, repository, "-Q"), 2, "org/name")


@pytest.mark.parametrize(
    ("fault", "at", "words"),
    [
        ("401", "/create", "HF_TOKEN"),
        ("403", "/create", "gives no access"),
        ("429", "/create", "3600 seconds"),
        ("500", "/preupload", "out of order"),
        ("503", "/objects/batch", "out of order"),
        ("503", "/objects/", "out of order"),
        ("403", "/commit/", "gives no access"),
        ("429", "/commit/", "3600 seconds"),
        ("silent", "/commit/", "stopped answering"),
        ("no body", "/commit/", "broke off"),
        ("login page", "/create", "does not answer as a model hub"),
    ],
)
def test_faults_end_soon_in_one_line(nic, hub, token, tiny_folder, hasty, fault, at, words):
    hub.fault, hub.fault_at = fault, at
    started = time.monotonic()
    refused(nic("models", "push", tiny_folder, "a/b", "-Q"), 4, words)
    assert time.monotonic() - started < 5
    hub.fault = None
    assert nic("models", "push", tiny_folder, "a/b", "-Q").code == 0


def test_without_a_token(nic, hub, tiny_folder):
    hub.token = "hf_writer"
    refused(nic("models", "push", tiny_folder, "a/b", "-Q"), 4, "HF_TOKEN")


def test_the_control_of_impatience(nic, hub, token, tiny_folder, monkeypatch):
    """Left to itself, the client would go on asking."""
    from contextlib import nullcontext

    slept = []
    monkeypatch.setattr(hub_client, "_impatient", lambda what: nullcontext())
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", slept.append)
    hub.fault, hub.fault_at = "503", "/preupload"
    assert nic("models", "push", tiny_folder, "a/b", "-Q").code == 4
    assert sum(slept) > 20


def test_the_session_of_the_client_is_left_as_it_was(nic, hub, token, tiny_folder):
    from huggingface_hub.utils import get_session

    before = get_session().timeout, {k: list(v) for k, v in get_session().event_hooks.items()}
    nic("models", "push", tiny_folder, "a/b")
    assert before == (get_session().timeout, {k: list(v) for k, v in get_session().event_hooks.items()})
