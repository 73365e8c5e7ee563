"""Several processes do what one does, in the order of the inputs; inputs go once their output is sound."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.jobs import runner
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.many import processes
from nic_cli.jobs.outcome import Failure, Report, Stop
from nic_cli.terminal.console import Console

from .conftest import ROOT


@pytest.fixture
def album(picture):
    """Six pictures of which one is none."""
    Path("album").mkdir()
    with Image.open(picture) as image:
        for n in range(5):
            image.rotate(90 * n, expand=True).save(f"album/{n}.png")
    Path("album/2x.png").write_bytes(b"no picture")
    return Path("album")


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def test_files_and_reports_are_those_of_one_process(nic, album):
    alone = nic("encode", album, "-o", "one/", "--json")
    many = nic("encode", album, "-o", "two/", "--json", "-j", "3")
    assert (alone.code, many.code) == (1, 1)
    assert contents("one") == contents("two") and len(contents("one")) == 5
    told = [[json.loads(line) for line in done.out.splitlines()] for done in (alone, many)]
    for said in told:
        assert [record["input"] for record in said] == [str(path) for path in sorted(album.iterdir())]
    same = [[{k: v for k, v in r.items() if k not in ("output", "seconds")} for r in said] for said in told]
    assert same[0] == same[1]
    assert alone.counts == many.counts == "5 done, 1 failed"
    high = nic(
        "encode", "album/0.png", "album/1.png", "-o", "high/", "-q", "5", "-j", "2"
    )  # loads a model before
    assert (high.code, high.counts) == (0, "2 done, 0 failed")
    back = nic("decode", "two", "-o", "back/", "-j", "2")
    assert (back.code, back.counts) == (0, "5 done, 0 failed")
    for n in range(5):
        with Image.open(f"back/{n}.png") as found:
            assert found.size == ((48, 80) if n % 2 else (80, 48))


@pytest.mark.parametrize("count", ["0", "-1", "1025"])
def test_odd_numbers_of_processes_are_refused(nic, picture, count):
    done = nic("encode", picture, "-j", count)
    assert (done.code, done.lines) == (
        2,
        [f"nic: --jobs: {count} cannot be used: give a whole number from 1 to 1024"],
    )


@dataclass(frozen=True)
class Work:
    """Steps that need no model. Names of sources say what happens."""

    console: Console

    def read(self, job, console):
        if job.source.name == "gone.png":
            os.kill(os.getpid(), signal.SIGKILL)
        if job.source.name == "stop":
            raise Stop(ValueError("of no use"))
        if job.source.name == "odd":
            raise ZeroDivisionError
        console.warn(f"about {job.source}")
        return job.source

    def code(self, item):
        return item

    def write(self, job, coded, console):
        if job.source.name == "slow":
            Path("begun").touch()
            time.sleep(1.5)
        return Report(f"{coded} is done", Failure(str(coded), "", os.getpid()))


def run(names, capsys):
    jobs = [Job(Path(name), Path("made.nic")) for name in names]
    console = Console()
    code = runner.run(jobs, Work(console), console, show=console.say, processes=2)
    return code, capsys.readouterr().err.splitlines()


def test_what_goes_wrong_in_a_process_is_told_in_its_turn(capsys):
    code, lines = run(["a", "gone.png", "odd", "b"], capsys)
    assert code == 1
    assert lines[:2] == ["nic: warning: about a", "a is done"]
    assert lines[2].startswith("nic: gone.png: its process was killed")
    assert lines[3].startswith("nic: odd: unexpected ZeroDivisionError")
    assert lines[4:6] == ["nic: warning: about b", "b is done"]
    assert lines[6].startswith("2 done, 2 failed (gone.png, odd)")


def test_a_reason_to_stop_ends_all(capsys):
    with pytest.raises(Exception, match="of no use"):
        run(["a", "stop", "b"], capsys)


def test_what_is_being_written_when_all_end_is_waited_for_and_told(tmp_path, monkeypatch):
    """However long it takes: its input may be removed at the end of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    worker = processes._Worker(Work(Console()))
    worker.give(0, Job(Path("slow"), Path("made.nic")))
    while not Path("begun").exists():
        time.sleep(0.02)
    done = worker.end()
    assert done is not None and done.report is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_processes_and_says_what_goes_on(album, number):
    for n in range(40):
        (album / f"x{n}.png").write_bytes((album / "0.png").read_bytes())
    command = [sys.executable, "-m", "nic_cli", "encode", "album", "-o", "out/", "-j", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, start_new_session=True)
    while not list(Path("out").glob("*.nic")):
        time.sleep(0.02)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    last = said.decode().splitlines()[-2]
    assert " not tried" in last and last.endswith("; the same command with --skip-existing goes on")
    assert not [path for path in Path("out").iterdir() if path.suffix != ".nic"]
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, check=False).stdout:
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)


# -- --rm ------------------------------------------------------------------------------------------


def test_inputs_go_once_their_output_is_sound(nic, picture):
    done = nic("encode", picture, "--rm")
    assert done.code == 0 and done.lines[-1].endswith("photo.png removed") and not picture.exists()
    assert nic("decode", "photo.nic", "--rm").code == 0
    assert Path("photo.png").exists() and not Path("photo.nic").exists()


def test_an_input_stays_where_its_output_is_not_sound(nic, picture, monkeypatch):
    """Control: what is read back is looked at."""
    from nic_cli.errors import DamagedFile

    def damaged(*given, **more):
        raise DamagedFile("tile 0 is not what was written")

    monkeypatch.setattr("nic_cli.codec.verify", damaged)
    done = nic("encode", picture, "--rm")
    assert done.code == 3 and picture.exists() and "tile 0" in done.err
    monkeypatch.undo()


def test_what_was_skipped_or_failed_stays(nic, picture, packed):
    assert nic("encode", picture, "--rm", "--skip-existing").code == 0 and picture.exists()
    assert nic("encode", picture, "--rm").code == 5 and picture.exists()
    assert nic("encode", picture, "--rm", "-f", "--dry-run").code == 0 and picture.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "photo.png", "-o", "-"),
        ("encode", "-"),
        ("encode", "photo.png", "-o", "/dev/null"),
        ("encode", "photo.png", "--frame", "1"),
        ("encode", "photo.png", "--accept-truncated"),
        ("decode", "photo.nic", "-f", "--crop", "0,0,8,8"),
        ("decode", "photo.nic", "-f", "--scale", "1/2"),
    ],
)
def test_inputs_that_would_be_lost_in_part_are_not_removed(nic, picture, packed, arguments):
    done = nic(*arguments, "--rm", "-f", stdin=b"")
    assert done.code == 2 and len(done.lines) == 1 and "--rm: " in done.err
    assert picture.exists() and packed.exists()


def test_p_keeps_times(nic, picture):
    os.utime(picture, (1_000_000_000, 1_000_000_000))
    assert nic("encode", "-p", picture).code == 0
    assert Path("photo.nic").stat().st_mtime == 1_000_000_000


# -- sums and progress -----------------------------------------------------------------------------


def test_a_sum_says_bytes_time_and_rate(nic, album):
    (last,) = [line for line in nic("encode", album, "-o", "out/").lines if " done" in line]
    before = sum(path.stat().st_size for path in album.iterdir() if path.name != "2x.png")
    after = sum(path.stat().st_size for path in Path("out").iterdir())
    assert last.startswith(f"5 done, 1 failed (album/2x.png): {before:,} bytes -> {after:,} bytes (")
    assert f"({100 * (after / before - 1):+.1f} %), " in last and last.endswith(" megapixels a second")
    assert nic("encode", album, "-o", "new/", "--dry-run").lines[-1] == "6 to do, 0 failed"


def test_progress_is_written_for_programs(nic, album):
    done = nic("encode", album, "-o", "out/", "-Q", "--progress", "json")
    told = [json.loads(line) for line in done.lines if line.startswith("{")]
    assert told[-1] | {"seconds": 0} == {"progress": "files", "done": 6, "total": 6, "seconds": 0}
    assert [said["done"] for said in told] == sorted(said["done"] for said in told)


# -- what --rm must not lose -----------------------------------------------------------------------


def test_an_input_that_was_changed_meanwhile_stays(nic, picture, monkeypatch):
    from nic_cli import codec

    real = codec.verify

    def verify(*given, **more):
        picture.write_bytes(b"another picture, which nobody read")
        return real(*given, **more)

    monkeypatch.setattr("nic_cli.codec.verify", verify)
    done = nic("encode", picture, "--rm", "--json")
    assert done.code == 0 and picture.exists() and json.loads(done.out)["removed"] is False
    assert "photo.png: not removed: it was changed meanwhile" in done.err


def test_an_input_of_which_something_is_left_out_stays(nic, picture):
    with Image.open(picture) as image:
        image.convert("CMYK").save("inks.jpg")
    done = nic("encode", "inks.jpg", "--rm")
    assert done.code == 0 and Path("inks.jpg").exists()
    assert "inks.jpg: not removed: left out: inks" in done.err
    assert nic("encode", picture, "-o", "told.nic", "-f").code == 0
    with Image.open(picture) as image:
        image.save("told.png", dpi=(300, 300))
    assert nic("encode", "told.png", "-f").code == 0
    done = nic("decode", "told.nic", "-o", "told.ppm", "--rm")
    assert (
        done.code == 0 and Path("told.nic").exists() and "told.nic: not removed: PPM has no place" in done.err
    )


def test_a_file_that_is_larger_than_its_input_is_told_of_and_the_input_stays(nic):
    dots = np.random.default_rng(0).integers(0, 2, (64, 64), np.uint8) * 255
    Image.fromarray(dots).convert("1").save("drawing.png")
    done = nic("encode", "-q", "6", "drawing.png", "--rm")
    small, large = (Path(name).stat().st_size for name in ("drawing.png", "drawing.nic"))
    assert done.code == 0 and small < large
    assert "drawing.png: its file is larger than it is" in done.err
    assert "drawing.png: not removed: it is the smaller" in done.err


def test_a_folder_that_lets_nothing_go_is_told_of(nic, picture, monkeypatch):
    def refused(self):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        done = nic("encode", picture, "-o", "made.nic", "--rm")
    assert done.code == 0 and picture.exists() and Path("made.nic").exists()
    assert "photo.png: not removed: Permission denied" in done.err


def test_what_was_written_before_a_batch_ended_is_told(album, nic):
    """Inputs that were removed are all named, and their number is that of the sum."""
    (album / "2x.png").unlink()
    for n in range(30):
        (album / f"x{n:02}.png").write_bytes((album / "0.png").read_bytes())
    command = [sys.executable, "-m", "nic_cli", "encode", "album", "-o", "out/", "-j", "2", "--rm", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
    )
    while not list(Path("out").glob("*.nic")):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=60)
    told = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 143
    made = {path.stem for path in Path("out").iterdir()}
    assert made == {Path(record["output"]).stem for record in told if record["removed"]}
    assert not made & {path.stem for path in album.iterdir()}
    assert f"{len(made)} done, 0 failed" in said.decode()


# -- archives that grow ----------------------------------------------------------------------------


def test_an_output_that_holds_another_picture_is_not_taken_for_this_one(nic, picture):
    Path("in").mkdir()
    with Image.open(picture) as image:
        image.save("in/a.jpg")
        image.rotate(180).save("b.png")
    assert nic("encode", "in", "-o", "out/", "--skip-existing").code == 0
    Path("b.png").rename("in/a.png")
    done = nic("encode", "in", "-o", "out/", "--skip-existing")
    assert (done.code, done.counts) == (0, "1 done, 1 skipped, 0 failed")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.nic", "a.png.nic"]
    Path("in/a.jpg").unlink()
    assert nic("encode", "in", "-o", "out/", "--skip-existing").lines[0] == "out/a.png.nic  skipped, exists"
    back = nic("decode", "out", "-o", "back/", "--format", "original")
    assert back.code == 0 and sorted(p.name for p in Path("back").iterdir()) == ["a.jpg", "a.png"]


def test_two_files_of_one_original_both_come_back(nic, picture):
    Path("out").mkdir()
    assert nic("encode", picture, "-o", "out/").code == 0
    assert nic("encode", picture, "-o", "out/", "--keep-suffix", "-q", "1").code == 0
    back = nic("decode", "out", "-o", "back/", "--format", "original")
    assert back.code == 0 and back.counts == "2 done, 0 failed"
    names = ["photo.nic.png", "photo.png.nic.png"]
    assert sorted(path.name for path in Path("back").iterdir()) == names


def test_folders_that_are_left_out_are_told_of(nic, picture):
    Path("in/below").mkdir(parents=True)
    picture.rename("in/photo.png")
    assert nic("encode", "in").lines[0] == "in: a folder below it left out; -r takes all"
    assert "left out" not in nic("encode", "-r", "in", "-f").err
