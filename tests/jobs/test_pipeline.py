"""Neighbouring jobs overlap, and what comes out is what one after the other would give."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.errors import DamagedFile
from nic_cli.jobs import runner
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.runner import Report
from nic_cli.terminal.console import Console
from tests.cli.conftest import damaged


@dataclass(frozen=True)
class Record:
    name: str


@dataclass
class Steps:
    """Work that notes what is done in which order, and fails where it is told to."""

    failing: dict[str, str] = field(default_factory=dict)  # step by job
    left_out: frozenset[str] = frozenset()
    log: list[str] = field(default_factory=list)
    threads: dict[str, set[int]] = field(default_factory=dict)
    held: int = 0
    most: int = 0

    def _step(self, step: str, name: str) -> str:
        self.log.append(f"{step} {name}")
        self.threads.setdefault(step, set()).add(threading.get_ident())
        if self.failing.get(name) == step:
            raise DamagedFile(f"no {step}")
        return name

    def read(self, job, console):
        console.warn(f"{job.source}: a notice")
        name = self._step("read", job.source.stem)
        self.held += 1
        self.most = max(self.most, self.held)
        return None if name in self.left_out else name

    def code(self, name):
        return self._step("code", name)

    def write(self, job, name, console):
        console.detail(f"{job.source}: a detail")
        self._step("write", name)
        self.held -= 1
        return Report(f"{name} done", Record(name))


def run(steps, capsys, names="abcdef", **options):
    jobs = [Job(Path(f"{name}.in"), Path(f"{name}.out")) for name in names]
    console = Console(verbose=True)
    code = runner.run(jobs, steps, console, show=console.say, **options)
    return code, capsys.readouterr().err.splitlines()


def test_reading_and_writing_go_on_while_another_is_coded(capsys):
    """Each coding waits until the next is read, and the one before is being written."""
    steps, read, written = Steps(), threading.Semaphore(0), threading.Semaphore(0)
    real = Steps.read, Steps.code, Steps.write

    class Meeting(Steps):
        def read(self, job, console):
            read.release()
            return real[0](self, job, console)

        def code(self, name):
            if name == "a":
                assert read.acquire(timeout=30)  # its own
            if name != "c":
                assert read.acquire(timeout=30), f"nothing was read while {name} was coded"
            if name != "a":
                assert written.acquire(timeout=30), f"nothing was written while {name} was coded"
            return real[1](self, name)

        def write(self, job, name, console):
            written.release()
            return real[2](self, job, name, console)

    steps = Meeting()
    assert run(steps, capsys, "abc")[0] == 0
    assert steps.threads["code"] == {threading.get_ident()}
    assert threading.get_ident() not in steps.threads["read"] | steps.threads["write"]


def test_few_pictures_are_held(capsys):
    steps = Steps()
    run(steps, capsys, "abcdefghijklmnopqrst")
    assert 1 <= steps.most <= 3


def test_everything_is_told_in_the_order_of_the_inputs(capsys):
    steps = Steps(failing={"b": "read", "c": "code", "e": "write"}, left_out=frozenset("d"))
    code, lines = run(steps, capsys)
    assert code == 1
    assert lines == [
        "nic: warning: a.in: a notice",
        "a.in: a detail",
        "a done",
        "nic: warning: b.in: a notice",
        "nic: b.in: no read",
        "nic: warning: c.in: a notice",
        "nic: c.in: no code",
        "nic: warning: d.in: a notice",
        "nic: warning: e.in: a notice",
        "e.in: a detail",
        "nic: e.in: no write",
        "nic: warning: f.in: a notice",
        "f.in: a detail",
        "f done",
        "2 done, 1 skipped, 3 failed (b.in, c.in, e.in)",
    ]


@pytest.mark.parametrize("step", ["read", "code", "write"])
def test_nothing_is_written_after_the_failure_that_ends_a_batch(capsys, step):
    steps = Steps(failing={"c": step})
    code, lines = run(steps, capsys, fail_fast=True)
    assert (code, lines[-1]) == (1, "2 done, 1 failed (c.in), 3 not tried")
    assert [entry for entry in steps.log if entry.startswith("write")][:2] == ["write a", "write b"]
    assert "write d" not in steps.log


def test_what_no_other_could_do_better_ends_the_batch(capsys):
    class Hopeless(Steps):
        def code(self, name):
            if name == "b":
                raise runner.Stop(DamagedFile("no model"))
            return super().code(name)

    steps = Hopeless()
    with pytest.raises(DamagedFile, match="no model"):
        run(steps, capsys)
    assert [entry for entry in steps.log if entry.startswith("write")] == ["write a"]


def test_an_interrupt_leaves_no_thread_and_tells_what_was_written(capsys):
    class Interrupted(Steps):
        def code(self, name):
            if name == "c":
                raise KeyboardInterrupt
            return super().code(name)

    before = threading.active_count()
    steps = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(steps, capsys)
    assert threading.active_count() == before
    assert "b done" in capsys.readouterr().err
    assert "read e" not in steps.log


def test_a_batch_gives_the_files_that_single_runs_give(nic, coded, pixels):
    for name in "abcd":
        Image.fromarray(np.roll(pixels, ord(name), 1)).save(f"{name}.png")
    Path("b.png").write_bytes(b"no picture")
    assert nic("encode", *(f"{name}.png" for name in "abcd"), "-o", "batch/").code == 1
    for name in "acd":
        assert nic("encode", f"{name}.png", "-o", "single/").code == 0
        assert Path(f"batch/{name}.nic").read_bytes() == Path(f"single/{name}.nic").read_bytes()
    Path("batch/b.nic").write_bytes(damaged(coded))
    done = nic("decode", *(f"batch/{name}.nic" for name in "abcd"), "-o", "back/")
    assert (done.code, done.counts) == (1, "3 done, 1 failed")
    for name in "acd":
        nic("decode", f"batch/{name}.nic", "-o", f"one-{name}.png")
        assert Path(f"back/{name}.png").read_bytes() == Path(f"one-{name}.png").read_bytes()
    assert sorted(path.name for path in Path("back").iterdir()) == ["a.png", "c.png", "d.png"]
