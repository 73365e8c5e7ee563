"""How good the averaged weights are now: real files of pictures that training never sees."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.train.data import decoded, files
from nic_cli.train.export import snapshot
from nic_cli.train.recipe import Data
from nic_cli.transform.network import Network

SETTINGS = (0.0, 1.5, 3.0, 4.5)


def validate(network: Network, weights: dict[str, Tensor], data: Data, device: str) -> dict[str, float]:
    """Mean bpp of whole files and mean PSNR at a few q; nothing when there are no validation pictures."""
    if not data.validation:
        return {}
    model = snapshot(network, weights, device)
    rows: dict[str, list[float]] = {f"{k}@{q:g}": [] for q in SETTINGS for k in ("bpp", "psnr")}
    for count, (name, content) in enumerate(files(data.validation)):
        pixels = decoded(content, name)
        if count >= data.validation_limit or pixels is None:
            continue
        picture = from_array(pixels.numpy())
        for q in SETTINGS:
            container = codec.encode(picture, model, q=q, b=0)
            back = codec.decode(container, model).pixels
            error = np.square(back.astype(np.float64) - picture.pixels).mean()
            rows[f"bpp@{q:g}"].append(8 * len(file.pack(container)) / (picture.width * picture.height))
            rows[f"psnr@{q:g}"].append(10 * float(np.log10(255**2 / error)))
    return {name: sum(values) / len(values) for name, values in rows.items() if values}
