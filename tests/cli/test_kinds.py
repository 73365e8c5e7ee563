"""Phones' pictures and animations at the command line."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.extras import adding
from tests.image.pictures import stream


@pytest.fixture
def animation(clean_place: Path, pixels: np.ndarray) -> Path:
    frames = [Image.fromarray(frame) for frame in (pixels, 255 - pixels, pixels // 2)]
    Path("moving.png").write_bytes(
        stream(frames[0], "PNG", save_all=True, append_images=frames[1:]).getvalue()
    )
    return Path("moving.png")


def test_an_animation_is_refused_in_one_line_that_names_the_way_out(nic, animation):
    result = nic("encode", animation)
    assert result.code == 3 and len(result.lines) == 1 and not Path("moving.nic").exists()
    assert "moving.png: holds 3 frames or pages; give --frame 1 to 3" in result.lines[0]


def test_the_frame_that_is_named_is_taken(nic, animation, pixels):
    assert nic("encode", "--frame", "2", animation, "-q", "6").code == 0
    assert nic("decode", "moving.nic", "-o", "one.png").code == 0
    assert np.abs(np.asarray(Image.open("one.png")).astype(int) - (255 - pixels)).mean() < 6


def test_a_frame_that_is_not_there(nic, animation):
    result = nic("encode", "--frame", "4", animation)
    assert result.code == 3 and len(result.lines) == 1 and "holds 3 frames or pages, no 4" in result.lines[0]
    for wrong in ("0", "-1"):
        result = nic("encode", "--frame", wrong, animation)
        assert result.code == 2 and "count from 1" in result.lines[0]


@pytest.mark.parametrize("suffix", ["heic", "heif", "hif", "jxl", "avif", "jfif"])
def test_a_folder_of_such_pictures_is_gone_through(nic, clean_place, pixels, suffix):
    import pillow_heif
    import pillow_jxl  # noqa: F401 to write with

    pillow_heif.register_heif_opener()
    kind = {"jxl": "JXL", "avif": "AVIF", "jfif": "JPEG"}.get(suffix, "HEIF")
    Path("album").mkdir()
    Path(f"album/a.{suffix}").write_bytes(stream(Image.fromarray(pixels), kind).getvalue())
    assert nic("encode", "album", "-o", "out/").code == 0
    assert Path("out/a.nic").exists()


def test_a_missing_plugin_is_one_line(nic, clean_place, pixels, monkeypatch):
    import pillow_heif

    pillow_heif.register_heif_opener()
    Path("a.heic").write_bytes(stream(Image.fromarray(pixels), "HEIF").getvalue())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    result = nic("encode", "a.heic")
    assert result.code == 3 and len(result.lines) == 1 and adding("formats") in result.lines[0]
    assert not Path("a.nic").exists()


@pytest.mark.parametrize(
    ("name", "format"), [("jpg", "JPEG"), ("JPEG", "JPEG"), (".tif", "TIFF"), ("tiff", "TIFF")]
)
def test_formats_have_the_names_that_people_write(nic, packed, name, format):
    assert nic("decode", packed, "--format", name, "-o", "out").code == 0
    with Image.open("out") as found:
        assert found.format == format


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_with_a_name_is_read_as_a_file_is(nic, picture, packed):
    for number, (command, source) in enumerate((("encode", picture), ("decode", packed), ("encode", packed))):
        os.mkfifo(f"pipe{number}")
        writer = threading.Thread(target=Path(f"pipe{number}").write_bytes, args=(source.read_bytes(),))
        writer.start()
        out = f"out{number}.nic" if command == "encode" else f"out{number}.png"
        done = nic(command, f"pipe{number}", "-o", out)
        writer.join(10)
        if (command, source) == ("encode", packed):
            assert done.code == 3 and "pipe2: a .nic file already; nic decode makes" in done.err
        else:
            assert done.code == 0 and Path(out).exists(), done
