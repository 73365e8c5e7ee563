"""Signals end a run with their code and one line; nothing half-done is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

# Decodes with stages that are stood in for, and stops in the middle of writing.
SLOW = """
import sys, time, types
from pathlib import Path
for name in ("nic_cli.codec", "nic_cli.zoo.load", "nic_cli.image.writing", "nic_cli.image.huge"):
    sys.modules[name] = types.ModuleType(name)
import nic_cli, nic_cli.zoo, nic_cli.image
from nic_cli.container.file import unpack
nic_cli.codec = sys.modules["nic_cli.codec"]
header = unpack(Path("photo.nic").read_bytes()).header
model = types.SimpleNamespace(name=header.model, id=header.model_id)
sys.modules["nic_cli.zoo.load"].load = lambda name, device, warn=None: model
sys.modules["nic_cli.codec"].stream = lambda *given, **options: None
said = types.SimpleNamespace(lost=(), unread=())
sys.modules["nic_cli.codec"].held = lambda picture: types.SimpleNamespace(metadata=said)
def write(picture, stream, format, warn):
    stream.write(b"half a picture")
    stream.flush()
    Path("ready").touch()
    try:
        for _ in range(1200):
            time.sleep(0.05)
            stream.write(b"and a bit")
    except KeyboardInterrupt:
        if sys.argv[1] == "masked":
            raise ImportError("a library that hides what happened") from None
        raise
sys.modules["nic_cli.image.writing"].write = write
sys.modules["nic_cli.image.huge"].FROM = 1 << 26
sys.modules["nic_cli.image.writing"].FORMAT_BY_SUFFIX = {".png": "png"}
from nic_cli.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


def interrupted(number: int, how: str, *arguments: str) -> tuple[int, bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SLOW, how, *arguments]

    def heard() -> None:
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)  # under nohup, and in the background, some are ignored

    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, preexec_fn=heard)
    deadline = time.monotonic() + 60
    while not Path("ready").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    Path("ready").unlink()
    return process.returncode, err


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, b"nic: interrupted\n"),
        (signal.SIGTERM, 143, b"nic: terminated\n"),
        (signal.SIGHUP, 129, b"nic: terminated\n"),
    ],
)
@pytest.mark.parametrize("how", ["plain", "masked"])
def test_a_signal_while_writing(packed, number, code, said, how):
    Path("photo.png").write_text("the old picture")
    assert interrupted(number, how, "decode", "-f", "photo.nic") == (code, said)
    assert Path("photo.png").read_text() == "the old picture"
    assert sorted(map(str, Path().iterdir())) == ["photo.nic", "photo.png"]


@pytest.mark.parametrize("how", ["plain", "masked"])
def test_a_signal_ends_a_whole_batch(packed, coded, how):
    Path("second.nic").write_bytes(coded)
    assert interrupted(signal.SIGINT, how, "decode", "photo.nic", "second.nic") == (
        130,
        b"0 done, 0 failed, 2 not tried; the same command with --skip-existing goes on\nnic: interrupted\n",
    )
    assert sorted(map(str, Path().iterdir())) == ["photo.nic", "second.nic"]


def test_a_kill_leaves_the_old_output(packed):
    Path("photo.png").write_text("the old picture")
    code, _ = interrupted(signal.SIGKILL, "plain", "decode", "-f", "photo.nic")
    assert code == -signal.SIGKILL
    assert Path("photo.png").read_text() == "the old picture"


def test_handlers_are_put_back(nic):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    nic("info", "gone.nic")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
