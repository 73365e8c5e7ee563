"""Power spectra: whether fine detail is there, and whether a line stands out that is not in the original.

No place in a picture matters to this, so noise of the right colour costs nothing; a mesh, which critics of
small patches let pass, is a line many times over what the original has there. Most of a mesh is one pattern
that stands still in all cells of the decoder: among thousands of lines whose power differs by chance its
share of the gradient is lost, so cells are also laid on each other, where textures average away.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from nic_cli.losses.fidelity import COLOUR
from nic_cli.transform.planes import planes

SIDE, STRIDE = 64, 32  # of the windows, in pixels
CELL = 16  # pixels: what is folded onto each other, a latent's; its halves and quarters are among its lines
BEYOND = 0.12  # cycles a pixel: what is coarser is where it is, or else wrong
STEADY = 1e-4  # power under which there is nothing: a tenth of what rounding to levels of 255 adds
COLOURS = ((0.299, 0.587, 0.114), *COLOUR)  # BT.601
WEIGHTS = (1.0, 0.25, 0.25)
OVER_ALL, OVER_ONE = 0.2, 0.4  # how far ln power may lie over the original's: of the batch, and of a crop
BAND, OVER_BAND = 4, 0.15  # lines a band each way, and the same of one of a crop, which varies less by chance
OVER = 12.0  # how much what lies over counts: lines of the batch, of crops, and bands
TOP, OVER_TOP, TOPMOST = 16, 0.7, 1.2  # the worst lines of a crop alone, among thousands: how many, over what
HUMPS, OVER_HUMP, HUMP = 4, 0.4, 1.2  # and of its 128 bands, whose lines may each be within bounds
CHANCE = 6.0  # what may stand still: of n cells, textures of random phases leave 2 nths of a cell's power
CALM = 0.25  # of all cells, by contrast of the original, are looked at once more alone: a mesh is seen there
UNSEEN = CELL**2 * (0.7 / 255) ** 2  # power of noise of .7 levels: less in a line is seen by nobody
STANDING = 0.25  # how much that counts: half to three quarters of the gradient where a mesh is seen


def spectrum(found: Tensor, wanted: Tensor, before: Tensor | None = None, share: float = 1.0) -> Tensor:
    """Squared differences of log power, of crops and of the batch, worst lines and bands, what stands still.

    More where found has more. found, wanted: [N, H, W, 3] in 0..1, sides of at least 64, of one batch -> [N],
    whose mean counts. before: what has no texture yet; power is to be this share of the way from there to
    wanted, 0..1, so that half-way a line is heard that lies over half of the original's.
    """
    powers_b = _powers(_colours(wanted))
    if before is not None:
        powers_b = torch.lerp(_powers(_colours(before)), powers_b, share)
    (one_a, all_a), (one_b, all_b) = _logs(_powers(_colours(found))), _logs(powers_b)
    apart, together = one_a - one_b, all_a - all_b
    over = F.relu(together - OVER_ALL).square() + F.relu(apart - OVER_ONE).square()
    bands = _banded(one_a) - _banded(one_b)
    over = over + _lines(F.relu(bands - OVER_BAND).square())
    total = apart.square() + 4 * together.square() + OVER * over  # [N, planes, 64, 33]
    heard = _heard(SIDE).to(found)
    top = (F.relu(apart - OVER_TOP) * (heard > 0)).flatten(2).topk(TOP).values.square().mean(-1)
    whole = F.avg_pool2d((heard[None, :, : SIDE // 2] > 0).to(found), BAND)[0] == 1
    humps = (F.relu(bands - OVER_HUMP) * whole).flatten(2).topk(HUMPS).values.square().mean(-1)
    each = (total * heard).sum((2, 3)) / heard.sum()
    each = each + TOPMOST * top + HUMP * humps
    return each @ found.new_tensor(WEIGHTS) + STANDING * standing(found, wanted)


def standing(found: Tensor, wanted: Tensor) -> Tensor:
    """Power of what the errors of all cells have in common, by that of a cell of the original, over lines.

    found, wanted: [N, H, W, 3] in 0..1, sides of at least 16 -> [N], 0 for a picture without a mesh.
    """
    line = torch.hann_window(CELL, False, device=found.device, dtype=found.dtype)
    window = line[:, None] * line
    cells = _windows(_colours(wanted), CELL, CELL).flatten(2, 3)  # [N, 3, cells, 16, 16]
    errors = _windows(_colours(found - wanted), CELL, CELL).flatten(2, 3)
    cells = (cells - cells.mean((-1, -2), keepdim=True)) * window / window.square().mean().sqrt()
    usual = torch.fft.rfft2(cells).abs().square()
    contrast = cells[:, 0].square().mean((-1, -2))
    calm = contrast <= contrast.quantile(CALM, -1, keepdim=True)
    total = found.new_zeros(())
    for those in (torch.ones_like(calm), calm):
        share = (those / those.sum(-1, keepdim=True)).to(found)
        common = torch.einsum("nk,nckhw->nchw", share, errors)
        power = torch.fft.rfft2(common).abs().square()
        there = torch.einsum("nk,nckhw->nchw", share, usual) + UNSEEN
        over = F.relu(power / there - CHANCE / those.sum(-1)[:, None, None, None]).log1p()
        total = total + (over * _heard(CELL, 0.0).to(found)).sum((2, 3)) @ found.new_tensor(WEIGHTS)
    return total


def _colours(x: Tensor) -> Tensor:
    """[N, H, W, 3] -> luma and two colours, [N, 3, H, W]."""
    return torch.einsum("oc,nchw->nohw", x.new_tensor(COLOURS), planes(x))


def _windows(x: Tensor, side: int, stride: int) -> Tensor:
    """[N, 3, H, W] -> [N, 3, rows, columns, side, side]."""
    return x.unfold(2, side, stride).unfold(3, side, stride)


def _powers(colours: Tensor) -> Tensor:
    """[N, 3, H, W] -> mean power in windows, [N, 3, 64, 33]."""
    line = torch.hann_window(SIDE, False, device=colours.device, dtype=colours.dtype)
    parts = _windows(colours, SIDE, STRIDE)
    parts = (parts - parts.mean((-1, -2), keepdim=True)) * (line[:, None] * line)
    power: Tensor = torch.fft.rfft2(parts).abs().square().mean((2, 3))
    return power


def _logs(power: Tensor) -> tuple[Tensor, Tensor]:
    """[N, 3, 64, 33] -> ln of it, and of the mean of all, [1, 3, 64, 33]."""
    return (power + STEADY).log(), (power.mean(0, keepdim=True) + STEADY).log()


def _banded(logs: Tensor) -> Tensor:
    """ln powers, [N, 3, 64, 33] -> ln of the mean power of bands of 4x4 lines, [N, 3, 16, 8]."""
    return F.avg_pool2d(logs[..., : SIDE // 2].exp(), BAND).log()


def _lines(bands: Tensor) -> Tensor:
    """[N, 3, 16, 8] -> the same for each of their lines, [N, 3, 64, 33]; the last is of the last band."""
    lines = F.interpolate(bands, scale_factor=BAND, mode="nearest")
    return torch.cat([lines, lines[..., -1:]], -1)


@lru_cache(2)
def _heard(side: int, beyond: float = BEYOND) -> Tensor:
    """[side, side / 2 + 1]: how many frequencies each stands for, 1 or 2, beyond that many cycles a pixel."""
    down, across = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    return (torch.hypot(down, across) > beyond) * torch.where((across == 0) | (across == 0.5), 1.0, 2.0)
