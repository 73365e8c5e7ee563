"""Checkpoints of researchers become model folders, or are refused by the name of what is wrong."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
import torch

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import ModelError, UsageError
from nic_cli.image.reading import from_array
from nic_cli.transform.research.config import LATENT, ResearchConfig
from nic_cli.transform.research.systems import SYSTEMS
from nic_cli.zoo.checkpoint_import import import_model
from nic_cli.zoo.checkpoints import read_checkpoint
from nic_cli.zoo.load import load
from tests.transform.research import weights

WIDTH = 12


@pytest.fixture(scope="module")
def state():
    """A small QVRF: its width is read from the file."""
    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=WIDTH)
    return weights.state("qvrf", system)


@pytest.fixture
def saved(tmp_path):
    def save(content, name="qvrf.pth.tar"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


def imported(path, folder, kind="qvrf", **options):
    paths = path if isinstance(path, list) else [path]
    return import_model(kind, paths, folder, folder.name, **{"half": False, "say": print, **options})


@pytest.fixture(scope="module")
def model(state, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    torch.save(state, place / "qvrf.pt")
    imported(place / "qvrf.pt", place / "small")
    return load(str(place / "small"), "cpu")


@pytest.fixture(scope="module")
def picture(photographs):
    return from_array(photographs["astronaut"][:100, :150])


def test_an_imported_model_codes_like_any_other(model, picture):
    assert model.config == ResearchConfig.from_table(vars_of(model.config))
    sizes = []
    for q in (0.0, 3.5, 7.0):
        data = file.pack(codec.encode(picture, model, q=q, b=0.5))
        found = codec.decode(file.unpack(data), model)
        assert found.pixels.shape == picture.pixels.shape
        sizes.append(len(data))
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]


def vars_of(config):
    import json

    return json.loads(config.to_json())


def test_a_model_that_cannot_be_searched_encodes_plainly(model, picture):
    assert file.pack(codec.encode(picture, model, q=1.0, effort=9)) == file.pack(
        codec.encode(picture, model, q=1.0)
    )


def test_levels_between_two_lie_between_in_size(model, picture):
    sizes = [len(file.pack(codec.encode(picture, model, q=q))) for q in (3, 3.25, 3.5, 3.75, 4)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5


def test_a_size_is_met_from_below(model, picture):
    low, high = (len(file.pack(codec.encode(picture, model, q=q))) for q in (0.0, 7.0))
    wish = (low + high) // 2
    assert 0.98 * wish < len(file.pack(codec.encode(picture, model, target_bytes=wish))) <= wish


def test_tiles_are_independent_and_decode(model, photographs):
    large = from_array(photographs["astronaut"][:200, :300])
    container = codec.encode(large, model, q=2.0, tile=128)
    assert len(container.tiles) > 1
    assert codec.decode(container, model).pixels.shape == large.pixels.shape


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 2), (64, 64), (65, 31)])
def test_small_pictures_are_padded(model, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert codec.decode(codec.encode(from_array(pixels), model, q=7.0), model).pixels.shape == pixels.shape


def test_half_precision_keeps_what_symbols_depend_on(state, saved, tmp_path, model, picture):
    imported(saved(state), tmp_path / "half", half=True)
    half = load(str(tmp_path / "half"), "cpu")
    assert half.id == model.id
    whole, small = (sum(f.stat().st_size for f in tmp_path.glob(p)) for p in ("*.tar", "half/*.safetensors"))
    assert small < 0.95 * whole
    container = codec.encode(picture, half, q=3.0)
    apart = codec.decode(container, half).pixels.astype(int) - codec.decode(container, model).pixels
    assert np.abs(apart).max() <= 8


GENERATIONS = {"until 1.0": "_matrices.{}", "1.1 to 1.2.4": "_matrix{}", "from 1.2.5": "matrices.{}"}


@pytest.mark.parametrize("pattern", GENERATIONS.values(), ids=GENERATIONS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_names_of_every_generation_are_understood(state, saved, tmp_path, model, pattern, wrapped):
    def renamed(name):
        for one, many in (("matrix", "matrices"), ("bias", "biases"), ("factor", "factors")):
            match = re.fullmatch(rf"(entropy_bottleneck\.)_{one}(\d)", name)
            if match:
                return match[1] + pattern.replace("matrices", many).replace("matrix", one).format(match[2])
        return name

    given = {f"module.{renamed(name)}".replace(".skip.", ".downsample."): t for name, t in state.items()}
    given["entropy_bottleneck._quantized_cdf"] = torch.ones(WIDTH, 28, dtype=torch.int32)
    given["context_prediction.mask"] = torch.ones(1)
    content = {"epoch": 3, "state_dict": given, "optimizer": {"state": {}}} if wrapped else given
    assert imported(saved(content), tmp_path / "other").id == model.id.hex()


def test_as_many_levels_as_the_file_has_are_offered(state, saved, tmp_path):
    more = {**state, "Gain": torch.linspace(1, 20, 11)}
    assert imported(saved(more), tmp_path / "eleven").q_top == 10
    fixed = {name: t for name, t in state.items() if name != "Gain"}
    assert imported(saved(fixed), tmp_path / "fixed").q_top == 0


def spoiled(state, name, tensor):
    return {**state, name: tensor}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {n: t for n, t in s.items() if n != "g_s.4.conv.bias"}, "g_s.4.conv.bias is missing"),
        (lambda s: spoiled(s, "h_a.0.bias", torch.ones(WIDTH + 1)), r"h_a.0.bias is \[13\], not \[12\]"),
        (lambda s: spoiled(s, "h_s.0.bias", torch.full((WIDTH,), torch.nan)), "h_s.0.bias holds values"),
        (lambda s: spoiled(s, "h_s.0.bias", torch.ones(WIDTH, dtype=torch.int32)), "h_s.0.bias holds values"),
        (lambda s: spoiled(s, "g_a.9.weight", torch.ones(3)), "g_a.9.weight belongs to no part"),
        (lambda s: {}, "holds no tensors"),
        (lambda s: [1, 2], "holds a list"),
        (lambda s: {"state_dict": 3, "epoch": 4}, "holds no tensors"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(state, saved, tmp_path, change, words):
    with pytest.raises(ModelError, match=words):
        imported(saved(change(state)), tmp_path / "new")
    assert not list(tmp_path.glob("new*"))


class Harmful:
    def __reduce__(self):
        return (open, ("HARMED", "w"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps(Harmful()), "not a checkpoint that can be read safely"),
        (b"<!DOCTYPE html><html>quota exceeded</html>", "a web page"),
        (b"", "not a checkpoint"),
        (b"PK\x03\x04 cut", "not a checkpoint"),
        (bytes(1000), "not a checkpoint"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_checkpoint("qvrf", tmp_path / "x.pt")
    assert not (tmp_path / "HARMED").exists()


def test_code_in_a_whole_checkpoint_is_not_run(state, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="it would run code"):
        read_checkpoint("qvrf", saved({"state_dict": state, "extra": Harmful()}))
    assert not (tmp_path / "HARMED").exists()


def test_a_cut_checkpoint_is_refused(state, saved):
    path = saved(state)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_checkpoint("qvrf", path)


@pytest.fixture
def small_illm(monkeypatch):
    """MS-ILLM with a sixteenth of its channels; gives states that share all but what a seed is given for."""
    monkeypatch.setattr("nic_cli.transform.research.hific.SIZES", (4, 8, 16, 24, 32))
    for name, size in (("LATENT", 14), ("HYPER", 20)):
        monkeypatch.setattr(f"nic_cli.transform.research.hific.{name}", size)
        monkeypatch.setattr(f"nic_cli.transform.research.systems.Msillm.{name.lower()}", size)
    monkeypatch.setitem(LATENT, "msillm", 14)

    def state(**seeds):
        with torch.device("meta"):
            system = SYSTEMS["msillm"]()
        return {
            name: torch.from_numpy(
                weights.tensor("msillm", name, tuple(p.shape), seeds.get(name.partition(".")[0], 0))
            )
            for name, p in system.named_parameters()
        }

    return state


def test_checkpoints_of_several_rates_are_one_model(small_illm, saved, tmp_path, picture):
    rates = [saved(small_illm(hyper_bottleneck=k, decoder=k, encoder=k), f"rate{k}.ckpt") for k in range(3)]
    config = imported(rates, tmp_path / "three", kind="msillm")
    assert config.q_top == 2 and len(config.members) == 3
    model = load(str(tmp_path / "three"), "cpu")
    alone = []
    for k, path in enumerate(rates):
        imported(path, tmp_path / f"one{k}", kind="msillm")
        alone.append(load(str(tmp_path / f"one{k}"), "cpu"))
    for q, own in ((0, alone[0]), (1.4, alone[1]), (2, alone[2])):
        found = codec.decode(codec.encode(picture, model, q=q), model).pixels
        assert np.array_equal(found, codec.decode(codec.encode(picture, own, q=0), own).pixels)
    assert len({one.id for one in (model, *alone)}) == 4


def test_two_that_differ_in_their_decoder_are_one_rate_with_two_realisms(
    small_illm, saved, tmp_path, picture
):
    realistic, faithful = saved(small_illm(decoder=1), "msillm.ckpt"), saved(small_illm(), "noganms.ckpt")
    config = imported([realistic, faithful], tmp_path / "pair", kind="msillm")
    assert config.q_top == 0 and config.members == ({"pair": True},)
    model = load(str(tmp_path / "pair"), "cpu")
    container = codec.encode(picture, model)
    for b, path in ((0.0, faithful), (1.0, realistic)):
        imported(path, tmp_path / f"b{b:g}", kind="msillm")
        own = load(str(tmp_path / f"b{b:g}"), "cpu")
        wanted = codec.decode(codec.encode(picture, own), own).pixels
        assert np.array_equal(codec.decode(container, model, b=b).pixels, wanted)
    ends = [codec.decode(container, model, b=b).pixels for b in (0.0, 1.0)]
    middle = codec.decode(container, model, b=0.5).pixels
    assert all(not np.array_equal(middle, end) for end in ends)


def test_names_taken_and_files_that_cannot_go_together_are_refused(state, saved, tmp_path):
    path = saved(state)
    imported(path, tmp_path / "taken")
    with pytest.raises(UsageError, match="is here already"):
        imported(path, tmp_path / "taken")
    with pytest.raises(UsageError, match="all rates"):
        imported([path, saved(state, "b.pt")], tmp_path / "two")
    with pytest.raises(UsageError, match="named twice"):
        imported([path, path], tmp_path / "two", kind="hific")


def test_a_damaged_file_of_an_imported_model_is_refused(state, saved, tmp_path, picture):
    imported(saved(state), tmp_path / "cut")
    path = tmp_path / "cut" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        codec.encode(picture, load(str(tmp_path / "cut"), "cpu"))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("id", "xyz", "id"), ("members", [], "members"), ("members", [{"levels": 8}], "options"),
     ("members", [{"levels": -1, "width": 12}], "levels"), ("more", 1, "unknown keys"),
     ("kind", "other", "kind")],
)  # fmt: skip
def test_a_wrong_config_is_refused(model, key, value, words):
    with pytest.raises(ModelError, match=words):
        ResearchConfig.from_table({**vars_of(model.config), key: value})
