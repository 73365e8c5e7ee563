"""How good the averaged weights are now, on pictures that training never sees."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from nic_cli.train.data import decoded, files
from nic_cli.train.recipe import Data
from nic_cli.transform.network import Network

SETTINGS = (0.0, 1.5, 3.0, 4.5)


def validate(network: Network, weights: dict[str, Tensor], data: Data, device: str) -> dict[str, float]:
    """Mean bpp and PSNR at a few q on the validation pictures, with hard rounding."""
    if not data.validation:
        return {}
    rows: dict[str, list[float]] = {f"{k}@{q:g}": [] for q in SETTINGS for k in ("bpp", "psnr")}
    for count, (name, content) in enumerate(files(data.validation)):
        picture = decoded(content, name)
        if count >= data.validation_limit or picture is None:
            continue
        height, width = (side // 64 * 64 for side in picture.shape[:2])
        x = picture[None, :height, :width].to(device).float() / 255 - 0.5
        for q in SETTINGS:
            given = (x, torch.tensor([q], device=device), torch.zeros(1, device=device), torch.float32, False)
            with torch.no_grad():
                out = functional_call(network, weights, given)
            error = (out.x.clamp(-0.5, 0.5) - x).square().mean()
            rows[f"bpp@{q:g}"].append(float(out.y_bits + out.z_bits) / (height * width))
            rows[f"psnr@{q:g}"].append(-10 * float(torch.log10(error)))
    return {name: sum(values) / len(values) for name, values in rows.items() if values}
