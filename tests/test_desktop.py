"""What desktops are told of `.nic` files, asked of their own tools."""

from __future__ import annotations

import io
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nic_cli
from nic_cli.container import file, layout
from nic_cli.desktop import magic
from nic_cli.desktop.thumbnailer import thumbnail
from nic_cli.types import Chunk, TileStream

from .container.samples import ONE_TILE

ROOT = Path(__file__).parents[1]
DESKTOP = ROOT / "nic_cli" / "desktop"
SCENE = ROOT / "tests" / "pictures" / "scene.png"


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


def ran(*command: object, **environment: str) -> str:
    """What a command of the system prints."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- file(1) --------------------------------------------------------------------------------------


def sized(width: int, height: int, tile: int = 64 * 255) -> bytes:
    """A file of these sides, its tiles empty."""
    tiles = (TileStream(b"", 0),) * layout.tile_count(width, height, tile)
    return file.pack(
        replace(ONE_TILE, header=replace(ONE_TILE.header, width=width, height=height, tile=tile), tiles=tiles)
    )


def test_the_rule_that_ships_is_the_one_that_is_made():
    assert (DESKTOP / "nic.magic").read_text() == magic.rule()


@needs("file")
def test_file_tells_the_size_and_the_format(tmp_path):
    draw = random.Random(1)
    sizes = [(1, 1), (127, 128), (128, 127), (255, 256), (16383, 16383), (768, 512)]
    sizes += [(draw.randrange(1, 16384), draw.randrange(1, 16384)) for _ in range(200)]
    places = [tmp_path / f"{number:03}" for number in range(len(sizes))]
    for place, size in zip(places, sizes, strict=True):
        place.write_bytes(sized(*size))
    wanted = [f"nic neural image, {width} x {height}, format 1.0" for width, height in sizes]
    assert ran("file", "-b", "-m", DESKTOP / "nic.magic", *places).splitlines() == wanted
    assert ran("file", "-b", "--mime-type", "-m", DESKTOP / "nic.magic", places[0]).strip() == "image/x-nic"


@needs("file")
def test_file_says_what_it_cannot_decode(tmp_path):
    sizes = {
        (16384, 100): "over 16383 x 100",
        (100, 1 << 20): "100 x over 16383",
        (70000, 20): "over 16383 x 20",
    }
    for size, said in sizes.items():
        (tmp_path / "long").write_bytes(sized(*size))
        assert f", {said}, format" in ran("file", "-b", "-m", DESKTOP / "nic.magic", tmp_path / "long")


@needs("file")
@pytest.mark.parametrize("side", [256, 1024, 12000])  # lengths of the header of one, two and three bytes
def test_file_finds_the_size_behind_many_tiles(tmp_path, side):
    (tmp_path / "tiles").write_bytes(sized(side, side - 1, tile=64))
    assert f", {side} x {side - 1}, format" in ran(
        "file", "-b", "-m", DESKTOP / "nic.magic", tmp_path / "tiles"
    )


@needs("file")
def test_file_takes_nothing_else_for_ours(tmp_path):
    for data in (b"\x89NIC\n\x1a\n" + bytes(40), SCENE.read_bytes(), b"\x89NIC"):
        (tmp_path / "other").write_bytes(data)
        assert "nic" not in ran("file", "-b", "-m", DESKTOP / "nic.magic", tmp_path / "other")


# -- the type -------------------------------------------------------------------------------------


@needs("update-mime-database", "gio")
def test_the_type_is_found_by_name_and_by_content(tmp_path):
    share = tmp_path / "share"
    (share / "mime" / "packages").mkdir(parents=True)
    shutil.copy(DESKTOP / "nic.xml", share / "mime" / "packages")
    (tmp_path / "named.nic").write_bytes(b"\0\1")
    (tmp_path / "unnamed").write_bytes(sized(30, 20))
    (tmp_path / "other").write_bytes(b"\x89NIC\n" + bytes(40))
    places = {"XDG_DATA_HOME": str(share), "XDG_DATA_DIRS": str(tmp_path / "none")}

    def types() -> list[bool]:
        names = [tmp_path / name for name in ("named.nic", "unnamed", "other")]
        said = ran("gio", "info", "-a", "standard::content-type", *names, **places)
        return [line.split()[1] == "image/x-nic" for line in said.splitlines() if "content-type:" in line]

    assert types() == [False] * 3  # the control
    ran("update-mime-database", share / "mime")
    assert types() == [True, True, False]


# -- thumbnails -----------------------------------------------------------------------------------


@pytest.fixture
def thumbnailed(tmp_path, monkeypatch):
    """Run the line of nic.thumbnailer as a file manager does; give the picture, or the error."""
    command = tmp_path / "bin" / "nic-thumbnailer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m nic_cli.desktop.thumbnailer "$@"\n')
    command.chmod(0o755)
    entry = dict(line.split("=", 1) for line in (DESKTOP / "nic.thumbnailer").read_text().splitlines()[1:])
    assert entry["MimeType"] == "image/x-nic;"
    path = f"{command.parent}:{os.environ['PATH']}"
    assert shutil.which(entry["TryExec"], path=path) == str(command)

    def run(data: bytes, size: int = 256):
        source, target = tmp_path / "a photo.nic", tmp_path / "thumbnail"
        source.write_bytes(data)
        target.unlink(missing_ok=True)
        filled = {"%i": str(source), "%o": str(target), "%s": str(size), "%%": "%"}
        line = [re.sub("%.", lambda found: filled[found[0]], word) for word in shlex.split(entry["Exec"])]
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        if done.returncode:
            assert not target.exists()
            return done.returncode, done.stderr
        assert done.stderr == ""
        with Image.open(target, formats=["PNG"]) as image:
            return image.copy()

    return run


def test_a_file_without_a_preview_gets_a_thumbnail(thumbnailed):
    with Image.open(SCENE) as scene:
        image = scene.convert("RGB")
    found = thumbnailed(nic_cli.encode(image), 128)
    image.thumbnail((128, 128))
    assert found.size == image.size == (128, 85)
    assert np.abs(np.asarray(found, np.float32) - np.asarray(image, np.float32)).mean() < 5


def test_sixteen_bit_grey_gets_a_thumbnail_too(tmp_path):
    grey = np.linspace(0, 65535, 300 * 200).astype(np.uint16).reshape(200, 300)
    (tmp_path / "grey.nic").write_bytes(nic_cli.encode(grey))
    with Image.open(io.BytesIO(thumbnail(tmp_path / "grey.nic", 30))) as found:
        assert (found.mode, found.size) == ("I;16", (30, 20))


def test_the_preview_of_a_file_is_its_thumbnail_whatever_the_rest(thumbnailed):
    """The model is one that nobody has: nothing was decoded."""
    webp = io.BytesIO()
    Image.new("RGB", (256, 170), (200, 30, 40)).save(webp, "WEBP", lossless=True)
    container = replace(ONE_TILE, chunks=(Chunk(layout.PREVIEW, webp.getvalue()),))
    found = thumbnailed(file.pack(container), 128)
    assert (found.size, found.getpixel((5, 5))) == ((128, 85), (200, 30, 40))
    assert thumbnailed(file.pack(container), 512).size == (256, 170)


def test_the_preview_that_encode_makes_is_one(tmp_path):
    with Image.open(SCENE) as scene:
        data = nic_cli.encode(scene, preview=True)
        wanted = scene.convert("RGB").resize((128, 86))
    (tmp_path / "spoiled.nic").write_bytes(data[:-1])  # the preview is whole
    with Image.open(io.BytesIO(thumbnail(tmp_path / "spoiled.nic", 128))) as found:
        assert found.size == wanted.size
        assert np.abs(np.asarray(found, np.float32) - np.asarray(wanted, np.float32)).mean() < 5


def test_what_has_no_thumbnail_is_one_line_and_no_file(thumbnailed):
    code, said = thumbnailed(b"no picture")
    assert code == 3 and said.startswith("nic: ")
    assert said.endswith("photo.nic: not a .nic file: its first bytes are another format's\n")
    code, said = thumbnailed(file.pack(replace(ONE_TILE, chunks=(Chunk(layout.PREVIEW, b"RIFF"),))))
    assert (code, said.count("\n")) == (3, 1)
    assert "the preview" in said


# -- installing -----------------------------------------------------------------------------------


@needs("update-mime-database", "gio", "file")
def test_the_commands_of_the_manual_install_it_all(tmp_path, monkeypatch):
    """From a folder with what the wheel puts there, into a home that is empty."""
    table = (ROOT / "pyproject.toml").read_text().partition("shared-data]\n")[2].partition("\n\n")[0]
    for source, target in re.findall(r'"(nic_cli/.+)" = "(.+)"', table):
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / target)
    page = (ROOT / "nic_cli/manual/desktop.md").read_text()
    first, *lines = page.split("```")[1].strip().splitlines()
    assert "sys.prefix" in first
    (tmp_path / "home").mkdir()
    (tmp_path / "unnamed").write_bytes(sized(768, 512))
    home = {"HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "home/.local/share")}
    monkeypatch.delenv("MAGIC", raising=False)
    ran("sh", "-ec", "\n".join([f"cd {shlex.quote(str(tmp_path / 'share'))}", *lines]), **home)
    assert "image/x-nic" in ran("gio", "info", "-a", "standard::content-type", tmp_path / "unnamed", **home)
    assert "768 x 512" in ran("file", tmp_path / "unnamed", **home)
    assert (tmp_path / "home/.local/share/thumbnailers/nic.thumbnailer").is_file()
