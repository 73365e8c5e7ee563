"""Pipes, in processes of their own: round trips, readers that leave, outputs that are not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import python, spawn

PIPE = subprocess.PIPE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells and devices")


def test_encode_piped_into_decode(picture, coded):
    with picture.open("rb") as source:
        encoder = spawn("encode", "-", stdin=source, stdout=PIPE, stderr=PIPE)
        decoder = spawn("decode", "-", "-o", "-", stdin=encoder.stdout, stdout=PIPE, stderr=PIPE)
    out, err = decoder.communicate(timeout=120)
    with encoder, encoder.stdout, encoder.stderr:
        assert encoder.stderr.read().startswith(b"standard output")
    assert (encoder.returncode, decoder.returncode) == (0, 0), err
    assert out.startswith(b"\x89PNG\r\n\x1a\n")


def closed_reader(*arguments: object, stdin=None) -> tuple[int, bytes]:
    process = spawn(*arguments, stdin=stdin, stdout=PIPE, stderr=PIPE)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    return process.wait(timeout=120), err


def test_a_reader_that_leaves_is_no_news(packed, coded):
    assert closed_reader("info", packed) == (1, b"")
    assert closed_reader("info", "--json", *[packed] * 50) == (1, b"")
    assert closed_reader("--help") in ((1, b""), (0, b""))
    assert closed_reader("decode", "-Q", packed, "-o", "-") == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("arguments", [("info", "photo.nic"), ("info", "--json", "photo.nic"), ("--help",)])
def test_a_full_standard_output_is_one_line(packed, arguments):
    with Path("/dev/full").open("wb") as full:
        process = spawn(*arguments, stdout=full, stderr=PIPE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(b"nic: ")
    assert b"No space left on device" in err
    assert err.count(b"\n") == 1


def test_standard_output_that_is_closed_is_one_line(packed):
    command = f'exec "{sys.executable}" -m nic_cli info photo.nic >&-'
    done = python("import subprocess, sys; sys.exit(subprocess.call(sys.argv[1], shell=True))", command)
    assert done.returncode == 1
    assert done.stderr == b"nic: standard output is closed: name a file with -o\n"


def test_standard_input_that_is_closed_or_a_terminal_is_one_line(clean_place):
    command = f'exec "{sys.executable}" -m nic_cli info - <&-'
    done = python("import subprocess, sys; sys.exit(subprocess.call(sys.argv[1], shell=True))", command)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    import pty

    _master, slave = pty.openpty()
    process = spawn("info", "-", stdin=slave, stderr=PIPE)
    assert b"nothing is piped" in process.communicate(timeout=60)[1]
    assert process.returncode == 2


def test_standard_input_is_read_only_when_it_is_named(picture):
    with picture.open("rb") as source:
        process = spawn("encode", stdin=source, stdout=PIPE, stderr=PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert b"no input" in err


def test_endless_and_empty_input_is_refused(clean_place):
    with Path("/dev/zero").open("rb") as zero:
        process = spawn("decode", "-", stdin=zero, stdout=PIPE, stderr=PIPE)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count(b"\n")) == (3, b"", 1)
    process = spawn("decode", "-", stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count(b"\n")) == (3, b"", 1)


def test_a_name_that_is_a_dash_is_a_file_when_it_has_a_path(nic, coded):
    Path("-").write_bytes(coded)
    assert nic("verify", "./-").code == 0
