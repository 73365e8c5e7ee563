"""The engine in numpy gives what the one in torch gives: the same symbols, and pixels within one level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.tiles import strips
from nic_cli.train.export import coding_tables
from nic_cli.transform import parameters
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.network import Network
from nic_cli.types import Origin
from nic_cli.zoo.load import ready
from nic_cli.zoo.model_folder import read_folder, write_folder
from tests.engines import by

SMALL = ModelConfig(
    "small",
    latent=24,
    hyper=8,
    analysis_fine=16,
    analysis_fine_depth=2,
    analysis_coarse=24,
    analysis_coarse_depth=1,
    synthesis_coarse=24,
    synthesis_coarse_depth=2,
    synthesis_fine=16,
    synthesis_fine_depth=3,
    hyper_coarse=16,
    hyper_fine=24,
    scale=16,
    context=24,
    context_depth=1,
)
SHAPES = {
    "plain": SMALL,
    "of low rank": replace(SMALL, realism_rank=3, b_anchors=2, q_anchors=5),
    "with noise": replace(SMALL, realism_rank=3, noise=8, context_depth=2, latent=32),
}


@pytest.fixture(scope="module", params=[*SHAPES, "iris"])
def both(request, model, tmp_path_factory):
    """A model on numpy's engine and on torch's: one with random weights everywhere, or iris."""
    if request.param == "iris":
        return by("numpy", model), by("torch", model)
    torch.manual_seed(len(request.param))
    network = Network(SHAPES[request.param]).requires_grad_(False)
    for name, p in network.named_parameters():
        if not name.startswith(("scales.", "prior.")):
            p += 0.1 * torch.randn(p.shape) * (1 if p.ndim == 1 else p.std())
    folder = tmp_path_factory.mktemp("small")
    write_folder(folder, network, coding_tables(network))
    made = ready(read_folder(folder), "cpu")
    return by("numpy", made), by("torch", made)


def apart(a, b) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 64), (130, 77), (199, 241)])
def test_symbols_are_equal_and_pixels_within_one_level(both, photographs, height, width):
    picture = from_array(np.ascontiguousarray(photographs["chelsea"][:height, :width]))
    made = [codec.encode(picture, m, q=2.5, b=0.75, tile=64) for m in both]
    numpy_file, torch_file = (file.unpack(file.pack(container)) for container in made)
    assert abs(len(file.pack(made[0])) - len(file.pack(made[1]))) <= 2  # a rounding may fall the other way
    for b in (0.0, 0.4, 0.75, 1.0):
        shown = [codec.decode(torch_file, m, b=b).pixels.astype(int) for m in both]
        assert apart(*shown) <= 1
    for container in (numpy_file, torch_file):
        assert codec.verify(container, both[0]) == codec.verify(container, both[1])


def test_every_part_agrees_to_a_hundred_thousandth(both, photographs):
    plain, torch_ = (m.engine_for(1) for m in both)
    pixels = photographs["astronaut"]
    latents = [
        np.concatenate([np.asarray(y) for y in e.analyse(strips.split(pixels, 1 << 13), 0.0, 0.6)], 1)
        for e in (plain, torch_)
    ]
    assert apart(*latents) < 1e-5 * max(1.0, np.abs(latents[1]).max())
    y = latents[1]
    symbols = torch_.quantise(torch.from_numpy(y), 1.25, 0.6)
    found = plain.dequantise(symbols.z, symbols.r, 1.25, 0.6)
    wanted = torch_.dequantise(symbols.z, symbols.r, 1.25, 0.6).numpy()
    assert apart(found, wanted) < 1e-5 * max(1.0, np.abs(wanted).max())
    for b in (0.5, 1.0):
        given = 1.25, 0.6, b, 1, Origin(2, 4, seed=77)
        shown = [
            np.concatenate(list(e.synthesise([rows], *given)))
            for e, rows in ((plain, wanted), (torch_, torch.from_numpy(wanted)))
        ]
        assert apart(*shown) < 1e-5 * max(1.0, np.abs(shown[1]).max())


def test_noise_is_part_of_what_is_compared(both, photographs):
    """The control: without the seed of the file the pictures of a model with noise would differ."""
    plain = both[0].engine_for(1)
    y = np.random.default_rng(0).normal(size=(1, 4, 4, both[0].config.latent)).astype(np.float32)
    shown = [
        np.concatenate(list(plain.synthesise([y], 1.0, 1.0, 1.0, 1, Origin(seed=seed)))) for seed in (1, 2)
    ]
    assert (apart(*shown) > 1e-4) == bool(both[0].config.noise)


@pytest.mark.parametrize("name", SHAPES)
def test_the_table_of_parameters_is_that_of_the_network(name):
    network = Network(SHAPES[name])
    shapes = {
        n: tuple(p.shape) for n, p in network.named_parameters() if not n.startswith(("scales.", "prior."))
    }
    assert parameters.floats(SHAPES[name]) == shapes
    whole = {n: t.shape for n, t in network.scales.integers().tensors().items()}
    assert parameters.integers(SHAPES[name]) == whole


def test_which_engine_follows_from_the_whole_picture(model):
    small, large = model.engine_for(model.most_plain), model.engine_for(model.most_plain + 1)
    assert small is model.plain and large is model.engine and small is not large
    assert replace(model, wanted="cuda").plain is not None  # but never taken: nothing here may ask for it
