"""Parts, smaller pictures and previews on the command line; memory that runs out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli import memory
from nic_cli.errors import NicError
from nic_cli.image import huge

from .conftest import bare


def shown(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_part_equals_that_of_the_whole(nic, packed):
    assert nic("decode", packed, "-o", "whole.png").code == 0
    done = nic("decode", packed, "-o", "part.png", "--crop", "10,5,40,30", "--json")
    assert done.code == 0
    assert (json.loads(done.out)["width"], json.loads(done.out)["height"]) == (40, 30)
    assert np.array_equal(shown("part.png"), shown("whole.png")[5:35, 10:50])


def test_a_smaller_picture_has_its_size(nic, packed):
    assert nic("decode", packed, "-o", "small.png", "--scale", "1/4").code == 0
    nic("decode", packed, "-o", "whole.png")
    height, width = shown("whole.png").shape[:2]
    assert shown("small.png").shape[:2] == (-(-height // 4), -(-width // 4))


def test_skipping_expects_the_size_that_is_asked_for(nic, packed):
    assert nic("decode", packed, "-o", "out.png", "--scale", "1/2").code == 0
    assert "skipped" in nic("decode", packed, "-o", "out.png", "--scale", "1/2", "--skip-existing").err
    assert "made again" in nic("decode", packed, "-o", "out.png", "--skip-existing").err


def test_too_many_pixels_are_refused_both_ways(nic, picture, packed):
    done = nic("encode", picture, "-o", "other.nic", "--max-pixels", "100")
    assert done.code == 3 and "over the limit of 100 pixels" in done.err and not Path("other.nic").exists()
    done = nic("decode", packed, "-o", "other.png", "--max-pixels", "100")
    assert done.code == 3 and "over the limit of 100 pixels" in done.err and not Path("other.png").exists()
    assert nic("decode", packed, "-o", "other.png", "--max-pixels", "100", "--crop", "0,0,9,9").code == 0


def test_a_picture_no_larger_than_a_preview_gets_none(nic, picture):
    done = nic("encode", picture, "--preview")
    assert done.code == 0
    assert done.lines[0] == "nic: warning: photo.png: no larger than a preview, so none was added"
    assert nic("info", "photo.nic", "--preview", "-").code == 1


def test_a_preview_comes_back_as_it_went_in(nic, picture):
    with Image.open(picture) as small:
        small.resize((320, 192)).save(picture)
    told = nic("encode", picture, "--preview", "-o", "told.nic").lines[-1]
    held = json.loads(nic("info", "told.nic", "--json").out)["metadata"]["preview"]
    assert f"  preview {held:,} bytes" in told
    assert nic("encode", picture, "--preview", "-o", "seen.nic").code == 0
    done = nic("info", "seen.nic", "--preview", "small.webp")
    assert done.code == 0 and done.out == b""
    with Image.open("small.webp") as small, Image.open(picture) as whole:
        whole.thumbnail((256, 256))
        assert small.format == "WEBP" and small.size == whole.size
    piped = nic("info", "seen.nic", "--preview", "-")
    assert piped.out == Path("small.webp").read_bytes()
    assert nic("info", "seen.nic", "--preview", "small.webp").code == 5
    Path("kept.webp").write_bytes(b"kept")
    assert nic("info", "seen.nic", "--preview", "kept.webp", "--skip-existing").code == 0
    assert Path("kept.webp").read_bytes() == b"kept"
    assert nic("info", "seen.nic", "--preview", "small.webp", "-f").code == 0
    assert json.loads(nic("info", "seen.nic", "--json").out)["metadata"]["preview"] == len(piped.out)


def test_a_file_without_preview_says_so(nic, packed):
    done = nic("info", packed, "--preview", "small.webp")
    assert done.code == 1 and "encode with --preview" in done.err and len(done.lines) == 1
    assert not Path("small.webp").exists()


@pytest.mark.parametrize("target", ["out.png", "out.tif", "out.webp", "-"])
def test_huge_pictures_come_out_the_same(nic, picture, packed, monkeypatch, target):
    assert nic("decode", packed, "-o", "plain.png").code == 0
    monkeypatch.setattr(huge, "FROM", 100)
    assert nic("encode", picture, "-o", "rows.nic").code == 0
    assert bare(Path("rows.nic")) == packed.read_bytes()
    done = nic("decode", packed, "-o", target)
    assert done.code == 0
    found = shown(io.BytesIO(done.out) if target == "-" else target)
    apart = np.abs(found.astype(int) - shown("plain.png"))
    assert apart.mean() < 3 if target == "out.webp" else not apart.any()


def test_when_memory_runs_out_there_are_fewer_rows_at_a_time():
    tried, said = [], []

    def work(divisor):
        tried.append(divisor)
        if divisor < 8:
            raise MemoryError
        return "done"

    assert memory.with_less_memory(work, said.append) == "done"
    assert tried == [1, 2, 4, 8] and len(said) == 1

    def reading(divisor):
        tried.append(divisor)
        if divisor < 2:
            raise NicError("photo.tif: not enough memory to read it") from MemoryError()
        return "read"

    assert memory.with_less_memory(reading, said.append) == "read" and tried[-2:] == [1, 2]

    def hopeless(divisor):
        tried.append(divisor)
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="allocate"):
        memory.with_less_memory(hopeless, said.append)
    assert tried[-1] == memory.FINEST

    def broken(divisor):
        tried.append(divisor)
        raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        memory.with_less_memory(broken, said.append)
    assert tried[-1] == 1


def test_fewer_rows_at_a_time_give_the_same_file_and_picture(nic, picture, packed, monkeypatch):
    nic("decode", packed, "-o", "plain.png")
    taken = []

    def finely(work, warn, needs):
        taken.append(16)
        return work(16)

    monkeypatch.setattr("nic_cli.memory.with_less_memory", finely)
    assert nic("encode", picture, "-o", "fine.nic").code == 0
    assert bare(Path("fine.nic")) == packed.read_bytes()
    assert nic("decode", packed, "-o", "fine.png").code == 0
    assert np.array_equal(shown("fine.png"), shown("plain.png")) and len(taken) > 1
