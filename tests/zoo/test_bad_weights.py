"""Weights that are not a model, or not the right one, are refused by name before anything is computed."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from nic_cli.errors import ModelError
from nic_cli.zoo.model_folder import read_folder
from nic_cli.zoo.registry import CONFIG, TABLE, WEIGHTS, File

from .conftest import kept, refused

Files = dict[str, bytes]


class Payload:
    """What a pickle would run if anyone unpickled it."""

    def __reduce__(self):
        return print, ("pwned",)


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        found = load(files[WEIGHTS])
        change(found)
        files[WEIGHTS] = save(found)

    return apply


def weights(change: Callable[[bytes], bytes]) -> Callable[[Files], None]:
    return lambda files: files.update({WEIGHTS: change(files[WEIGHTS])})


def config(**values: object) -> Callable[[Files], None]:
    return lambda files: files.update({CONFIG: json.dumps({**json.loads(files[CONFIG]), **values}).encode()})


def header(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    """Change the JSON header of safetensors, its length mended."""

    def apply(data: bytes) -> bytes:
        (length,) = struct.unpack("<Q", data[:8])
        said = json.loads(data[8 : 8 + length])
        change(said)
        text = json.dumps(said).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    return apply


def _overlap(said: dict) -> None:
    first, second = sorted(name for name in said if name.startswith("synthesis."))[:2]
    said[first]["data_offsets"] = said[second]["data_offsets"]


TAIL = "synthesis.tail.weight"
BAD: dict[str, tuple[Callable[[Files], object], str]] = {  # what is wrong, and the words that say so
    "a pickle in disguise": (weights(lambda data: pickle.dumps(Payload())), "not a safetensors file"),
    "a header longer than the file": (
        weights(lambda d: struct.pack("<Q", 2**40) + d[8:]),
        "not a safetensors",
    ),
    "a header shorter than it is": (
        weights(lambda d: struct.pack("<Q", 16) + d[8:]),
        "not a safetensors file",
    ),
    "overlapping tensors": (weights(header(_overlap)), "not a safetensors file"),
    "cut": (weights(lambda data: data[:-100]), "not a safetensors file"),
    "bytes at the end": (weights(lambda data: data + b"more"), "not a safetensors file"),
    "zero bytes": (weights(lambda data: b""), ""),
    "all zeros": (weights(lambda data: bytes(len(data))), "not a safetensors file"),
    "a missing tensor": (tensors(lambda t: t.pop(TAIL)), TAIL),
    "a missing table": (tensors(lambda t: t.pop("tables.lows")), "tables.lows"),
    "an extra tensor": (tensors(lambda t: t.update(extra=torch.zeros(2))), "extra"),
    "a wrong shape": (tensors(lambda t: t.update({TAIL: t[TAIL][:-1].clone()})), TAIL),
    "a transposed shape": (tensors(lambda t: t.update({TAIL: t[TAIL].flatten()})), TAIL),
    "a wrong type": (tensors(lambda t: t.update({TAIL: t[TAIL].to(torch.int32)})), TAIL),
    "a NaN": (tensors(lambda t: t[TAIL].view(-1)[3:4].fill_(float("nan"))), TAIL),
    "an infinity": (tensors(lambda t: t[TAIL].view(-1)[3:4].fill_(float("inf"))), TAIL),
    "a scale network over its bound": (tensors(lambda t: t["scales.head.bias"].fill_(2**30)), "2^24"),
    "tables that do not sum up": (tensors(lambda t: t["tables.frequencies"][-1:].add_(1)), "sums to"),
    "tables of floats": (
        tensors(lambda t: t.update({"tables.frequencies": t["tables.frequencies"].half()})),
        "frequencies",
    ),
    **{
        f"{name} of type {kind}": (weights(header(lambda said, n=name, k=kind: said[n].update(dtype=k))), "")
        for name in ("scales.head.weight", "scales.q_bias", "selftest", TAIL)
        for kind in ("BF16", "F8_E8M0", "F8_E4M3", "F4", "BOOL", "C64")
        if (name, kind) != ("selftest", "BOOL")
    },
    "a bias of no numbers": (
        tensors(lambda t: t.update({"scales.q_bias": t["scales.q_bias"][:0]})),
        "q_bias",
    ),
    "a width that is true": (config(latent=True), "latent"),
    "a depth that is true": (config(context_depth=True), "context_depth"),
    "an unknown key": (config(wings=2), "wings"),
    "another width": (config(latent=32), ""),
    "a width without bounds": (config(latent=10**9), "latent"),
    "another kind": (config(kind="pickle"), "kind"),
    "no name": (config(name=None), "name"),
    "a later version": (config(version=2), "newer nic"),
    "a version that is no number": (config(version="1"), "version"),
    "version 0": (config(version=0), "version"),
    "a config that is not JSON": (lambda f: f.update({CONFIG: b"name: tiny"}), "not JSON"),
    "a config of bytes": (lambda f: f.update({CONFIG: b"\xff\xfe\0"}), "not JSON"),
    "a config that is a list": (lambda f: f.update({CONFIG: b"[1]"}), "config.json"),
    "a config without end": (lambda f: f.update({CONFIG: b"[" * 100_000}), "config.json"),
    "no config": (lambda f: f.pop(CONFIG), "config.json"),
    "no weights": (lambda f: f.pop(WEIGHTS), "model.safetensors"),
}


def spoil(tiny: Files, what: str) -> Files:
    files = dict(tiny)
    BAD[what][0](files)
    assert files != tiny
    return files


@pytest.fixture
def no_network(monkeypatch):
    """Nothing may be computed with what is refused."""

    def fail(*_, **__):
        raise AssertionError("a refused model was used")

    monkeypatch.setattr("nic_cli.zoo.load.ready", fail)
    monkeypatch.setattr("nic_cli.zoo.load.PlainNative", fail)


@pytest.mark.parametrize("what", BAD)
def test_from_a_folder(tiny, what, tmp_path, no_network):
    for name, data in spoil(tiny, what).items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError) as error:
        read_folder(tmp_path)
    assert BAD[what][1] in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("what", BAD)
def test_from_the_hub(nic, hub, tiny, what, hasty, place, no_network):
    commit = hub.commit("someone/bad", spoil(tiny, what))
    done = nic("models", "pull", f"hf://someone/bad@{commit}", "--trust", "-Q")
    refused(done, 4, BAD[what][1])
    assert b"pwned" not in done.out
    assert not kept(place)


def test_the_control_a_sound_folder_passes(nic, hub, tiny, tmp_path, place):
    for name, data in tiny.items():
        (tmp_path / name).write_bytes(data)
    assert read_folder(tmp_path).config.name == "tiny"
    commit = hub.commit("someone/good", tiny)
    assert nic("models", "pull", f"hf://someone/good@{commit}", "--trust").code == 0
    assert WEIGHTS in kept(place)


def test_the_control_of_no_network(nic, tiny_folder, no_network):
    assert nic("models", "verify", tiny_folder).code == 1


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "README.md"])
def test_a_wrong_sha256_in_the_table(nic, hub, known, monkeypatch, place, name, no_network):
    files = {**known.entry.files, name: File(known.entry.files[name].size, "0" * 64)}
    monkeypatch.setitem(TABLE, "tiny", replace(known.entry, files=files))
    refused(nic("models", "pull", "tiny", "-Q"), 4, name, "SHA-256", "000000000000")
    assert not kept(place)


def test_a_wrong_id_in_the_table(nic, hub, known, monkeypatch, place):
    monkeypatch.setitem(TABLE, "tiny", replace(known.entry, id="0" * 16))
    refused(nic("models", "pull", "tiny", "-Q"), 4, "id", known.entry.id)
    assert not kept(place)


def test_integers_that_fail_the_self_test(nic, tiny_folder):
    found = load((tiny_folder / WEIGHTS).read_bytes())
    found["selftest"] = 255 - found["selftest"]
    (tiny_folder / WEIGHTS).write_bytes(save(found))
    refused(nic("models", "verify", tiny_folder, "-Q"), 4, "self-test")


def test_a_file_that_grows_over_the_limit_is_not_read(tiny_folder, monkeypatch):
    monkeypatch.setitem(__import__("nic_cli.zoo.registry").zoo.registry.LIMITS, WEIGHTS, 1000)
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        read_folder(tiny_folder)


def test_what_is_hashed_is_what_is_parsed(nic, hub, known, monkeypatch):
    """Each file of the cache is opened once: no one can change it between the hash and the parser."""
    assert nic("models", "pull", "tiny").code == 0
    from nic_cli.zoo.find import find

    opened, real = [], Path.open

    def counted(path, *arguments, **options):
        opened.append(path.name)
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    read_folder(find("tiny").folder)
    assert sorted(opened) == [CONFIG, WEIGHTS]
