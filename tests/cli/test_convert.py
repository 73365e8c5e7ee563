"""`nic convert`: older files in the format of today, the picture untouched."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest

from nic_cli.container import file
from nic_cli.container.fields import Cursor
from nic_cli.types import Chunk

from .conftest import damaged


def aged(data: bytes) -> bytes:
    """A file as it was in format 0."""
    cursor = Cursor(data, 9, len(data), "file")
    end = cursor.varint("length") + cursor.position
    head = data[:8] + b"\0" + data[9:end]
    return head + crc32(head).to_bytes(4, "little") + data[end + 4 :]


@pytest.fixture
def known(coded: bytes) -> bytes:
    """A file with a chunk that this version does not know."""
    container = file.unpack(coded)
    return file.pack(replace(container, chunks=(*container.chunks, Chunk(b"tune", b"later"))))


def test_in_place_a_file_becomes_what_would_be_written_today(nic, clean_place, known):
    Path("a.nic").write_bytes(aged(known))
    Path("a.nic").chmod(0o640)
    done = nic("convert", "a.nic")
    assert (done.code, done.out) == (0, b"") and "format 0.0 -> 1.0" in done.err
    assert Path("a.nic").read_bytes() == known != aged(known)
    assert Path("a.nic").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in Path().iterdir()] == ["a.nic"]


def test_an_output_that_is_the_input_is_in_place(nic, clean_place, known):
    """By whatever name."""
    Path("a.nic").write_bytes(aged(known))
    Path("link").symlink_to("a.nic")
    assert nic("convert", "a.nic", "-o", "link").code == 0
    assert Path("a.nic").read_bytes() == known
    assert "already" in nic("convert", "a.nic", "-o", "./a.nic").err


def test_what_is_of_today_is_left_alone(nic, clean_place, known):
    Path("a.nic").write_bytes(known)
    before = Path("a.nic").stat()
    done = nic("convert", "a.nic", "--json")
    said = json.loads(done.out)
    assert said.pop("bytes") == len(known)
    assert said == {
        "input": "a.nic",
        "output": "a.nic",
        "was": "1.0",
        "format_version": "1.0",
        "written": False,
    }
    assert Path("a.nic").stat().st_mtime_ns == before.st_mtime_ns
    assert Path("a.nic").stat().st_ino == before.st_ino


def test_a_batch_counts_what_it_wrote(nic, clean_place, known):
    for name, data in (("in/a.nic", aged(known)), ("in/b.nic", known), ("in/c.nic", known)):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    assert "1 to do, 2 skipped, 0 failed" in nic("convert", "--dry-run", "in").err
    assert "1 done, 2 skipped, 0 failed" in nic("convert", "in").err


def test_times_stay_when_asked_for(nic, clean_place, known):
    for name, option in (("a.nic", ()), ("b.nic", ("-p",))):
        Path(name).write_bytes(aged(known))
        os.utime(name, (1000, 2000))
        assert nic("convert", *option, name).code == 0
        assert (Path(name).stat().st_mtime == 2000) == bool(option)


def test_a_folder_with_all_below_it(nic, clean_place, known):
    for name in ("in/a.nic", "in/deep/b.nic"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(aged(known))
    Path("in/c.nic").write_bytes(damaged(known))
    done = nic("convert", "-r", "in", "-o", "out/")
    assert done.code == 1 and "2 done, 1 failed (in/c.nic)" in done.err
    for name in ("a.nic", "deep/b.nic"):
        assert Path("out", name).read_bytes() == known
        assert Path("in", name).read_bytes() == aged(known)
    assert not Path("out/c.nic").exists()


def test_through_pipes(nic, clean_place, known):
    done = nic("convert", "-", stdin=aged(known))
    assert (done.code, done.out) == (0, known)


def test_an_output_that_is_there_stays(nic, clean_place, known):
    Path("a.nic").write_bytes(aged(known))
    Path("b.nic").write_bytes(b"mine")
    assert nic("convert", "a.nic", "-o", "b.nic").code == 5
    assert Path("b.nic").read_bytes() == b"mine"
    assert nic("convert", "a.nic", "-o", "b.nic", "-f").code == 0
    assert Path("b.nic").read_bytes() == known
    assert "skipped" in nic("convert", "a.nic", "-o", "b.nic", "--skip-existing").err


def test_a_folder_goes_on_where_it_stopped(nic, clean_place, picture):
    """Files say what they were made of, which is no picture of another name here."""
    nic("encode", picture, "-o", "in/a.nic")
    Path("in/a.nic").write_bytes(aged(Path("in/a.nic").read_bytes()))
    assert nic("convert", "-r", "in/", "-o", "out/").code == 0
    assert "skipped, exists" in nic("convert", "-r", "in/", "-o", "out/", "--skip-existing").err
    assert [path.name for path in Path("out").iterdir()] == ["a.nic"]


def test_damage_is_refused_and_the_file_stays(nic, clean_place, known):
    wrong = damaged(aged(known))
    Path("a.nic").write_bytes(wrong)
    done = nic("convert", "a.nic")
    assert done.code == 3 and done.err.count("\n") == 1
    assert Path("a.nic").read_bytes() == wrong


def test_a_dry_run_changes_nothing(nic, clean_place, known):
    Path("a.nic").write_bytes(aged(known))
    assert nic("convert", "--dry-run", "a.nic").code == 0
    assert Path("a.nic").read_bytes() == aged(known)


@pytest.mark.parametrize("command", ["decode", "verify"])
def test_an_old_file_is_read_with_a_notice_and_unknown_chunks_with_another(nic, clean_place, known, command):
    Path("a.nic").write_bytes(aged(known))
    done = nic(command, "a.nic")
    assert done.code == 0 and "nic convert" in done.err and "format 0" in done.err
    assert done.err.count("(tune)") == 1
    Path("a.nic").write_bytes(known)
    assert "format 0" not in nic(command, "a.nic", *(["-f"] if command == "decode" else [])).err


def test_an_input_whose_chunks_are_left_out_is_not_removed(nic, clean_place, known, coded):
    Path("a.nic").write_bytes(known)
    assert "not removed" in nic("decode", "--rm", "a.nic").err and Path("a.nic").exists()
    Path("b.nic").write_bytes(coded)
    assert nic("decode", "--rm", "b.nic").code == 0 and not Path("b.nic").exists()


def test_info_lists_what_it_does_not_know(nic, clean_place, known):
    Path("a.nic").write_bytes(known)
    assert b"unknown tune 5 bytes" in nic("info", "a.nic").out
    assert json.loads(nic("info", "--json", "a.nic").out)["unknown"] == {"tune": 5}


def test_python_warns_of_both(known):
    import nic_cli

    with pytest.warns(nic_cli.NicWarning) as said:
        nic_cli.decode(aged(known))
    text = " ".join(str(one.message) for one in said)
    assert "format 0" in text and "(tune)" in text
