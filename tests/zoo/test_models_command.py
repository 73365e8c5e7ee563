"""`nic models`: what each command does, says and leaves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nic_cli.zoo import directories, find
from nic_cli.zoo.registry import CARD, CONFIG, TABLE, WEIGHTS, Entry, File

from ..cli.conftest import python
from .conftest import kept, refused

WAYS = ("list", "show", "pull", "verify", "push", "path", "rm")


def records(done) -> list[dict]:
    assert done.code == 0, done
    return [json.loads(line) for line in done.out.splitlines()]


def test_the_list_shows_what_is_here_and_what_can_be_had(nic, known, tiny_folder):
    lines = nic("models", "list").out.decode().splitlines()
    assert re.fullmatch(r"name +state +bytes +licence +repository", lines[0])
    assert re.fullmatch(r"iris +embedded +[\d,]+ +apache-2.0 +nic-codec/iris", lines[1])
    assert re.fullmatch(r"tiny +on the hub +[\d,]+ +cc-by-4.0 +someone/tiny", lines[2])
    assert nic("models", "pull", "tiny").code == 0
    assert nic("models", "pull", tiny_folder, "--name", "mine").code == 0
    assert nic("models", "pull", known.address, "--trust").code == 0
    found = {one["name"]: one for one in records(nic("models", "list", "--json"))}
    states = {name: one["state"] for name, one in found.items()}
    assert states == {"iris": "embedded", "tiny": "fetched", known.address: "fetched", "mine": "own"}
    assert found["tiny"]["commit"] == known.commit and found["iris"]["commit"] is None
    assert found["mine"]["licence"] == "cc-by-4.0" and found["mine"]["bytes"] == known.entry.size


def test_pull_says_where_from_what_licence_and_which_hashes(nic, hub, known):
    done = nic("models", "pull", "tiny")
    host = hub.url.removeprefix("http://")
    assert done.lines[0] == f"someone/tiny at {known.commit} from {host}"
    assert done.lines[1] == f"licence cc-by-4.0, {known.entry.size:,} bytes"
    lines = [f"{f.sha256}  {f.size:>13,}  {name}" for name, f in known.entry.files.items()]
    assert sorted(done.out.decode().splitlines()) == sorted(lines)
    assert nic("models", "pull", "tiny").lines[0] == "tiny is here already, and sound"


def test_the_licence_is_shown_before_any_weights_are_asked_for(nic, hub, published, hasty):
    hub.fault, hub.fault_at = "503", WEIGHTS
    done = nic("models", "pull", published.address, "--trust")
    assert done.code == 4
    assert done.lines[1].startswith("licence cc-by-4.0, ")


def test_a_card_without_a_licence_is_told_so(nic, hub, tiny):
    commit = hub.commit("someone/bare", {CONFIG: tiny[CONFIG], WEIGHTS: tiny[WEIGHTS]})
    done = nic("models", "pull", f"hf://someone/bare@{commit}", "--trust")
    assert done.lines[1].startswith("licence not stated, ")


def test_the_bar_of_a_download_is_on_a_terminal_only(nic, hub, known, monkeypatch):
    monkeypatch.setattr("nic_cli.terminal.progress.PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    hub.patience, hub.fault, hub.fault_at = 0.0003, "slow body", CONFIG
    assert "bytes of config.json" in nic("models", "pull", "tiny", err_terminal=True).err
    nic("models", "rm", "tiny")
    assert "bytes of config.json" not in nic("models", "pull", "tiny").err


@pytest.mark.parametrize("revision", ["main", "v1", "", "ABCDEF0123456789ABCDEF0123456789ABCDEF01", "0" * 39])
def test_an_address_without_a_commit_is_refused_with_the_reason(nic, hub, published, revision):
    hub.requests.clear()
    for address in {f"hf://someone/tiny@{revision}", "hf://someone/tiny"}:
        done = nic("models", "pull", address, "--trust", "-Q")
        refused(done, 2, "branch or a tag can be moved", "40 hexadecimal digits")
    assert hub.requests == []


@pytest.mark.parametrize(
    "name", ["a/../b", "../x", "a", "a/b/c", "a//b", "/a/b", "a/b%2e", "a--b/c", "a/b\n", "a/.", "\x1b[31m/b"]
)
def test_an_address_of_another_form_is_refused(nic, hub, name):
    done = nic("models", "pull", f"hf://{name}@{'0' * 40}", "--trust", "-Q")
    refused(done, 2, "cannot be a repository")
    assert hub.requests == []


def test_without_trust_nothing_is_fetched(nic, hub, published, place):
    hub.requests.clear()
    refused(nic("models", "pull", published.address, "-Q"), 2, "--trust")
    for command in ("show", "path", "verify", "rm"):
        refused(nic("models", command, published.address), 4, "--trust")
    assert hub.requests == [] and not kept(place)


def test_show_of_a_model_that_is_here(nic, hub, known):
    before = nic("models", "show", "tiny").out.decode()
    assert "nic models pull tiny gets it" in before and known.entry.files[WEIGHTS].sha256 in before
    nic("models", "pull", "tiny")
    text = nic("models", "show", "tiny").out.decode()
    for words in ("tiny, native: q from 0 to 6.0", "24 latent channels", "cc-by-4.0", known.commit):
        assert words in text
    (said,) = records(nic("models", "show", "tiny", "--json"))
    assert said["config"]["latent"] == 24 and said["folder"].endswith(known.commit)
    assert {f["name"]: f["sha256"] for f in said["files"]}[CONFIG] == known.entry.files[CONFIG].sha256


def test_show_of_another_kind_of_model_gives_its_plain_values(nic, tiny_folder):
    (tiny_folder / CONFIG).write_text('{"name": "other", "kind": "research", "rates": 8, "deep": {"a": 1}}')
    assert "name other, kind research, rates 8" in nic("models", "show", tiny_folder).out.decode()


def test_path_is_the_folder_and_nothing_else(nic, known):
    refused(nic("models", "path", "tiny"), 4, "nic models pull tiny")
    nic("models", "pull", "tiny")
    folder = Path(nic("models", "path", "tiny").out.decode().rstrip("\n"))
    assert (folder / WEIGHTS).is_file() and folder.name == known.commit
    assert nic("models", "path", "iris").out.decode() == f"{directories.embedded('iris')}\n"


def test_verify_names_every_hash_and_the_id(nic, known):
    nic("models", "pull", "tiny")
    lines = nic("models", "verify", "tiny").out.decode().splitlines()
    assert lines[0] == f"tiny: ok  id {known.entry.id}  self-test passed, hashes as pinned"
    (said,) = records(nic("models", "verify", "iris", "--json"))
    assert said["ok"] and len(said["id"]) == 16 and len(said["files"]) == 5


def test_rm_takes_what_was_fetched_and_says_how_much(nic, known, place):
    nic("models", "pull", "tiny")
    done = nic("models", "rm", "tiny")
    assert done.err == f"tiny removed, {known.entry.size:,} bytes free\n"
    assert not {WEIGHTS, CONFIG} & kept(place)
    refused(nic("models", "rm", "tiny"), 4, "not on this machine")


def test_rm_forgets_that_a_model_was_trusted(nic, published, place):
    nic("models", "pull", published.address, "--trust")
    assert nic("models", "rm", published.address).code == 0
    assert not kept(place) - {"CACHEDIR.TAG"}
    refused(nic("models", "path", published.address), 4, "not trusted")


def test_rm_leaves_what_the_client_has_of_other_commits(nic, hub, known, tiny):
    from huggingface_hub import hf_hub_download

    other = hub.commit("someone/tiny", {CARD: tiny[CARD] + b"more"})
    from nic_cli.zoo import hub_client

    place = hf_hub_download(
        "someone/tiny", WEIGHTS, revision=other, cache_dir=hub_client.cache(), endpoint=hub.url
    )
    nic("models", "pull", "tiny")
    assert nic("models", "rm", "tiny").code == 0
    assert Path(place).read_bytes() == tiny[WEIGHTS]


def test_what_the_client_fetched_before_is_found_and_checked(nic, hub, known, tiny):
    from huggingface_hub import snapshot_download

    from nic_cli.zoo import hub_client

    snapshot_download("someone/tiny", revision=known.commit, cache_dir=hub_client.cache(), endpoint=hub.url)
    hub.requests.clear()
    assert nic("models", "verify", "tiny").code == 0
    blob = (find.find("tiny").folder / WEIGHTS).resolve()
    assert "blobs" in blob.parts
    blob.write_bytes(b"spoiled")
    refused(nic("models", "verify", "tiny"), 4, "7 bytes in place of")
    assert nic("models", "pull", "tiny").code == 0 and blob.read_bytes() == tiny[WEIGHTS]


def test_rm_never_takes_the_embedded_model_or_a_folder(nic, tiny_folder):
    refused(nic("models", "rm", "iris"), 2, "comes with nic")
    refused(nic("models", "rm", tiny_folder), 2, "folder of yours")
    assert (directories.embedded("iris") / WEIGHTS).is_file() and (tiny_folder / WEIGHTS).is_file()


def test_a_folder_becomes_a_model_of_ones_own(nic, tiny_folder, place):
    assert nic("models", "pull", tiny_folder).code == 0
    assert nic("models", "path", "tiny").out.decode() == f"{place}/data/models/tiny\n"
    refused(nic("models", "pull", tiny_folder), 5, "-f", "--name")
    assert nic("models", "pull", tiny_folder, "-f").code == 0
    assert nic("models", "verify", "tiny").out.decode().splitlines()[0].endswith("hashes not pinned")
    assert nic("models", "rm", "tiny").code == 0
    assert not kept(place)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "..", ".hidden", "Upper", "a..b", "x" * 65, "con\n", "iris", ""]
)
def test_names_that_no_model_of_ones_own_may_have(nic, tiny_folder, place, name):
    refused(nic("models", "pull", tiny_folder, "--name", name, "-Q"), 2, "name")
    assert not kept(place)


def test_a_name_in_config_json_does_not_lead_out_of_the_folder(nic, tiny_folder, place):
    text = (tiny_folder / CONFIG).read_text().replace('"tiny"', '"../../tiny"')
    (tiny_folder / CONFIG).write_text(text)
    refused(nic("models", "pull", tiny_folder, "-Q"), 4, "config.json: name is '../../tiny'")
    assert not kept(place)


def test_an_unknown_name_says_what_there_is(nic):
    for command in ("show", "path", "verify", "rm", "pull"):
        refused(nic("models", command, "nobody"), 4, "nobody", "nic models list")
    refused(nic("models", "pull", "iris", "--name", "x"), 2, "--name")


def test_a_model_that_is_not_published_yet_says_so(nic, hub, monkeypatch):
    monkeypatch.setitem(TABLE, "later", Entry("later", "nic-codec/later", None, "apache-2.0"))
    refused(nic("models", "pull", "later", "-Q"), 4, "not on the hub yet")
    assert "nothing published yet" in nic("models", "show", "later").out.decode()
    assert nic("models", "pull", "iris", "--offline").code == 0
    assert hub.requests == []


@pytest.mark.parametrize("way", ["list", "path", "--help"])
def test_looking_costs_no_torch(way, place):
    arguments = [way, "iris"] if way == "path" else [way]
    code = (
        "import sys\nfrom nic_cli.__main__ import main\ncode = main(['models', *sys.argv[1:]])\n"
        "print(code, *sorted({n.partition('.')[0] for n in sys.modules}), file=sys.stderr)"
    )
    said = python(code, *arguments).stderr.decode().split()
    assert said[0] == "0"
    assert not {"torch", "numpy", "safetensors", "huggingface_hub"} & set(said)


def test_every_way_has_a_section_in_the_manual():
    from nic_cli.cli import man_pages

    page = man_pages.pages()["man1/nic-models.1"]
    assert all(rf"\fBnic models {way}\fR" in page for way in WAYS)


def test_the_entry_of_a_file_is_plain_data():
    assert Entry("a", "b/c", None, "mit", {"x": File(1, "0" * 64)}).size == 1
