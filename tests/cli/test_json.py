"""The keys and the order of every JSON object, as the contract has them."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest

from .conftest import damaged

ENCODE = "input output model q b width height bytes bpp tiles seconds kept not_kept removed".split()
DECODE = "input output model b width height bytes seconds removed".split()
VERIFY = "input ok payload symbols".split()
INFO = (
    "input format_version width height channels alpha bit_depth model q b tile tiles bytes bpp "
    "overhead_bytes "
    "decode_memory_bytes metadata "
    "original unknown"
).split()
KINDS = "icc exif xmp preview cicp gain_map resolution texts iptc geo".split()


def only(done) -> dict:
    (line,) = done.out.splitlines()
    return json.loads(line)


def test_encode(nic, picture):
    said = only(nic("encode", "--json", picture))
    n_bytes = Path("photo.nic").stat().st_size
    assert list(said) == ENCODE
    assert said.pop("seconds") > 0
    assert said == {
        "input": "photo.png",
        "output": "photo.nic",
        "model": "iris",
        "q": 2.0,
        "b": 0.75,
        "width": 80,
        "height": 48,
        "bytes": n_bytes,
        "bpp": round(8 * n_bytes / 3840, 6),
        "tiles": 1,
        "kept": ["name and format"],
        "not_kept": [],
        "removed": False,
    }


def test_encode_from_standard_input(nic, picture):
    done = nic("encode", "--json", "-", "-o", "x.nic", stdin=picture.read_bytes())
    assert (only(done)["input"], only(done)["output"]) == ("-", "x.nic")


def test_decode(nic, packed):
    said = only(nic("decode", "--json", packed))
    assert list(said) == DECODE
    assert (said["input"], said["output"], said["model"], said["b"]) == (
        "photo.nic",
        "photo.png",
        "iris",
        0.75,
    )
    assert said["bytes"] == Path("photo.png").stat().st_size


def test_info(nic, packed, coded):
    said = only(nic("info", "--json", packed))
    assert list(said) == INFO
    assert list(said["model"]) == ["name", "id"]
    assert len(bytes.fromhex(said["model"]["id"])) == 8
    assert said["metadata"] == dict.fromkeys(KINDS, 0)
    assert said["original"] is None
    assert (said["input"], said["alpha"]) == (str(packed), False)
    assert (said["width"], said["height"], said["channels"], said["bit_depth"]) == (80, 48, 3, 8)
    assert (said["bytes"], said["tiles"], said["tile"]) == (len(coded), 1, 1024)
    assert 0 < said["overhead_bytes"] <= 48
    assert 100e6 < said["decode_memory_bytes"] < 200e6
    major, minor = said["format_version"].split(".")
    assert major.isdecimal()
    assert minor.isdecimal()


def test_info_and_verify_of_standard_input(nic, coded):
    assert only(nic("info", "--json", "-", stdin=coded))["width"] == 80
    assert only(nic("verify", "--json", "-", stdin=coded))["input"] == "-"


def test_verify(nic, packed, coded):
    from nic_cli.container.file import unpack

    container = unpack(coded)
    said = only(nic("verify", "--json", packed))
    assert list(said) == VERIFY
    assert said["ok"] is True
    assert said["payload"] == f"{crc32(container.tiles[0].payload):08x}"
    assert said["symbols"] == f"{crc32(container.tiles[0].symbols_crc.to_bytes(4, 'little')):08x}"
    assert nic("verify", packed).out.decode() == f"photo.nic: ok  symbols {said['symbols']}\n"


def test_verify_of_a_damaged_file(nic, coded):
    Path("bad.nic").write_bytes(damaged(coded))
    said = only(nic("verify", "--json", "bad.nic"))
    assert list(said) == [*VERIFY, "error", "code"]
    assert (said["ok"], said["payload"], said["symbols"], said["code"]) == (False, None, None, 3)


@pytest.mark.parametrize("command", ["encode", "decode", "info"])
def test_failures(nic, command):
    done = nic(command, "--json", "gone.nic", *(["-o", "x.nic"] if command == "encode" else []))
    assert only(done) == {
        "input": "gone.nic",
        "error": "gone.nic: No such file or directory; check the name",
        "code": 3,
    }
    assert done.code == 3


def test_json_is_ascii_whatever_the_name(nic, coded):
    Path("naïve \udcff.nic").write_bytes(coded)
    done = nic("verify", "--json", "naïve \udcff.nic")
    assert done.out.isascii()
    assert only(done)["input"] == "naïve \udcff.nic"
