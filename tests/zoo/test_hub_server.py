"""The hub of the tests is one to the real client: what is read, what is written, what is refused."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

FILES = {"config.json": b"{}", "model.safetensors": os.urandom(5000), "sub/notes.txt": b"notes"}


@pytest.fixture
def api(hub):
    hub.commit("org/name", FILES)
    return HfApi(endpoint=hub.url)


@pytest.mark.parametrize("path", FILES)
def test_files_of_a_branch_and_of_a_commit_are_downloaded(api, hub, tmp_path, path):
    commit = hub.repositories["org/name"].commits[-1][0]
    for number, revision in enumerate(("main", commit)):
        place = hf_hub_download(
            "org/name", path, revision=revision, cache_dir=tmp_path / str(number), endpoint=hub.url
        )
        assert Path(place).read_bytes() == FILES[path]


def test_a_snapshot_holds_all_files(api, hub, tmp_path):
    folder = snapshot_download("org/name", cache_dir=tmp_path, endpoint=hub.url)
    assert all((Path(folder) / path).read_bytes() == data for path, data in FILES.items())


def test_what_the_api_tells(api):
    info = api.model_info("org/name", files_metadata=True)
    assert {s.rfilename for s in info.siblings} == set(FILES)
    listed = {entry.path: entry for entry in api.list_repo_tree("org/name", recursive=True)}
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert [e.path for e in api.get_paths_info("org/name", ["config.json"])] == ["config.json"]
    assert api.list_repo_refs("org/name").branches[0].target_commit == info.sha
    assert api.whoami(token="any")["name"] == "tester"


@pytest.mark.parametrize(
    ("name", "path", "revision", "error"),
    [
        ("org/none", "config.json", "main", RepositoryNotFoundError),
        ("org/name", "config.json", "0" * 40, RevisionNotFoundError),
        ("org/name", "none.json", "main", EntryNotFoundError),
    ],
)
def test_three_kinds_of_404(api, hub, tmp_path, name, path, revision, error):
    with pytest.raises(error):
        hf_hub_download(name, path, revision=revision, cache_dir=tmp_path, endpoint=hub.url)


@pytest.mark.parametrize(("fault", "error"), [("gated", GatedRepoError), ("403", HfHubHTTPError)])
def test_refusals_are_those_of_the_client(api, hub, fault, error):
    hub.fault = fault
    with pytest.raises(error):
        api.model_info("org/name")


# The client itself uses a form of its HTTP library that is to go.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_files_are_uploaded_and_come_back(hub):
    hub.token = "secret"
    api = HfApi(endpoint=hub.url, token="secret")
    api.create_repo("org/new")
    api.create_repo("org/new", exist_ok=True)
    files = {"README.md": b"---\nlicense: mit\n---\n", "model.safetensors": FILES["model.safetensors"]}
    parts = [CommitOperationAdd(name, io.BytesIO(data)) for name, data in files.items()]
    done = api.create_commit("org/new", parts, commit_message="all of it")
    stored = hub.repositories["org/new"].at(done.oid)[1]
    assert {name: stored[name] for name in files} == files
    with pytest.raises(HfHubHTTPError):
        HfApi(endpoint=hub.url, token="wrong").create_repo("org/other")


def test_a_range_is_served_in_part(api, hub):
    from huggingface_hub.utils import get_session

    url = f"{hub.url}/org/name/resolve/main/sub/notes.txt"
    answer = get_session().get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"ot")
