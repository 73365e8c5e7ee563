"""Whoever waits at a terminal is told what for, and nothing of that is left behind."""

from __future__ import annotations

import io
import shutil
import sys
import time

import pytest

from nic_cli.terminal import waiting
from nic_cli.terminal.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def attach(monkeypatch):
    """Makes standard error a terminal: called in the test itself, since pytest changes it before."""

    def now() -> Terminal:
        stream = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(waiting, "PATIENCE", 0.01)
        return stream

    return now


def seen(text: str) -> list[str]:
    """What stands on the lines of a terminal in the end."""
    lines = [""]
    column = 0
    for c in text:
        if c == "\r":
            column = 0
        elif c == "\n":
            lines.append("")
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + c + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def wait_for(stream: Terminal) -> None:
    for _ in range(500):
        if stream.getvalue():
            return
        time.sleep(0.01)
    raise AssertionError("no line")


def test_a_line_appears_and_goes(attach):
    terminal = attach()
    with Console().working_on("photo.nic"):
        wait_for(terminal)
        assert seen(terminal.getvalue()) == ["photo.nic ..."]
    assert seen(terminal.getvalue()) == [""]


def test_other_lines_take_its_place(attach):
    terminal = attach()
    console = Console()
    with console.working_on("a name so long that it would not fit on the line of a terminal" * 3):
        wait_for(terminal)
        assert len(seen(terminal.getvalue())[0]) == shutil.get_terminal_size().columns - 1
        console.warn("something")
    assert seen(terminal.getvalue())[0].endswith("something") and len(seen(terminal.getvalue())) == 2


def test_short_work_and_quiet_work_have_none(attach, monkeypatch):
    terminal = attach()
    with Console(quiet=True).working_on("photo.nic"):
        time.sleep(0.05)
    monkeypatch.setattr(waiting, "PATIENCE", 9.0)
    with Console().working_on("photo.nic"):
        pass
    assert terminal.getvalue() == ""


def test_what_is_no_terminal_has_none(attach, monkeypatch):
    terminal = attach()
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    with Console().working_on("photo.nic"):
        time.sleep(0.05)
    assert terminal.getvalue() == ""


def test_a_command_says_what_it_works_on_while_its_model_is_read(nic, packed, monkeypatch):
    """And its report stands alone in the end."""
    from nic_cli.zoo import load

    real = load.load

    def slowly(*given, **more):
        time.sleep(0.3)
        return real(*given, **more)

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(waiting, "PATIENCE", 0.01)
    monkeypatch.setattr(load, "load", slowly)
    done = nic("decode", packed, err_terminal=True)
    assert done.code == 0 and f"{packed} ..." in done.err
    assert [line for line in seen(done.err) if line][-1].startswith(str(packed.with_suffix(".png")))


def test_a_line_of_wide_letters_fits_and_goes(attach, monkeypatch):
    terminal = attach()
    monkeypatch.setenv("COLUMNS", "40")
    with Console().working_on("写真" * 20):
        wait_for(terminal)
        line = terminal.getvalue()
        assert waiting._cells(line) == 39 and line.endswith("...")
    assert terminal.getvalue() == line + "\r" + 39 * " " + "\r"
