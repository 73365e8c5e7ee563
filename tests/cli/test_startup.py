"""Help, version and info start fast because they leave the heavy libraries alone."""

from __future__ import annotations

import re

import pytest

import nic_cli

from .conftest import python

LOADED = """
import sys
from nic_cli.__main__ import main
code = main(sys.argv[1:])
print(code, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"torch", "numpy", "PIL", "constriction", "safetensors", "huggingface_hub"}


def loaded(*arguments: object) -> tuple[str, set[str]]:
    done = python(LOADED, *arguments)
    code, *modules = done.stderr.decode().split()
    assert code == "0", done.stderr
    return done.stdout.decode(), set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["encode", "--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(arguments):
    out, modules = loaded(*arguments)
    assert out
    assert not modules & HEAVY


def test_info_loads_nothing_heavy(packed):
    out, modules = loaded("info", packed)
    assert "80 x 48" in out
    assert not modules & (HEAVY | {"rich"})


def test_failing_to_read_a_picture_costs_no_torch(clean_place):
    (clean_place / "no.png").write_bytes(b"no picture")
    done = python(LOADED, "encode", "no.png")
    code, *modules = done.stderr.decode().splitlines()[-1].split()
    assert code == "3"
    assert "torch" not in modules


def test_coding_an_ordinary_picture_costs_no_torch(picture):
    packed = picture.with_suffix(".nic")
    for command in (("encode", picture), ("decode", "-f", packed), ("verify", packed)):
        _, modules = loaded(*command, "-Q")
        assert {"numpy"} <= modules and not modules & {"torch", "sympy"}


def test_version_says_package_format_torch_and_device(nic):
    done = nic("--version")
    assert done.code == 0
    wanted = rf"nic {re.escape(nic_cli.__version__)}\nformat \d+\.\d+\ntorch \S+\ndevice (cpu|cuda|mps)\n"
    assert re.fullmatch(wanted, done.out.decode())
