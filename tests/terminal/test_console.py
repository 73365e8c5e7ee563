"""What is shown to people: one safe line each, colour only where it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nic_cli.terminal.console import one_line

EVIL = "a\x1b[31m\nnic: all is well\u202e\x07.nic"


def test_control_characters_become_escapes():
    assert one_line("a\x1b[2J\x07b") == r"a\x1b[2J\x07b"
    assert one_line("first\n  second\r\nthird\n") == "first second third"
    assert one_line("\u202egnp.exe") == r"\u202egnp.exe"
    assert one_line("naïve  日本") == "naïve  日本"
    assert one_line("\udcff") == r"\udcff"


@pytest.mark.parametrize("command", ["info", "verify", "decode"])
def test_names_cannot_drive_the_terminal(nic, coded, command):
    for content in (coded, b"no file"):
        Path(EVIL).write_bytes(content)
        done = nic(command, "-f", EVIL)
        for text in (done.err, done.out.decode()):
            assert "\x1b" not in text
            assert "\x07" not in text
            assert "\u202e" not in text
            assert not any(line.startswith("nic: all is well") for line in text.splitlines())


def test_arguments_cannot_either(nic, picture):
    for arguments in (["--\x1b[31mred"], ["-m", "\x1b]0;title\x07"], ["--device", "\x1b[2J"]):
        done = nic("encode", picture, *arguments)
        assert done.code in (2, 4)
        assert "\x1b" not in done.err
        assert len(done.lines) == 1


def test_colour_on_a_terminal_only(nic):
    assert "\x1b" not in nic("info", "gone.nic").err
    assert nic("info", "gone.nic", err_terminal=True).err.startswith("\x1b[31mnic:\x1b[0m gone.nic")
    assert "\x1b" not in nic("info", "gone.nic", "--color", "never", err_terminal=True).err


def test_colour_by_option_and_variable(nic, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in nic("info", "gone.nic", err_terminal=True).err
    assert "\x1b[31m" in nic("info", "gone.nic", "--color", "always").err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in nic("info", "gone.nic").err
    assert "\x1b" not in nic("info", "gone.nic", "--color", "never").err


def test_the_table_of_info(nic, packed, coded):
    done = nic("info", packed)
    lines = done.out.decode().splitlines()
    assert lines[0] == "photo.nic"
    assert "picture    80 x 48, RGB, 8 bit" in lines
    assert f"size       {len(coded):,} bytes, {8 * len(coded) / 3840:.3f} bits per pixel" in lines
    assert "metadata   none" in lines
    assert done.err == ""


def test_standard_error_may_be_gone(nic, packed, monkeypatch):
    import sys

    from nic_cli.__main__ import main

    monkeypatch.setattr(sys, "stderr", None)
    assert main(["info", "gone.nic"]) == 3
