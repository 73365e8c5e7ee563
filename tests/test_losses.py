"""Each loss is what its formula says, 0 for equal pictures, and has a slope everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import structural_similarity

from nic_cli.errors import UsageError
from nic_cli.losses.distortion import TERMS, Distortion
from nic_cli.losses.fidelity import colour, ssim
from nic_cli.losses.perceptual import NETWORKS, Distance, Perceptual
from nic_cli.losses.spectrum import spectrum, standing
from nic_cli.losses.texture import haar, texture
from nic_cli.transform.planes import blurred, planes
from nic_cli.transform.structure_distance import linear, structure, xyb

VGG_WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG = "1.0 1.2 2.6 2.8 3.12 3.14 3.16 4.20 4.22 4.24 5.28 5.30 5.32".split()
FIRES = ((96, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192),
         (384, 64, 256), (512, 64, 256))  # fmt: skip
SHAPES = {
    "alex": {
        "slice1.0": (64, 3, 11, 11),
        "slice2.5": (192, 64, 5, 5),
        "slice3.9": (384, 192, 3, 3),
        "slice4.11": (256, 384, 3, 3),
        "slice5.13": (256, 256, 3, 3),
    },
    "vgg": {
        f"slice{name}": (b, a, 3, 3) for name, a, b in zip(VGG, VGG_WIDTHS[:-1], VGG_WIDTHS[1:], strict=True)
    },
    "squeezenet": {"conv1": (96, 3, 7, 7)}
    | {f"fire{i}/squeeze": (s, n, 1, 1) for i, (n, s, e) in enumerate(FIRES, 2)}
    | {f"fire{i}/expand1": (e, s, 1, 1) for i, (n, s, e) in enumerate(FIRES, 2)}
    | {f"fire{i}/expand3": (e, s, 3, 3) for i, (n, s, e) in enumerate(FIRES, 2)},
}


@pytest.fixture(scope="module")
def pair(photographs):
    """A crop of a photograph and the same with noise, [2, 96, 80, 3] in 0..1."""
    crop = photographs["astronaut"][100:196, 150:230].astype(np.float32) / 255
    wanted = torch.from_numpy(np.stack([crop, crop[::-1]]))
    noise = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    return (wanted + 0.03 * noise).clamp(0, 1), wanted


def test_spectrum_forgives_other_grain_of_the_same_colour_but_neither_its_loss_nor_a_mesh(photographs):
    crops = torch.from_numpy(photographs["astronaut"].astype(np.float32) / 255)
    smooth = torch.stack([crops[:128, :128], crops[40:168, 30:158]])
    random = torch.Generator().manual_seed(0)
    grain, other = (0.03 * torch.randn(smooth.shape, generator=random) for _ in "ab")
    down, across = torch.arange(128)[:, None], torch.arange(128)
    mesh = 0.1 * torch.cos(2 * torch.pi * (down / 4 + across * 3 / 8))[..., None]
    wanted = smooth + grain
    like, lost, meshed = (float(spectrum(x, wanted).mean()) for x in (smooth + other, smooth, wanted + mesh))
    assert float(spectrum(wanted, wanted).abs().max()) < 1e-9
    assert 2 * like < meshed and 2 * like < lost
    leaf = (smooth + other).requires_grad_()
    spectrum(leaf, wanted).sum().backward()
    assert bool(torch.isfinite(leaf.grad).all()) and bool(leaf.grad.any())


def test_half_way_power_is_to_be_half_way(photographs):
    """In crops of 25 windows, where lines vary less by chance than in those of nine."""
    crops = torch.from_numpy(photographs["astronaut"].astype(np.float32) / 255)
    smooth = torch.stack([crops[:192, :192], crops[40:232, 30:222]])
    random = torch.Generator().manual_seed(0)
    grain, other = (0.03 * torch.randn(smooth.shape, generator=random) for _ in "ab")

    def cost(share, loudness):
        found = smooth + loudness**0.5 * other
        return float(spectrum(found, smooth + grain, smooth, share).mean())

    for share in (0.25, 0.5, 1.0):
        assert all(2 * cost(share, share) < cost(share, share * factor) for factor in (0.3, 3.0))
    assert cost(1.0, 0.5) == float(spectrum(smooth + 0.5**0.5 * other, smooth + grain).mean())


def test_a_hump_over_many_lines_is_heard_though_no_line_of_it_stands_out(photographs, monkeypatch):
    """Control: without the bands it costs little more than grain that is another by chance."""
    crops = torch.from_numpy(photographs["astronaut"].astype(np.float32) / 255)
    smooth = torch.stack([crops[:192, :192], crops[40:232, 30:222]])
    random = torch.Generator().manual_seed(0)
    grain, other = (0.03 * torch.randn(smooth.shape, generator=random) for _ in "ab")

    uneven = torch.tensor([1.4, 0.7])[:, None, None, None]  # so that the batch as a whole is as loud

    def louder():
        like, hump = (float(spectrum(smooth + k * other, smooth + grain).mean()) for k in (1.0, uneven))
        return hump / like

    heard = louder()
    monkeypatch.setattr("nic_cli.losses.spectrum.OVER_BAND", 100.0)
    assert heard > 1.2 * louder()


def test_the_worst_bands_cost_more_by_a_term_of_their_own(monkeypatch):
    """Four of 128 with 2.25 times the power of grain; control: without the term they cost less."""
    random = torch.Generator().manual_seed(0)
    grain, other = (0.03 * torch.randn(2, 192, 192, 3, generator=random) for _ in "ab")
    lines = torch.fft.rfft2(other, dim=(1, 2))
    lines[:, 12:36, 60:84] *= 1.5  # of 192: 4 to 12 and 20 to 28 of a window's 64
    louder = torch.fft.irfft2(lines, s=other.shape[1:3], dim=(1, 2))

    def cost():
        like, hump = (float(spectrum(0.5 + noise, 0.5 + grain).mean()) for noise in (other, louder))
        return hump - like

    heard = cost()
    monkeypatch.setattr("nic_cli.losses.spectrum.HUMP", 0.0)
    assert heard > 1.15 * cost() > 0


@pytest.mark.parametrize("name", TERMS)
def test_a_loss_is_zero_for_equals_and_grows_with_noise(pair, name):
    found, wanted = pair
    equal, near, far = (TERMS[name](x, wanted) for x in (wanted, found, 3 * found - 2 * wanted))
    assert equal.shape == (2,) and float(equal.abs().max()) < 1e-6
    assert bool((near > 0).all()) and bool((far > near).all())


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_loss_has_a_finite_slope_on_flat_and_wild_pictures(pair, name, value):
    wanted = pair[1]
    for start in (torch.full_like(wanted, value), 5 * wanted - 2):
        found = start.clone().requires_grad_()
        TERMS[name](found, wanted).sum().backward()
        assert bool(found.grad.isfinite().all()) and float(found.grad.abs().max()) > 0


def test_ssim_is_that_of_scikit_image(pair):
    found, wanted = pair
    light, contrast = ssim(planes(found).double(), planes(wanted).double())
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for i in range(2):
        expected = structural_similarity(
            found[i].double().numpy(), wanted[i].double().numpy(), data_range=1, channel_axis=2, **options
        )
        assert float((light * contrast)[i].mean()) == pytest.approx(expected, abs=1e-9)


def test_xyb_is_that_of_jpeg_xl():
    """Published corners: greys have X = 0 and B = Y; white is Y = 0.8453, red X = 0.0281, Y = 0.4881."""
    colours = torch.tensor([[1.0, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5], [1, 0, 0]]).reshape(4, 3, 1, 1)
    x, y, b = (xyb(linear(colours))[:, i, 0, 0] for i in range(3))
    assert torch.allclose(x[:3], torch.full((3,), 0.42), atol=1e-5)
    assert torch.allclose(b[:3], torch.full((3,), 0.55), atol=1e-5)
    assert y[:2].tolist() == pytest.approx([0.8453 + 0.01, 0.01], abs=1e-3)
    assert [(float(x[3]) - 0.42) / 14, float(y[3]) - 0.01] == pytest.approx([0.0281, 0.4881], abs=1e-3)


def test_structure_hears_faint_detail_that_squared_error_hardly_does():
    """A texture is wiped: of a quarter of the contrast it costs a sixteenth in squared error."""
    torch.manual_seed(0)
    grain, flat = torch.randn(1, 64, 64, 3), torch.full((1, 64, 64, 3), 0.3)
    for loss, least, most in ((structure, 0.2, 1.0), (TERMS["squared"], 0.05, 0.07)):
        faint, strong = (float(loss(flat, flat + contrast * grain)) for contrast in (0.03, 0.12))
        assert least < faint / strong < most


def test_texture_asks_for_statistics_not_for_pixels():
    """Other noise of the same kind is nearer than no noise at all; squared error says the opposite."""
    torch.manual_seed(0)
    one, other = 0.5 + 0.1 * torch.randn(2, 1, 128, 128, 3)
    flat = torch.full_like(one, 0.5)
    assert float(texture(other, one)) < 0.2 * float(texture(flat, one))
    assert float(TERMS["squared"](other, one)) > 1.5 * float(TERMS["squared"](flat, one))


def test_haar_bands_hold_all_energy_of_the_details():
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    means, details = haar(x)
    assert means.shape == (1, 3, 8, 8) and details.shape == (1, 9, 8, 8)
    assert float((4 * means**2).sum() + (details**2).sum()) == pytest.approx(float((x**2).sum()))


def test_colour_sees_a_tint_and_no_texture(pair):
    wanted = pair[1][:, :64, :64]
    tinted, grained = wanted + torch.tensor([0.05, 0.0, 0.0]), wanted + 0.05 * torch.randn(wanted.shape)
    assert float(colour(tinted, wanted).mean()) > 30 * float(colour(grained, wanted).mean())


def test_a_blur_keeps_flat_pictures_and_takes_strides():
    flat = torch.full((1, 2, 20, 30), 0.3)
    assert torch.allclose(blurred(flat, 2.0), flat, atol=1e-6)
    assert blurred(flat, 2.0, 4).shape == (1, 2, 5, 7)


def test_weights_follow_realism(pair):
    distortion = Distortion({"squared": [1, 0.5, 0], "texture": [0, 0, 2], "colour": 3})
    assert distortion.at(0) == {"squared": 1, "colour": 3}
    assert distortion.at(0.75) == {"squared": 0.25, "texture": 1, "colour": 3}
    total, parts = distortion(*pair, 0.75)
    mixed = sum(distortion.at(0.75)[n] * TERMS[n](*pair) for n in parts)
    assert torch.allclose(total, mixed)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Files with the shapes of the real networks' weights and random values."""
    torch.manual_seed(0)
    folder, kept = tmp_path_factory.mktemp("networks"), {}
    for network, taps in NETWORKS.items():
        shapes = SHAPES[network]
        mark = "" if network == "squeezenet" else "net."
        weights = {f"{mark}{n}.weight": torch.randn(s) / np.prod(s[1:]) ** 0.5 for n, s in shapes.items()}
        weights |= {f"{mark}{n}.bias": torch.zeros(s[0]) for n, s in shapes.items()}
        if network == "squeezenet":
            save_file(weights, folder / "squeezenet.safetensors")
            kept[network] = folder / "squeezenet.safetensors"
            continue
        last = [[n for n in shapes if n.startswith(f"slice{i + 1}.")][-1] for i in range(len(taps))]
        weights |= {f"lin{i}.model.1.weight": torch.rand(1, shapes[n][0], 1, 1) for i, n in enumerate(last)}
        torch.save(weights, folder / f"{network}.pth")
        kept[network] = folder / f"{network}.pth"
    return kept


@pytest.mark.parametrize("network", NETWORKS)
def test_a_perceptual_distance_reads_its_network_and_has_a_slope(pair, networks, network):
    found, wanted = pair
    distance = Distance(Perceptual(network, str(networks[network])), "cpu")
    far = (3 * found - 2 * wanted).requires_grad_()
    equal, near, apart = (distance(x, wanted) for x in (wanted, found, far))
    assert float(equal.abs().max()) < 1e-6 and bool((near > 0).all()) and bool((apart > near).all())
    apart.sum().backward()
    assert bool(far.grad.isfinite().all()) and float(far.grad.abs().max()) > 0


def test_wrong_weights_of_networks_are_refused(networks, tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    for network, path in (
        ("vgg", networks["alex"]), ("alex", tmp_path / "text.pth"), ("alex", tmp_path / "none.safetensors"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="weights"):
            Distance(Perceptual(network, str(path)), "cpu")
    with pytest.raises(UsageError, match="there are"):
        Perceptual("inception", "x")


@pytest.mark.parametrize(
    ("weights", "words"),
    [({"beauty": 1.0}, "beauty"), ({"squared": -1.0}, "weight"), ({"squared": 0.0}, "over 0"), ({}, "over 0"),
     ({"squared": []}, "weight")],
)  # fmt: skip
def test_wrong_weights_are_refused(weights, words):
    with pytest.raises(UsageError, match=words):
        Distortion(weights)


def test_a_pattern_that_stands_still_is_heard_under_texture_that_does_not(photographs):
    """As loud as the texture in each cell, in which the spectrum alone hardly hears it."""
    torch.manual_seed(2)
    wanted = torch.rand(4, 128, 128, 3) * 0.2 + 0.4
    pattern = 0.03 * torch.randn(8, 8, 1)
    still = torch.rand(4, 128, 128, 3) * 0.2 + 0.4 + pattern.repeat(16, 16, 1)
    moving = torch.rand(4, 128, 128, 3) * 0.2 + 0.4 + 0.03 * torch.randn(4, 128, 128, 1)
    assert float(standing(wanted, wanted).max()) == 0
    assert float(standing(still, wanted).min()) > 4 * float(standing(moving, wanted).max())
    leaf = still.requires_grad_()
    (gradient,) = torch.autograd.grad(standing(leaf, wanted).sum(), leaf)
    folded = gradient.unfold(1, 8, 8).unfold(2, 8, 8).mean((0, 1, 2, 3))
    turned = torch.nn.functional.cosine_similarity(folded.flatten(), pattern[:, :, 0].flatten(), dim=0)
    assert turned > 0.8  # downhill is where the pattern goes away


def test_a_pattern_in_the_calm_part_of_a_crop_is_heard_beside_what_is_rough():
    """Half a crop is sky: a pattern there is a hundredth of what errors of the other half have in common."""
    torch.manual_seed(3)
    sky, grass = torch.full((1, 128, 64, 1), 0.6), torch.rand(1, 128, 64, 1)
    wanted = torch.cat([sky + 0.004 * torch.randn_like(sky), grass], 2).expand(-1, -1, -1, 3)
    wrong = torch.cat([0.004 * torch.randn_like(sky), 0.2 * torch.randn_like(grass)], 2)
    pattern = torch.cat([0.012 * torch.randn(16, 16, 1).repeat(8, 4, 1), torch.zeros(128, 64, 1)], 1)
    alone, with_it = standing(wanted + wrong, wanted), standing(wanted + wrong + pattern, wanted)
    assert float(alone) < 0.1 * float(with_it) and float(with_it) > 5
