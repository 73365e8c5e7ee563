"""The command: what it refuses, the line that it says, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nic_cli.view import command
from nic_cli.view.server import ASSETS
from tests.cli.conftest import python, spawn

from .conftest import ask

ADDRESS = re.compile(r"(http://127\.0\.0\.1:(\d+)/[\w-]{32,}/)  ends with its last tab, or with Ctrl-C\n")


def started(*arguments: object) -> tuple[subprocess.Popen[bytes], str]:
    """A process that serves, and its address."""
    process = spawn("view", *arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    found = ADDRESS.fullmatch(process.stderr.readline().decode())
    assert found
    return process, found[1]


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, b"nic: interrupted\n"), (signal.SIGTERM, 143, b"nic: terminated\n")],
)
def test_a_signal_ends_it_with_its_code_and_one_line(packed, number, code, said):
    process, url = started("--no-browser", packed)
    assert ask(f"{url}0/picture").status == 200
    process.send_signal(number)
    assert ended(process) == (code, b"", said)


def test_it_ends_soon_after_its_last_tab(packed):
    process, url = started("--no-browser", packed)
    port, token = re.search(r":(\d+)/(.*)/", url).groups()
    with socket.create_connection(("127.0.0.1", int(port))) as tab:
        tab.sendall(f"GET /{token}/alive HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert tab.recv(1000).startswith(b"HTTP/1.1 200 ")
        time.sleep(1)
        assert process.poll() is None
    left = time.monotonic()
    assert ended(process) == (0, b"", b"")
    assert 4 < time.monotonic() - left < 20


def test_the_port_is_the_one_that_was_named(packed):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = spawn("view", "--no-browser", "--port", port, packed, stderr=subprocess.PIPE)
        code, _, err = ended(process)
        assert code == 1 and re.fullmatch(rb"nic: --port \d+: .*; give another, .*\n", err)
    process, url = started("--no-browser", "--port", port, packed)
    assert f":{port}/" in url
    process.terminate()
    ended(process)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these have a display, or do not say")
def test_without_a_display_it_says_what_to_do(nic, packed, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    done = nic("view", packed)
    assert done.code == 1 and len(done.lines) == 1 and done.out == b""
    assert all(part in done.err for part in ("no display", "--no-browser", "ssh -L"))


def test_a_display_without_a_browser_is_as_good_as_none(nic, packed, monkeypatch):
    import webbrowser

    def none(using=None):
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", none)
    done = nic("view", packed)
    assert done.code == 1 and "--no-browser" in done.err and len(done.lines) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the browser")
def test_the_browser_is_given_the_address(packed, tmp_path, monkeypatch):
    browser, given = tmp_path / "browser", tmp_path / "given"
    browser.write_text(f'#!/bin/sh\necho "$1" > {given}.part && mv {given}.part {given}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    process, url = started(packed)
    deadline = time.monotonic() + 30
    while not given.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert given.read_text() == f"{url}\n"
    process.terminate()
    ended(process)


def test_a_browser_that_will_not_open_is_told_and_nothing_is_left(nic, packed, monkeypatch):
    monkeypatch.setattr(command, "has_display", lambda: True)
    monkeypatch.setattr(command.webbrowser, "open", lambda url: False)
    done = nic("view", packed, "-Q")
    assert done.code == 1 and "--no-browser" in done.err and len(done.lines) == 1


def test_the_address_is_said_even_to_who_wants_quiet(packed):
    process, _ = started("--no-browser", "-Q", packed)
    process.terminate()
    ended(process)


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"no file of ours", 3, "photo.nic: not a .nic file"),
        (b"", 3, "photo.nic: "),
        (None, 3, "photo.nic: No such file"),
    ],
)
def test_an_only_file_that_is_none_is_refused_at_once(nic, clean_place, data, code, said):
    if data is not None:
        Path("photo.nic").write_bytes(data)
    done = nic("view", "--no-browser", "photo.nic")
    assert done.code == code and said in done.err and len(done.lines) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing argument"),
        (("-",), "standard input"),
        (("photo.nic", "--port", "70000"), "--port: 70000"),
        (("photo.nic", "--port", "-1"), "--port: -1"),
        (("photo.nic", "--original", "a.png", "--original", "b.png"), "2 were named for 1 files"),
        (("empty/",), "nothing to do"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_usage(nic, packed, arguments, said):
    Path("empty").mkdir()
    done = nic("view", "--no-browser", *arguments)
    assert done.code == 2 and said in done.err and len(done.lines) == 1


def test_a_display_is_known_by_what_the_desktop_sets(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(command.webbrowser, "get", lambda: object())
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not command.has_display()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        with monkeypatch.context() as patch:
            patch.setitem(os.environ, name, "x")
            assert command.has_display()


def test_help_costs_neither_server_nor_browser(clean_place):
    code = (
        "import sys; from nic_cli.__main__ import main; main(['view', '--help']); "
        "sys.exit(bool({'nic_cli.view', 'http.server', 'webbrowser', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = python(code)
    assert done.returncode == 0 and b"--original" in done.stdout


def test_the_page_is_in_the_package():
    package = Path(command.__file__).parents[1]
    assert all((package / path).is_file() for path in ASSETS.values())
