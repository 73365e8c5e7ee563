"""A bar appears on a terminal, when work takes long, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from nic_cli.terminal import progress
from nic_cli.terminal.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch):
    """Do some steps of work with a terminal for standard error; give what it shows."""

    def work(console: Console, steps: int, patience: float) -> str:
        stream = Terminal()
        with monkeypatch.context() as patch:
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stderr", stream)
            patch.setattr(progress, "PATIENCE", patience)
            with console.progress("files", steps) as bar:
                for step in range(1, steps + 1):
                    bar(step, steps)
        return stream.getvalue()

    return work


def test_long_work_shows_a_bar(shown):
    text = shown(Console(), 3, patience=-1.0)
    assert "files" in text
    assert "/3" in text


def test_work_whose_steps_say_little_shows_a_share_and_where_it_is(monkeypatch):
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    with Console().progress("training", in_percent=True) as bar:
        bar(1, 4, "structure, step 7")
    assert "structure, step 7" in stream.getvalue() and "25%" in stream.getvalue()
    assert "/4" not in stream.getvalue() and "training" not in stream.getvalue()


def test_short_quiet_and_single_work_does_not(shown):
    assert shown(Console(), 3, patience=9.0) == ""
    assert shown(Console(quiet=True), 3, patience=-1.0) == ""
    assert shown(Console(), 1, patience=-1.0) == ""


def test_nor_does_work_without_a_terminal(shown, monkeypatch):
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    assert shown(Console(), 3, patience=-1.0) == ""


def test_one_picture_has_a_bar_in_percent(nic, packed, monkeypatch):
    from nic_cli import codec

    real = codec.stream

    def stepwise(container, model, *, progress, **options):
        progress(1, 4)
        return real(container, model, **options)

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr("nic_cli.codec.stream", stepwise)
    done = nic("decode", packed, err_terminal=True)
    assert done.code == 0
    assert "decoding" in done.err and "25%" in done.err
    assert done.out == b""
