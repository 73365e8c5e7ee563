"""Noise of realisms over 0.5: the same wherever a cell is looked at, as loud as it is told to be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from nic_cli.losses.loudness import energies, loudness
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import shuffle
from nic_cli.transform.noise_injection import NoiseInjection, drawn, haar, inverse_haar
from nic_cli.transform.seeded_noise import BANDS, COLOURS, OCTAVES, SIDES, VALUES, seeded
from nic_cli.transform.synthesis import Synthesis

CPU = torch.device("cpu")


def plain_hash(x: int) -> int:
    """The same in Python's whole numbers."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ x >> shift) * factor & 0xFFFFFFFF
    return x ^ x >> 16


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_a_value_of_noise_is_what_the_hash_of_its_place_says(seed):
    noise = seeded(seed, 3, 5, 4, 6)
    for row, column, value in ((0, 0, 0), (1, 2, 77), (3, 5, 188)):
        cell = plain_hash(
            (plain_hash((row + 3 + seed) & 0xFFFFFFFF) + (column + 5) * 0x9E3779B1) & 0xFFFFFFFF
        )
        word = plain_hash((cell + value // 4 * 0x85EBCA77) & 0xFFFFFFFF)
        byte = int(np.uint8(word >> 8 * (value % 4) & 255).astype(np.int8))
        assert noise[row, column, value] == np.float32(byte + 0.5) * np.float32(((256**2 - 1) / 12) ** -0.5)


def test_noise_follows_from_the_place_alone():
    whole = seeded(9, 0, 0, 40, 70)
    assert np.array_equal(whole[11:30, 8:50], seeded(9, 11, 8, 19, 42))
    assert not np.array_equal(whole, seeded(10, 0, 0, 40, 70))


def test_noise_has_no_pattern():
    noise = torch.from_numpy(seeded(123456, 1000, 2000, 96, 96))
    assert abs(float(noise.mean())) < 0.003 and abs(float(noise.var()) - 1) < 0.003
    for shift in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 4), (1, 1, 0), (8, 0, 0), (0, 8, 0), (1, -1, 3)):
        other = torch.roll(noise, shift, (0, 1, 2))
        assert abs(float((noise * other).mean())) < 0.004
    power = torch.fft.fft2(noise[:, :, 7]).abs().square() / 96**2
    assert float(power.max()) < 16  # of white noise the largest of 9,216 is about ln 9216 = 9


def test_neighbouring_seeds_have_unlike_noise():
    several = [seeded(seed, 0, 0, 32, 32) for seed in range(6)]
    assert all(abs(float((a * b).mean())) < 0.006 for a, b in pairwise(several))


def test_coefficients_make_the_picture_they_were_taken_from():
    torch.manual_seed(0)
    luma = torch.rand(1, 1, 16, 24)
    planes = torch.cat((luma, torch.zeros(1, 2, 16, 24)), 1)
    coefficients = haar(planes)
    assert coefficients.shape == (1, 2, 3, VALUES)
    made = shuffle(coefficients @ inverse_haar().T, 8)
    cells = luma[0, 0].reshape(2, 8, 3, 8).mean((1, 3)).repeat_interleave(8, 0).repeat_interleave(8, 1)
    for colour in range(3):
        torch.testing.assert_close(made[0, :, :, colour], luma[0, 0] - cells, atol=1e-5, rtol=0)


def test_columns_of_each_plane_have_its_colour():
    made = inverse_haar().reshape(64, 3, VALUES)
    at = 0
    for side in SIDES:
        for colour in COLOURS:
            part = made[:, :, at : at + 3 * side * side]
            loudest = part[:, colour.index(max(colour))]
            for channel in range(3):
                share = colour[channel] / max(colour)
                torch.testing.assert_close(part[:, channel], loudest * share, atol=1e-6, rtol=0)
            at += 3 * side * side
    assert at == VALUES


def test_energies_stand_in_the_order_of_the_bands():
    torch.manual_seed(0)
    grain = drawn(1, 6, 6, CPU)
    for octave, plane in ((0, 0), (1, 2), (2, 1)):
        kept = torch.zeros(VALUES)
        start = sum(BANDS * s * s for s in SIDES[:octave])
        count = 3 * SIDES[octave] ** 2
        kept[start + plane * count : start + (plane + 1) * count] = 0.01
        seen = energies(0.5 + shuffle((grain * kept) @ inverse_haar().T, 8)).mean((0, 1, 2))
        loud = seen.reshape(OCTAVES, 3, 3)
        assert float(loud[octave, plane].min()) > 0.6e-4
        loud[octave, plane] = 0
        assert float(loud.max()) < 0.05e-4


def test_loudness_is_learned_by_likelihood():
    """Pictures with grain of one loudness, of which the latents say nothing: the prediction comes to it."""
    torch.manual_seed(0)
    config = ModelConfig("test", synthesis_coarse=16, synthesis_fine=16, latent=8, hyper=4, noise=8)
    synthesis = Synthesis(config).requires_grad_(False)
    assert synthesis.realism is not None
    synthesis.realism.requires_grad_(True)
    optimiser = torch.optim.Adam(synthesis.realism.parameters(), 0.02)
    y, q, b = torch.zeros(2, 4, 4, 8), torch.zeros(2), torch.ones(1)
    clean = synthesis(y, b, b / 2) + 0.5
    sizes = []
    for _ in range(150):
        grain = shuffle(0.03 * drawn(2, 8, 8, CPU) @ inverse_haar().T, 8)
        loss = loudness(synthesis, (y, q), (b, b), (clean + grain).detach(), torch.float32)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        features = synthesis.features(y, b, b, torch.float32)
        sizes.append(synthesis.realism.deviation(features, q).detach().reshape(-1, OCTAVES, 3, 3)[:, :, 0])
    assert float((sizes[0] - 0.03).abs().min()) > 0.01
    assert float((torch.stack(sizes[-20:]).mean((0, 1)) - 0.03).abs().max()) < 0.006
    untouched = [p.grad for n, p in synthesis.named_parameters() if not n.startswith("realism.")]
    assert all(grad is None for grad in untouched)
    assert synthesis.realism.direct.weight.grad is None


def test_louder_noise_is_a_louder_picture_and_none_without_a_share():
    torch.manual_seed(0)
    layer = NoiseInjection(16, 8).requires_grad_(False)
    h, noise, q = torch.randn(1, 8, 8, 16), drawn(1, 8, 8, CPU), torch.tensor([1.0])
    whole, half, none = (layer(h, noise, q, share) for share in (1.0, 0.5, 0.0))
    torch.testing.assert_close(half.square() * 2, whole.square())
    assert not bool(none.any()) and float(whole.std()) > 0
