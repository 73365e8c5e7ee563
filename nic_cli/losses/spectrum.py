"""Power spectra: whether fine detail is there, and whether a line stands out that is not in the original.

No place in a picture matters to this, so noise of the right colour costs nothing; a mesh, which critics of
small patches let pass, is a line many times over what the original has there.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from nic_cli.losses.fidelity import COLOUR
from nic_cli.transform.planes import planes

SIDE, STRIDE = 64, 32  # of the windows, in pixels
BEYOND = 0.12  # cycles a pixel: what is coarser is where it is, or else wrong
STEADY = 1e-4  # power under which there is nothing: a tenth of what rounding to levels of 255 adds
COLOURS = ((0.299, 0.587, 0.114), *COLOUR)  # BT.601
WEIGHTS = (1.0, 0.25, 0.25)
OVER_ALL, OVER_ONE = 0.2, 0.7  # how far ln power may lie over the original's: of the batch, and of a crop


def spectrum(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared differences of log power, of each crop and of the batch; more where found has more.

    found, wanted: [N, H, W, 3] in 0..1, sides of at least 64, of one batch -> [N], whose mean counts.
    """
    (one_a, all_a), (one_b, all_b) = _log_powers(found), _log_powers(wanted)
    apart, together = one_a - one_b, all_a - all_b
    over = F.relu(together - OVER_ALL).square() + F.relu(apart - OVER_ONE).square()
    total = apart.square() + 4 * together.square() + 12 * over  # [N, planes, 64, 33]
    heard = _heard().to(found)
    each = (total * heard).sum((2, 3)) / heard.sum()
    return each @ found.new_tensor(WEIGHTS)


def _log_powers(x: Tensor) -> tuple[Tensor, Tensor]:
    """[N, H, W, 3] -> ln of the mean power in windows, [N, 3, 64, 33] of each and [1, 3, 64, 33] of all."""
    colours = torch.einsum("oc,nchw->nohw", x.new_tensor(COLOURS), planes(x))
    line = torch.hann_window(SIDE, False, device=x.device, dtype=x.dtype)
    parts = colours.unfold(2, SIDE, STRIDE).unfold(3, SIDE, STRIDE)  # [N, 3, rows, columns, 64, 64]
    parts = (parts - parts.mean((-1, -2), keepdim=True)) * (line[:, None] * line)
    power = torch.fft.rfft2(parts).abs().square().mean((2, 3))
    return (power + STEADY).log(), (power.mean(0, keepdim=True) + STEADY).log()


@lru_cache(1)
def _heard() -> Tensor:
    """[64, 33]: 1 for frequencies beyond `BEYOND`, twice that for those that stand for their mirror image."""
    down, across = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]
    return (torch.hypot(down, across) > BEYOND) * torch.where((across == 0) | (across == 0.5), 1.0, 2.0)
