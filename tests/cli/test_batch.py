"""A batch goes on after a failure, names each, and sums up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import damaged


@pytest.fixture
def five(coded):
    """a.nic to e.nic, of which b and d are damaged."""
    for name in "abcde":
        Path(f"{name}.nic").write_bytes(damaged(coded) if name in "bd" else coded)
    return [f"{name}.nic" for name in "abcde"]


def test_failures_are_named_and_the_rest_is_done(nic, five):
    done = nic("decode", *five)
    assert (done.code, done.out) == (1, b"")
    assert [line[:11] for line in done.lines if line.startswith("nic: ")] == ["nic: b.nic:", "nic: d.nic:"]
    assert done.counts == "3 done, 2 failed"
    assert sorted(path.name for path in Path().glob("*.png")) == ["a.png", "c.png", "e.png"]


def test_a_missing_input_fails_alone(nic, five):
    done = nic("verify", "a.nic", "gone.nic", "c.nic")
    assert (done.code, done.counts) == (1, "2 done, 1 failed")
    assert len(done.out.splitlines()) == 2


def test_fail_fast_stops_at_the_first(nic, five):
    done = nic("decode", *five, "--fail-fast")
    assert done.code == 1
    assert done.counts == "1 done, 1 failed, 3 not tried"
    assert [path.name for path in Path().glob("*.png")] == ["a.png"]


def test_quiet_tells_failures_only(nic, five):
    done = nic("info", "-Q", *five)
    assert (done.code, done.out, len(done.lines)) == (1, b"", 2)
    assert all(line.startswith("nic: ") for line in done.lines)


def test_json_has_an_object_for_each_input(nic, five):
    done = nic("decode", "--json", *five)
    items = [json.loads(line) for line in done.out.splitlines()]
    assert [item["input"] for item in items] == five
    assert [item.get("code") for item in items] == [None, 3, None, 3, None]
    assert list(items[1]) == ["input", "error", "code"]
    assert "checksum" in items[1]["error"]
    assert sum(line.startswith("nic: ") for line in done.lines) == 2


def test_a_rerun_skips_what_is_done(nic, five, coded):
    assert nic("decode", *five).code == 1
    for name in "bd":
        Path(f"{name}.nic").write_bytes(coded)
    done = nic("decode", *five, "--skip-existing")
    assert (done.code, done.counts) == (0, "2 done, 3 skipped, 0 failed")
    assert nic("decode", *five).counts == "0 done, 5 failed"


def test_existing_outputs_fail_one_by_one(nic, five):
    Path("a.png").write_text("mine")
    done = nic("decode", "a.nic", "c.nic")
    assert (done.code, done.counts) == (1, "1 done, 1 failed")
    assert Path("a.png").read_text() == "mine"


def test_one_input_gives_its_own_code(nic, five):
    assert nic("decode", "b.nic").code == 3


def test_a_folder_with_nothing_in_it_is_usage(nic):
    Path("empty").mkdir()
    done = nic("verify", "-r", "empty")
    assert (done.code, len(done.lines)) == (2, 1)


def test_no_model_ends_the_batch_at_once(nic, picture):
    Path("again.png").write_bytes(picture.read_bytes())
    done = nic("encode", "photo.png", "again.png", "-m", "nobody")
    assert (done.code, len(done.lines)) == (4, 1)


def test_a_dry_run_writes_nothing_and_tells_what_it_would(nic, picture, packed):
    before = sorted(Path().iterdir())
    done = nic("encode", picture, "-o", "out/", "--dry-run")
    assert (done.code, done.out, done.err) == (0, b"", "photo.png -> out/photo.nic\n")
    assert nic("encode", picture, "--dry-run").code == 5
    assert nic("encode", picture, "-o", "-", "--dry-run").err == "photo.png -> standard output\n"
    done = nic("decode", packed, "gone.nic", "-o", "out/", "--dry-run", "--json")
    items = [json.loads(line) for line in done.out.splitlines()]
    assert items[0] == {"input": "photo.nic", "output": "out/photo.png"}
    assert list(items[1]) == ["input", "error", "code"]
    assert sorted(Path().iterdir()) == before


def test_the_model_is_loaded_once(nic, five, monkeypatch):
    from nic_cli.zoo import load as zoo

    real, calls = zoo.load, []

    def counted(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr("nic_cli.zoo.load.load", counted)
    assert nic("verify", "a.nic", "c.nic", "e.nic", "--device", "cpu").code == 0
    assert [call[:2] for call in calls] == [("iris", "cpu")]


def test_more_is_told_when_asked(nic, packed):
    plain, more = nic("decode", packed, "-f"), nic("decode", packed, "-f", "-v")
    assert len(more.lines) == len(plain.lines) + 1
    assert "model iris" in more.err
