"""What must not be lost, given away or run: faults found by starving, killing and feeding it oddities."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli import codec
from nic_cli.bench.rows import Row, Run, to_csv
from nic_cli.container import file
from nic_cli.desktop import thumbnailer
from nic_cli.errors import ModelError, NicError, OutputExists, UsageError
from nic_cli.image.reading import from_array
from nic_cli.jobs.files.plan import check_free, plan
from nic_cli.storage.atomic import put
from nic_cli.storage.folders import replacing_folder
from nic_cli.types import Chunk
from nic_cli.zoo.model_files import read_files
from nic_cli.zoo.registry import CONFIG, WEIGHTS

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    folder = tmp_path / "model"
    with replacing_folder(folder) as beside:
        put(beside / "a", b"old")
    (folder / "card").write_text("mine")
    with pytest.raises(ZeroDivisionError), replacing_folder(folder) as beside:
        put(beside / "a", b"new")
        _ = 1 / 0
    assert (folder / "a").read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["model"]
    with replacing_folder(folder) as beside:
        put(beside / "a", b"new")
        assert (folder / "a").read_bytes() == b"old"
    assert (folder / "a").read_bytes() == b"new" and (folder / "card").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@posix
def test_a_full_disk_leaves_the_old_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom nic_cli.storage.atomic import put\n"
        "from nic_cli.storage.folders import replacing_folder\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with replacing_folder(Path(sys.argv[1])) as beside:\n"
        "    put(beside / 'a', b'n' * 500)\n    put(beside / 'b', b'n' * 5000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "cannot be written" in done.stderr
    assert (folder / "a").read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["model"]


@posix
def test_nothing_that_a_link_leads_to_is_given_away(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"{}")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / CONFIG).symlink_to(secret)
    (folder / WEIGHTS).write_bytes(b"x")
    with pytest.raises(ModelError, match="a link, and no file of this folder"):
        read_files(folder, own=True)
    assert read_files(folder)[CONFIG] == b"{}"  # to be used, it may be a link
    (folder / CONFIG).unlink()
    os.mkfifo(folder / CONFIG)
    with pytest.raises(ModelError, match="not a regular file"):
        read_files(folder, own=True)


@posix
def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path):
    link = tmp_path / "o.nic"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputExists, match="leads nowhere"):
        check_free(link, False, False)
    assert check_free(link, True, False)


@posix
def test_with_closed_descriptors_pictures_are_read_all_the_same(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.tif")
    line = f"exec 2>&-; exec {sys.executable} -m nic_cli encode a.tif -o b.nic"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0 and (tmp_path / "b.nic").is_file()


def row(picture: str) -> Row:
    return Row(picture, "nic", 1, 1, "", "")


def test_no_spreadsheet_runs_a_name():
    about = Run("x", (), "", "cpu", 1, 0.0, {})
    text = to_csv(about, [row("=1+1.png"), row("plain.png"), row("-2.png")])
    assert "'=1+1.png" in text and "'-2.png" in text and "\nplain.png" in text


def huge_preview(model, tmp_path) -> Path:
    picture = from_array(np.zeros((64, 64, 3), np.uint8))
    flat = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(flat, "WEBP")
    container = replace(codec.encode(picture, model), chunks=(Chunk(b"prev", flat.getvalue()),))
    path = tmp_path / "p.nic"
    path.write_bytes(file.pack(container))
    return path


def test_a_preview_may_not_be_large(model, tmp_path):
    path = huge_preview(model, tmp_path)
    with pytest.raises(NicError, match="over 1024 a side"):
        thumbnailer.thumbnail(path, 128)


@posix
def test_a_thumbnail_replaces_a_link(model, tmp_path):
    path = tmp_path / "p.nic"
    path.write_bytes(file.pack(codec.encode(from_array(np.zeros((64, 64, 3), np.uint8)), model)))
    other, link = tmp_path / "other", tmp_path / "t.png"
    other.write_bytes(b"mine")
    link.symlink_to(other)
    assert thumbnailer.main([str(path), str(link)]) == 0
    assert other.read_bytes() == b"mine" and not link.is_symlink()
    with Image.open(link) as image:
        assert image.format == "PNG"


@posix
def test_a_short_write_to_standard_output_is_no_success(tmp_path):
    """Found with PYTHONUNBUFFERED, as containers set it: a write took a part, and only said how much."""
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8)).save(tmp_path / "a.png")
    code = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\nfrom nic_cli.__main__ import main\n"
        "sys.exit(main(['encode', 'a.png', '-q4', '-o', '-']))"
    )
    for more in ({}, {"PYTHONUNBUFFERED": "1"}):
        with (tmp_path / "o.nic").open("wb") as stream:
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=tmp_path,
                stdout=stream,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT), **more},
                text=True,
                check=False,
            )
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr


@posix
def test_endless_weights_are_not_read_to_their_end(tmp_path):
    (tmp_path / CONFIG).write_bytes((ROOT / "models/iris" / CONFIG).read_bytes())
    (tmp_path / WEIGHTS).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="a device"):
        read_files(tmp_path)


def test_an_empty_name_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for inputs, output in (([""], None), (["a.png"], "")):
        with pytest.raises(UsageError, match="empty name"):
            plan(inputs, output, suffix_in=frozenset(), suffix_out=".nic", recursive=False)


def test_the_thumbnailer_reads_pipes_and_names_the_file(model, tmp_path, capfd):
    data = file.pack(codec.encode(from_array(np.zeros((64, 64, 3), np.uint8)), model))
    os.mkfifo(tmp_path / "pipe.nic")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe.nic").write_bytes(data))
    writer.start()
    assert thumbnailer.main([str(tmp_path / "pipe.nic"), str(tmp_path / "t.png")]) == 0
    writer.join()
    (tmp_path / "bad.nic").write_bytes(data[:-1])
    assert thumbnailer.main([str(tmp_path / "bad.nic"), str(tmp_path / "t.png")]) == 3
    assert "bad.nic" in capfd.readouterr().err
