"""Whatever happens, the target is the old file or the whole new one, and nothing is left beside it."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nic_cli.errors import NicError
from nic_cli.storage.atomic import copy_times, replacing

OLD, NEW = b"old" * 1000, b"new" * 5000


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "picture.nic"
    path.write_bytes(OLD)
    return path


def write(path, **options):
    with replacing(path, **options) as stream:
        stream.write(NEW)


def alone(path):
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_new_file_takes_the_place_of_the_old(target):
    write(target)
    assert target.read_bytes() == NEW and alone(target)


def test_the_target_is_untouched_until_the_end(target):
    with replacing(target) as stream:
        stream.write(NEW)
        stream.flush()
        assert target.read_bytes() == OLD
        (beside,) = [path for path in target.parent.iterdir() if path != target]
        assert beside.name.startswith(".picture.nic.nic-") and beside.suffix == ".tmp"


def test_folders_are_made_when_needed(tmp_path):
    write(tmp_path / "a" / "b" / "c.nic")
    assert (tmp_path / "a" / "b" / "c.nic").read_bytes() == NEW


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
def test_an_interrupted_block_leaves_the_old_file(target, fault):
    with pytest.raises(fault), replacing(target) as stream:
        stream.write(NEW)
        raise fault
    assert target.read_bytes() == OLD and alone(target)


def test_permissions(target, tmp_path):
    target.chmod(0o640)
    write(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        write(tmp_path / "fresh.nic")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh.nic").stat().st_mode) == 0o640
    target.chmod(0o600)
    write(tmp_path / "like.nic", mode_from=target)
    assert stat.S_IMODE((tmp_path / "like.nic").stat().st_mode) == 0o600


def test_times_and_mode_are_copied(target, tmp_path):
    os.utime(target, ns=(1_000_000_000, 2_000_000_007))
    target.chmod(0o604)
    other = tmp_path / "other"
    other.write_bytes(b"")
    copy_times(target, other)
    assert other.stat().st_mtime_ns == 2_000_000_007 and stat.S_IMODE(other.stat().st_mode) == 0o604
    with pytest.raises(NicError, match="leave out --preserve"):
        copy_times(target, tmp_path / "gone")


def test_links_are_written_through(target, tmp_path):
    link = tmp_path / "link.nic"
    link.symlink_to(target.name)
    write(link)
    assert link.is_symlink() and target.read_bytes() == NEW
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(NicError, match="symbolic links"):
        write(loop)


def test_devices_and_pipes_are_written_directly(tmp_path):
    write(Path(os.devnull))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    write(pipe)
    assert reader.communicate()[0] == NEW and alone(pipe)


def test_a_closed_pipe_passes_as_itself():
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError), replacing(Path(f"/dev/fd/{writer}")) as stream:
        stream.write(NEW)
    os.close(writer)


def test_a_long_name_still_has_room_for_a_temporary_one(tmp_path):
    write(tmp_path / ("é" * 127))
    assert alone(tmp_path / ("é" * 127))


@pytest.mark.parametrize(
    ("path", "says"), [("folder", "Is a directory"), ("file/x", "directory"), ("x" * 300, "name too long")]
)
def test_what_the_system_refuses_is_one_line(tmp_path, path, says):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(NicError, match=says) as caught:
        write(tmp_path / path)
    assert "\n" not in str(caught.value) and (tmp_path / "file").read_bytes() == OLD


def test_a_protected_file_is_not_replaced(target, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(NicError, match="Permission denied"):
        write(target)
    assert target.read_bytes() == OLD and alone(target)


class Faulty:
    """Counts the calls a write makes to the system, and lets one of them fail."""

    def __init__(self, monkeypatch, fail_at, code):
        self.calls, self.fail_at, self.code = 0, fail_at, code
        self.failed = ""
        for owner, name in [
            (Path, "mkdir"),
            (Path, "open"),
            (os, "fsync"),
            (Path, "chmod"),
            (Path, "replace"),
        ]:
            monkeypatch.setattr(owner, name, self.counting(name, getattr(owner, name)))

    def counting(self, name, real):
        def call(*args, **options):
            self.tick(name)
            found = real(*args, **options)
            return FaultyStream(found, self) if name == "open" else found

        return call

    def tick(self, name):
        self.calls += 1
        if self.calls == self.fail_at:
            self.failed = name
            raise OSError(self.code, os.strerror(self.code))


class FaultyStream:
    def __init__(self, stream, faults):
        self.stream, self.faults = stream, faults

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def __getattr__(self, name):
        if name in ("write", "flush"):
            self.faults.tick(name)
        return getattr(self.stream, name)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EPERM, errno.EDQUOT])
@pytest.mark.parametrize("fail_at", range(1, 10))
def test_a_fault_in_any_call_leaves_old_or_new(target, monkeypatch, fail_at, code):
    faults = Faulty(monkeypatch, fail_at, code)
    try:
        write(target)
    except NicError as error:
        monkeypatch.undo()
        assert os.strerror(code) in str(error) and "\n" not in str(error)
        assert target.read_bytes() == OLD
    else:  # the sync of the folder, when the file is in its place already, or no call of that number
        assert faults.calls == 8 and fail_at >= 8
        monkeypatch.undo()
        assert target.read_bytes() == NEW
    assert alone(target)


def test_the_fault_shim_reaches_every_kind_of_call(tmp_path, monkeypatch):
    reached = []
    for fail_at in range(1, 9):
        path = tmp_path / str(fail_at) / "x.nic"
        path.parent.mkdir()
        path.write_bytes(OLD)
        with monkeypatch.context() as patch:
            faults = Faulty(patch, fail_at, errno.EIO)
            try:
                write(path)
            except NicError:
                pass
            reached.append(faults.failed)
    assert reached == ["mkdir", "open", "write", "flush", "fsync", "chmod", "replace", "fsync"]


WRITER = """
import sys, itertools
from pathlib import Path
from nic_cli.storage.atomic import replacing
print("ready", flush=True)
for turn in itertools.count():
    with replacing(Path(sys.argv[1])) as stream:
        for _ in range(50):
            stream.write(bytes([turn % 256]) * 4096)
"""


def test_kill_9_leaves_a_whole_file(target):
    rng = random.Random(0)
    target.write_bytes(bytes(50 * 4096))
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", WRITER, target], stdout=subprocess.PIPE)
        with process:
            process.stdout.readline()
            time.sleep(rng.random() * 0.05)
            process.send_signal(signal.SIGKILL)
        data = target.read_bytes()
        assert len(data) == 50 * 4096 and len(set(data)) == 1
    left = [path.name for path in target.parent.iterdir() if path != target]
    assert all(name.startswith(".picture.nic.nic-") and name.endswith(".tmp") for name in left)
