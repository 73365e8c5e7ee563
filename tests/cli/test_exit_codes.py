"""Every exit code of the contract, each with one line, and the old output as it was."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import damaged


def one_line(done, code: int, *words: str) -> None:
    assert (done.code, done.out, len(done.lines)) == (code, b"", 1), done
    assert done.err.startswith("nic: ")
    for word in words:
        assert word in done.err


def test_0_all_done(nic, packed):
    assert nic("verify", packed).code == 0


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_4_a_model_that_is_not_there_is_told_before_anything_is_read(nic, picture, packed, command):
    for name in ("photo.png", "gone.png") if command == "encode" else ("photo.nic", "gone.nic"):
        one_line(nic(command, "-f", name, "-m", "foo"), 4, "no model 'foo' here")


def test_3_a_missing_input(nic):
    for command, name in (
        ("encode", "gone.png"),
        ("decode", "gone.nic"),
        ("info", "gone"),
        ("verify", "gone"),
    ):
        one_line(nic(command, name), 3, f"{name}: No such file or directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read anything")
def test_1_an_input_that_may_not_be_read(nic, picture):
    picture.chmod(0)
    one_line(nic("encode", picture), 1, "photo.png", "ermission")


def test_1_an_output_that_cannot_be_written(nic, picture):
    Path("file").write_text("")
    one_line(nic("encode", picture, "-o", "file/photo.nic"), 1, "file/photo.nic")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_1_a_full_disk(nic, picture):
    one_line(nic("encode", picture, "-o", "/dev/full"), 1, "/dev/full", "No space left")


@pytest.mark.parametrize("command", ["decode", "info", "verify"])
@pytest.mark.parametrize("content", [b"", b"\x89NIC", b"\x89PNG\r\n\x1a\n" * 9], ids=["empty", "cut", "png"])
def test_3_not_a_nic_file(nic, command, content):
    Path("odd.nic").write_bytes(content)
    one_line(nic(command, "odd.nic"), 3, "odd.nic")
    assert not Path("odd.png").exists()


@pytest.mark.parametrize("command", ["decode", "info", "verify"])
def test_3_a_damaged_or_cut_file(nic, command, coded):
    for content in (damaged(coded), coded[:-1], coded[:20], coded + b"x"):
        Path("odd.nic").write_bytes(content)
        one_line(nic(command, "odd.nic"), 3, "odd.nic")
    assert not Path("odd.png").exists()


def test_3_symbols_of_other_arithmetic(nic, coded):
    from dataclasses import replace

    from nic_cli.container.file import pack, unpack

    sound = unpack(coded)
    tiles = tuple(replace(tile, symbols_crc=tile.symbols_crc ^ 1) for tile in sound.tiles)
    Path("other.nic").write_bytes(pack(replace(sound, tiles=tiles)))
    one_line(nic("verify", "other.nic"), 3, "other.nic", "symbols")
    one_line(nic("decode", "other.nic"), 3, "other.nic", "symbols")
    assert nic("info", "other.nic").code == 0


def test_3_not_a_picture(nic):
    Path("odd.png").write_bytes(b"no picture at all")
    one_line(nic("encode", "odd.png"), 3, "odd.png")
    Path("none.png").write_bytes(b"")
    one_line(nic("encode", "none.png"), 3, "none.png")


def test_3_an_animation_says_how_many_frames(nic):
    frames = [Image.fromarray(np.full((8, 8), shade, np.uint8)) for shade in (0, 99, 200)]
    frames[0].save("film.gif", save_all=True, append_images=frames[1:])
    one_line(nic("encode", "film.gif"), 3, "film.gif", "3 frames")


def test_4_a_model_that_is_not_there(nic, picture):
    one_line(nic("encode", picture, "-m", "nobody"), 4, "nobody")
    assert not Path("photo.nic").exists()


@pytest.mark.parametrize("change", [{"model": "nobody"}, {"model_id": b"12345678"}])
@pytest.mark.parametrize("command", ["decode", "verify"])
def test_4_a_file_of_a_model_that_is_not_there(nic, coded, change, command):
    from dataclasses import replace

    from nic_cli.container.file import pack, unpack

    sound = unpack(coded)
    Path("far.nic").write_bytes(pack(replace(sound, header=replace(sound.header, **change))))
    one_line(nic(command, "far.nic"), 4, "far.nic", "NIC_MODEL")


def test_5_the_output_exists(nic, picture, packed, coded):
    one_line(nic("encode", picture, "-q", "0"), 5, "photo.nic", "-f", "--skip-existing")
    assert packed.read_bytes() == coded
    one_line(nic("decode", packed), 5, "photo.png")


def test_force_replaces_and_skip_passes_over(nic, picture, packed, coded):
    done = nic("encode", picture, "-q", "0", "--skip-existing")
    assert (done.code, done.err) == (0, "photo.nic  skipped, exists\n")
    assert packed.read_bytes() == coded
    assert nic("encode", picture, "-q", "0", "-f").code == 0
    assert packed.read_bytes() != coded


@pytest.mark.parametrize("where", ["nic_cli.codec.encode", "nic_cli.container.file.pack"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a\nb"), "unexpected ValueError: a; set NIC_DEBUG=1 for the trace"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_1_anything_else_is_one_line_and_keeps_the_old_output(
    nic, picture, packed, coded, monkeypatch, where, error, said
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(where, fail)
    done = nic("encode", picture, "-f", "-Q")
    one_line(done, 1, "photo.png: ", said)
    assert packed.read_bytes() == coded
    assert sorted(map(str, Path().iterdir())) == ["photo.nic", "photo.png"]


def test_a_failure_while_writing_keeps_the_old_output(nic, picture, packed, monkeypatch):
    old = picture.read_bytes()

    def half(picture, stream, format, warn):
        stream.write(b"half a picture")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("nic_cli.image.writing.write", half)
    one_line(nic("decode", packed, "-f"), 1, "photo.png", "Input/output error")
    assert picture.read_bytes() == old
    assert sorted(map(str, Path().iterdir())) == ["photo.nic", "photo.png"]


def test_the_panic_of_a_native_library_is_one_line(nic, picture, monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(*_, **__):
        raise PanicException("called unwrap")

    monkeypatch.setattr("nic_cli.codec.encode", panic)
    one_line(nic("encode", picture), 1, "unexpected PanicException: called unwrap")


def test_debug_shows_the_trace(nic, monkeypatch):
    monkeypatch.setenv("NIC_DEBUG", "1")
    done = nic("info", "gone.nic")
    assert done.code == 3
    assert "Traceback" in done.err
    assert done.lines[-1] == "nic: gone.nic: No such file or directory; check the name"


def test_warnings_of_libraries_stay_inside(nic, picture, monkeypatch):
    import logging
    import warnings

    from nic_cli import codec

    real = codec.encode

    def noisy(*arguments, **options):
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        logging.getLogger("library").warning("hello")
        return real(*arguments, **options)

    monkeypatch.setattr("nic_cli.codec.encode", noisy)
    done = nic("encode", picture, "-Q")
    assert (done.code, done.err) == (0, "")
