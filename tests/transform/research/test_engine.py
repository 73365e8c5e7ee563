"""Research systems in windows, with notes, in other arithmetics: the same symbols and pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from nic_cli import codec
from nic_cli.container import file
from nic_cli.container.table_notes import pack_notes, unpack_notes
from nic_cli.errors import DamagedFile
from nic_cli.image.reading import from_array
from nic_cli.tiles import strips
from nic_cli.tiles.grid import extended
from nic_cli.transform.research import engine as engines
from nic_cli.transform.research.engine import Engine
from nic_cli.transform.research.systems import SYSTEMS
from nic_cli.zoo.checkpoint_import import import_model
from nic_cli.zoo.load import load
from tests.transform.research import weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small QVRF, whose context is serial: the hardest to keep in step."""
    place = tmp_path_factory.mktemp("small")
    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=12)
    torch.save(weights.state("qvrf", system), place / "q.pt")
    import_model("qvrf", [place / "q.pt"], place / "model", "small", half=False, say=print)
    return place / "model"


@pytest.fixture(scope="module")
def model(folder):
    return load(str(folder), "cpu")


@pytest.fixture(scope="module")
def picture(photographs):
    return from_array(photographs["astronaut"][:150, :200])


@pytest.mark.parametrize("kind", SYSTEMS)
def test_windows_give_what_the_whole_picture_gives(kind, monkeypatch):
    torch.manual_seed(0)
    system = SYSTEMS[kind](**({"blocks": 2} if kind == "hific" else {})).requires_grad_(False)
    engine = Engine(kind, [lambda: system], "cpu")
    rows = np.random.default_rng(0).random((16 * 52, 32, 3), np.float32)
    y = torch.randn(1, 64, 2, system.latent)

    def both():
        return (
            torch.cat(list(engine.analyse(np.split(rows, 13), 0.0, 0.5)), 1).numpy(),
            np.concatenate(list(engine.synthesise(y.split(4, 1), 0.0, 0.5, 0.5))),
        )

    whole = both()
    monkeypatch.setattr(engines, "AREA", 1)
    for cut, found in zip(both(), whole, strict=True):
        assert np.abs(cut - found).max() < 1e-4 * np.abs(found).max()
    monkeypatch.setattr(engines, "banded", lambda strips, run, *_: map(run, strips))
    for cut, found in zip(both(), whole, strict=True):  # the control: with nothing around them they differ
        assert np.abs(cut - found).max() > 1e-3 * np.abs(found).max()


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (17, 2), (64, 65), (80, 49)])
def test_what_the_originals_refuse_as_too_small_is_padded(size):
    system = SYSTEMS["hific"](blocks=1).requires_grad_(False)
    engine = Engine("hific", [lambda: system], "cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    rows = strips.split(pixels, multiple=engine.multiple, border=engine.border)
    y = torch.cat(list(engine.analyse(rows, 0.0, 0.0)), 1)
    assert y.shape[1:3] == tuple(extended(side) // 16 for side in size)
    symbols = engine.quantise(y, 0.0, 0.0)
    assert symbols.z.shape[:2] == tuple(extended(side) // 64 for side in size)
    shown = np.concatenate(list(engine.synthesise([y], 0.0, 0.0, 0.0)))
    assert shown.shape[:2] == tuple(extended(side) for side in size)


def test_notes_come_back():
    notes = ((0, 3), (1, 63), (5, 0), (4000, 7), (70000, 9))
    packed = pack_notes(notes)
    assert unpack_notes(packed + b"stream", 80000) == (notes, b"stream")
    assert pack_notes(()) == b"\0" and unpack_notes(b"\0", 10) == ((), b"")


DAMAGED = b"", b"\x01", b"\x01\x00", b"\x01\x0a\x00", b"\x01\x00\x40", b"\x0b", b"\x81\x00"


@pytest.mark.parametrize("data", DAMAGED)
def test_damaged_notes_are_refused(data):
    with pytest.raises(DamagedFile):
        unpack_notes(data, 10)


def test_what_is_in_doubt_is_noted_and_costs_little(model, picture, monkeypatch):
    plain = file.pack(codec.encode(picture, model, q=4.0))
    monkeypatch.setattr(engines, "MARGIN", 1e-4)  # ten thousand times as wide
    container = codec.encode(picture, model, q=4.0)
    noted = file.pack(container)
    assert len(plain) < len(noted) < 1.05 * len(plain)
    assert codec.verify(container, model) == codec.verify(file.unpack(plain), model)


def test_notes_overrule_what_a_decoder_finds(model, picture, monkeypatch):
    """The guard at work: a machine whose scales come out a little larger still decodes what was noted."""
    given = Engine._indices
    monkeypatch.setattr(engines, "MARGIN", 1e-3)
    container = codec.encode(picture, model, q=4.0)
    monkeypatch.setattr(Engine, "_indices", lambda self, scales: given(self, scales * (1 + 5e-4)))
    codec.verify(container, model)
    monkeypatch.setattr(engines, "MARGIN", 0)
    monkeypatch.undo()
    plain = codec.encode(picture, model, q=4.0)
    monkeypatch.setattr(Engine, "_indices", lambda self, scales: given(self, scales * (1 + 5e-4)))
    with pytest.raises(DamagedFile):  # the control
        codec.verify(plain, model)


VARIANTS = {
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
    "oneDNN off": {"ONEDNN_OFF": "1"},
}


def test_a_fresh_process_with_another_arithmetic_decodes_the_same_symbols(folder, model, picture, tmp_path):
    container = codec.encode(picture, model, q=4.0)
    (tmp_path / "x.nic").write_bytes(file.pack(container))
    code = (
        "import os, sys, torch\n"
        "if os.environ.get('ONEDNN_OFF'): torch._C._set_mkldnn_enabled(False)\n"
        "from nic_cli import codec; from nic_cli.container import file; from nic_cli.zoo.load import load\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "print(codec.verify(file.unpack(data), load(sys.argv[2], 'cpu')))"
    )
    wanted = str(codec.verify(container, model))
    for name, environment in VARIANTS.items():
        command = [sys.executable, "-c", code, str(tmp_path / "x.nic"), str(folder)]
        found = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == wanted, name


def test_a_pair_mixes_two_decoders(monkeypatch):
    system = SYSTEMS["msillm"](pair=True).requires_grad_(False)
    y = torch.randn(1, 220, 4, 4)
    trunks = {b: system.decode(0, y, 0.0, b) for b in (0.0, 0.5, 1.0)}
    assert not torch.equal(trunks[0.0], trunks[1.0])
    first = dict(system.decoder.named_parameters())["block_0.1.weight"]
    second = dict(system.realistic.named_parameters())["block_0.1.weight"]
    between = dict(system._mixed[1].named_parameters())["block_0.1.weight"]
    assert torch.allclose(between, (first + second) / 2, atol=1e-6)


def test_config_says_what_the_model_is(folder):
    said = json.loads((folder / "config.json").read_text())
    assert said["kind"] == "qvrf" and said["members"] == [{"levels": 8, "width": 12}]
    assert said["sources"][0].startswith("q.pt ") and "BSD" in said["licence"]
