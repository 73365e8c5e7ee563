"""`nic web`: the site is whole, small apart from its weights, and speaks to nobody else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from nic_cli import web
from tests.cli.conftest import clean_place, load_once, nic
from tests.golden import ROOT, model_of

__all__ = ["clean_place", "load_once", "nic"]


@pytest.fixture
def site(nic, clean_place) -> Path:
    done = nic("web", "site", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["output"] == "site" and said["models"] == ["iris"]
    assert said["bytes"] == sum(path.stat().st_size for path in Path("site").rglob("*") if path.is_file())
    return Path("site")


def test_its_models_are_those_of_the_list(site):
    (listed,) = json.loads((site / "models.json").read_text())
    assert (listed["name"], listed["id"]) == ("iris", "c259a87ec424b3b7")
    for name, said in listed["files"].items():
        data = (site / "models" / "iris" / name).read_bytes()
        assert said == {"bytes": len(data), "sha256": sha256(data).hexdigest()}


def test_it_is_small_but_for_its_weights_and_all_its_parts_are_there(site):
    parts = [path for path in site.rglob("*") if path.is_file() and "models" not in path.parts]
    asked = [path for path in parts if path.name != "LICENSE"]
    assert sum(path.stat().st_size for path in asked) < 200_000  # test_decoder has the decoder's share
    for path in parts:
        if path.suffix not in (".js", ".html", ".css"):
            continue
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)  # without comments
        named = re.findall(r"(?:from|import|src=|href=|@import|new URL\()\s*[\"']([^\"'#?]+)[\"']", text)
        for name in named:
            if re.fullmatch(r"[./\w-]+\.(js|css|svg|wasm|json)", name) and name != "models.json":
                assert (path.parent / name).is_file(), f"{path}: {name}"


def test_it_says_under_which_licence_it_may_be_passed_on(site):
    assert (site / "decoder/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_nothing_in_it_names_another_server(site):
    for path in site.rglob("*"):
        if path.suffix in (".js", ".html", ".css", ".json") and "models" not in path.parts:
            found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text())
            assert not [name for name in found if "w3.org" not in name], path
    page = (site / "index.html").read_text()
    assert "default-src 'none'" in page and "connect-src 'self'" in page and "form-action 'none'" in page


def test_a_folder_of_other_things_is_left_alone(nic, clean_place):
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("mine")
    done = nic("web", "mine")
    assert done.code == 5 and done.err.count("\n") == 1
    assert [path.name for path in Path("mine").iterdir()] == ["letter.txt"]
    assert nic("web", "mine", "-f").code == 0
    assert Path("mine/letter.txt").read_text() == "mine" and Path("mine/index.html").exists()
    assert nic("web", "mine").code == 0, "a site is written anew"


def test_folders_of_other_things_keep_what_lies_in_them(nic, clean_place):
    """In those too that have the names of a site's own; the folder itself stays, with its mode."""
    within = ("LICENSE", "models/trained/model.safetensors", "models/iris/notes", "decoder/mine.py")
    own = [Path("mine") / name for name in within]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    Path("mine").chmod(0o770)
    before = Path("mine").stat()
    for _ in range(2):
        assert nic("web", "mine", "-f").code == 0
        assert [path.read_text() for path in own] == [str(path) for path in own]
    after = Path("mine").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not [path for path in Path("mine").iterdir() if path.name.startswith(".")]


def test_models_that_a_site_has_no_more_are_gone(nic, clean_place):
    assert nic("web", "site", "-m", "iris", "-m", str(model_of("tiny")), "-m", "iris").code == 0
    assert len(json.loads(Path("site/models.json").read_text())) == 2
    assert nic("web", "site", "-m", str(model_of("tiny"))).code == 0
    assert [path.name for path in Path("site/models").iterdir()] == ["tiny"]


def test_a_site_that_cannot_be_written_is_what_it_was(nic, clean_place, monkeypatch):
    """Or not there, when there was none."""
    assert nic("web", "site").code == 0
    before = {path: path.read_bytes() for path in Path("site").rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nic_cli.web.site._copy", full)
    for name in ("site", "fresh"):
        done = nic("web", name)
        assert done.code == 1 and done.err.count("\n") == 1 and "untouched" in done.err
    assert {path: path.read_bytes() for path in Path("site").rglob("*") if path.is_file()} == before
    assert not Path("fresh").exists()


def test_what_cannot_be_is_refused_in_a_line(nic, clean_place):
    Path("file").write_text("x")
    for arguments, code in ((("file",), 1), (("site", "-m", "nobody"), 4)):
        done = nic("web", *arguments)
        assert done.code == code and done.err.count("\n") == 1
    assert not Path("site").exists()


@pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs")
def test_pages_without_a_hash_of_the_browser_have_one():
    """SHA-256 in JavaScript, at all lengths around those of its blocks."""
    script = Path(web.__file__).parent / "decoder" / "sha256.js"
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]
    code = (
        f"const {{ plain }} = await import({script.as_uri()!r});"
        f"for (const n of {lengths}) "
        "console.log(Buffer.from(plain(Uint8Array.from({length: n}, (_, i) => 7 * i + n))).toString('hex'))"
    )
    said = subprocess.run(
        ["node", "--input-type=module", "-e", code], capture_output=True, text=True, check=True
    )
    wanted = [sha256(bytes((7 * i + n) % 256 for i in range(n))).hexdigest() for n in lengths]
    assert said.stdout.split() == wanted
