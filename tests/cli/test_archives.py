"""Large batches: what exists is trusted only if it is whole, and the work is split or listed at will."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.container.file import unpack

from .conftest import bare, damaged, spawn


def names(suffix: str) -> set[str]:
    return {path.as_posix() for path in Path().rglob(f"*{suffix}")}


@pytest.fixture
def tree(clean_place, picture):
    """in/0.png to in/5.png, two of them in a folder of their own."""
    for number in range(6):
        path = Path("in", *(["deep"] if number > 3 else []), f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.read_bytes())
    return [f"in/{n}.png" for n in range(4)] + ["in/deep/4.png", "in/deep/5.png"]


# -- what exists -----------------------------------------------------------------------------------


def test_only_whole_files_are_skipped_when_encoding(nic, picture, coded):
    states = {
        "whole": coded,
        "empty": b"",
        "cut": coded[:-1],
        "longer": coded + b"\0",
        "flipped": damaged(coded),
        "foreign": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, data in states.items():
        Path(f"{name}.png").write_bytes(picture.read_bytes())
        Path(f"{name}.nic").write_bytes(data)
    Path("folder.png").write_bytes(picture.read_bytes())
    Path("folder.nic").mkdir()
    done = nic("encode", *(f"{name}.png" for name in states), "--skip-existing")
    assert (done.code, done.counts) == (0, "5 done, 1 skipped, 0 failed")
    assert "whole.nic  skipped, exists" in done.lines
    notices = [line for line in done.lines if "is made again" in line]
    assert [line.split()[2] for line in notices] == [f"{name}.nic:" for name in states if name != "whole"]
    assert "it is empty" in notices[0]
    assert all(bare(Path(f"{name}.nic")) == coded for name in states)
    done = nic("encode", "folder.png", "whole.png", "--skip-existing")
    assert (done.code, done.counts) == (1, "0 done, 1 skipped, 1 failed")
    assert Path("folder.nic").is_dir()


def test_the_file_of_another_picture_is_made_again(nic, picture, coded):
    with Image.open(picture) as image:
        image.resize((40, 24)).save("photo.png")
        turned = image.rotate(90, expand=True)
    Path("photo.nic").write_bytes(coded)
    done = nic("encode", "photo.png", "--skip-existing")
    assert done.code == 0
    assert "it holds 80 x 48 pixels, other than the input" in done.err
    assert unpack(Path("photo.nic").read_bytes()).header.width == 40
    turned.save("photo.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
    Path("photo.nic").write_bytes(coded)
    assert "skipped" in nic("encode", "photo.png", "--skip-existing").err


def test_only_whole_pictures_are_skipped_when_decoding(nic, packed, pixels):
    nic("decode", packed, "-o", "whole.png")
    whole = Path("whole.png").read_bytes()
    states = {
        "whole": whole,
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "tail": whole[:-20],
        "text": b"mine",
    }
    for name, data in states.items():
        Path(f"{name}.nic").write_bytes(packed.read_bytes())
        Path(f"{name}.png").write_bytes(data)
    Path("other.nic").write_bytes(packed.read_bytes())
    Image.fromarray(pixels[:20]).save("other.png")
    done = nic("decode", *(f"{name}.nic" for name in (*states, "other")), "--skip-existing")
    assert done.code == 0
    assert done.counts == "5 done, 1 skipped, 0 failed"
    assert "other.png: exists, but is made again: it has 80 x 20 pixels, not 80 x 48" in done.err
    for name in (*states, "other"):
        assert np.array_equal(np.asarray(Image.open(f"{name}.png")), np.asarray(Image.open("whole.png")))


def test_a_dry_run_tells_what_would_be_made_again(nic, picture, coded):
    Path("photo.nic").write_bytes(coded[:-1])
    assert nic("encode", picture, "--skip-existing", "--dry-run").lines[-1] == "photo.png -> photo.nic"
    assert nic("decode", "photo.nic", "-o", "photo.png", "--skip-existing", "--dry-run").code == 3
    Path("photo.nic").write_bytes(coded)
    assert nic("encode", picture, "--skip-existing", "--dry-run").lines == ["photo.nic  skipped, exists"]
    done = nic("decode", "photo.nic", "-o", "photo.png", "--skip-existing", "--dry-run")
    assert done.lines == ["photo.png  skipped, exists"]


def test_a_whole_output_is_kept_for_standard_input(nic, picture, coded):
    Path("photo.nic").write_bytes(coded)
    done = nic("encode", "-", "-o", "photo.nic", "--skip-existing", stdin=picture.read_bytes())
    assert (done.code, done.lines) == (0, ["photo.nic  skipped, exists"])


# -- split -----------------------------------------------------------------------------------------


def test_shards_do_everything_once(nic, tree):
    done = [nic("encode", "-r", "in", "-o", "out/", "--json", "--shard", f"{n}/3") for n in (1, 2, 3)]
    assert [part.code for part in done] == [0, 0, 0]
    items = [json.loads(line) for part in done for line in part.out.splitlines()]
    assert sorted(item["input"] for item in items) == sorted(tree)
    assert names(".nic") == {name.replace("in/", "out/").replace(".png", ".nic") for name in tree}
    seen = [nic("verify", "-r", "out", "--shard", f"{n}/2").out.splitlines() for n in (1, 2)]
    assert len(seen[0]) + len(seen[1]) == len(set(seen[0] + seen[1])) == 6
    back = [nic("decode", "-r", "out", "-o", "back/", "--shard", f"{n}/2").code for n in (1, 2)]
    assert back == [0, 0]
    assert len(list(Path("back").rglob("*.png"))) == 6


def test_an_empty_shard_is_done_at_once(nic, picture):
    done = [nic("encode", picture, "-f", "--shard", f"{n}/9") for n in range(1, 10)]
    assert [part.code for part in done] == [0] * 9
    assert sorted(part.lines[-1][:14] for part in done)[:8] == ["0 done, 0 fail"] * 8


@pytest.mark.parametrize("command", ["encode", "decode", "verify"])
def test_nonsense_is_usage(nic, picture, packed, command):
    given = picture if command == "encode" else packed
    for arguments in (
        [given, "--shard", "3/2"],
        ["-", "--shard", "1/2"],
        ["--manifest", "gone.txt"],
        [given, "--manifest", "list.txt"],
    ):
        done = nic(command, *arguments, stdin=b"")
        assert (done.code, done.out, len(done.lines)) == (2, b"", 1), done.err
    assert "gone.txt: No such file" in nic(command, "--manifest", "gone.txt").err


# -- listed ----------------------------------------------------------------------------------------


def test_a_list_names_inputs_and_outputs(nic, tree):
    Path("list.txt").write_text("in/0.png\r\n\r\nin/1.png\tnamed/one.nic\r\nin/deep/4.png\r\n", newline="")
    assert nic("encode", "--manifest", "list.txt", "-o", "out/").code == 0
    assert names(".nic") == {"out/in/0.nic", "named/one.nic", "out/in/deep/4.nic"}
    done = nic("verify", "--manifest", "-", stdin=b"named/one.nic\nout/in/0.nic\n")
    assert (done.code, len(done.out.splitlines())) == (0, 2)
    done = nic("decode", "--manifest", "-", "--shard", "1/1", stdin=b"named/one.nic\tx.png\ngone.nic\n")
    assert (done.code, done.counts) == (1, "1 done, 1 failed")
    assert Path("x.png").exists()


def test_an_empty_list_is_usage(nic):
    done = nic("encode", "--manifest", "-", stdin=b"\n\n")
    assert (done.code, done.lines) == (2, ["nic: nothing to do: standard input lists no input"])


def test_a_name_that_no_file_can_have_fails_alone(nic, picture):
    Path("list.txt").write_text(f"{'x' * 300}.png\nphoto.png\nphoto.png/inside.png\n")
    done = nic("encode", "--manifest", "list.txt")
    assert (done.code, done.counts) == (1, "1 done, 2 failed")


# -- large -----------------------------------------------------------------------------------------


def small(number: int) -> np.ndarray:
    """[H, W, 3] of sizes from 16 to 47, all different in content."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (16 + number % 32, 16 + number // 2 % 32, 3), dtype=np.uint8)


def test_bad_ones_are_named_and_the_rest_is_right(nic):
    """The control: a batch where none is bad ends with 0 (above)."""
    Path("in/a").mkdir(parents=True)
    places = [Path("in", *(["a"] if n % 3 else []), f"{n}.png") for n in range(60)]
    for number, place in enumerate(places):
        Image.fromarray(small(number)).save(place)
    bad = set(places[3::7])
    for number, place in enumerate(sorted(bad)):
        data = place.read_bytes()
        place.write_bytes([b"", data[: len(data) // 2], b"no picture at all", data[:40]][number % 4])
    done = nic("encode", "-r", "in", "-o", "out/", "-q", "0.5", "--json")
    assert done.code == 1
    assert done.counts == f"{60 - len(bad)} done, {len(bad)} failed"
    said = [line for line in done.lines if line.startswith("nic: ")]
    assert {line.split(": ")[1] for line in said} == set(map(str, bad))
    items = [json.loads(line) for line in done.out.splitlines()]
    assert sorted(item["input"] for item in items) == sorted(map(str, places))
    assert {item["input"] for item in items if "error" in item} == set(map(str, bad))
    for number, place in enumerate(places):
        made = Path("out", place.relative_to("in").with_suffix(".nic"))
        assert made.exists() == (place not in bad)
        if made.exists():
            header = unpack(made.read_bytes()).header
            assert (header.height, header.width) == small(number).shape[:2]
    assert not [path for path in Path("out").rglob("*") if path.name.startswith(".")]
    assert nic("verify", "-r", "out").code == 0


def test_a_batch_that_was_killed_is_completed_by_the_next(nic):
    Path("in").mkdir()
    for number in range(60):
        Image.fromarray(small(number)).save(f"in/{number}.png")
    process = spawn("encode", "in", "-o", "killed/", "-Q")
    deadline = time.monotonic() + 120
    while len(names(".nic")) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait(60)
    half = len(names(".nic"))
    assert 20 <= half < 60
    done = nic("encode", "in", "-o", "killed/", "--skip-existing")
    assert (done.code, done.counts) == (0, f"{60 - half} done, {half} skipped, 0 failed")
    assert nic("encode", "in", "-o", "whole/").code == 0
    for number in range(60):
        assert Path(f"killed/{number}.nic").read_bytes() == Path(f"whole/{number}.nic").read_bytes()
