"""How good the averaged weights are now: real files of pictures that training never sees."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.losses.fidelity import dissimilarity
from nic_cli.losses.perceptual import Distance
from nic_cli.train.data import decoded, files
from nic_cli.train.export import kept_tables, snapshot
from nic_cli.train.imported_decoder import Imported
from nic_cli.train.recipe import Recipe
from nic_cli.transform.network import Network
from nic_cli.transform.structure_distance import structure

RATES, REALISMS = (0.0, 1.5, 3.0, 4.5), (0.0, 0.5, 1.0)


def validate(
    network: Network | Imported, weights: dict[str, Tensor], recipe: Recipe, device: str
) -> dict[str, float]:
    """Means over the validation pictures at a few q, and at each b of 0, 0.5 and 1 that is trained.

    bpp of whole files, PSNR, MS-SSIM in dB, structure and the judge's distance (0 is best) as names
    like `psnr@1.5` and `psnr@1.5,0.5` for q = 1.5, b = 0.5. Nothing when there are no validation pictures.
    """
    if not recipe.data.validation:
        return {}
    model = snapshot(
        network, weights, device, realism=recipe.realism, tables=kept_tables(recipe), trained=recipe.trained
    )
    rates = [q for q in RATES if q <= model.config.q_top]
    realisms = [b for b in REALISMS if b <= recipe.realism]
    judge = Distance(recipe.judge, "cpu") if recipe.judge.network else None
    rows: dict[str, list[float]] = {}
    for pixels in pictures(recipe):
        picture = from_array(pixels)
        for q, b in product(rates, realisms):
            container = codec.encode(picture, model, q=q, b=b)
            bpp = 8 * len(file.pack(container)) / (picture.width * picture.height)
            measured = {"bpp": bpp} | _measures(codec.decode(container, model).pixels, pixels, judge)
            for name, value in measured.items():
                rows.setdefault(f"{name}@{q:g}" + (f",{b:g}" if b else ""), []).append(value)
    return {name: sum(values) / len(values) for name, values in rows.items()}


def pictures(recipe: Recipe) -> Iterator[np.ndarray]:
    """The validation pictures, [H, W, 3] uint8 each, as many as the recipe says."""
    count = 0
    for name, content in files(recipe.data.validation):
        if count >= recipe.data.validation_limit:
            return
        pixels = decoded(content, name)
        if pixels is not None:
            count += 1
            yield pixels.numpy()


@torch.no_grad()
def _measures(found: np.ndarray, wanted: np.ndarray, judge: Distance | None) -> dict[str, float]:
    a, b = (torch.from_numpy(x.astype(np.float32) / 255)[None] for x in (found, wanted))
    error = np.square(found.astype(np.float64) - wanted).mean()
    judged = {} if judge is None else {"perceptual": float(judge(a, b))}
    return judged | {
        "psnr": 10 * float(np.log10(255**2 / max(error, 1e-9))),
        "ms_ssim": -10 * float(torch.log10(dissimilarity(a, b).clamp(min=1e-9))),
        "structure": float(structure(a, b)),
    }
