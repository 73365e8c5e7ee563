"""All training pictures decoded once into one pool of bytes, and random crops cut from it.

885 megapixels take 3 GB and then cost nothing more: no loader, no worker, the same on a GPU.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nic_cli.errors import PictureError, UsageError
from nic_cli.image.reading import read
from nic_cli.train.recipe import Data

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif"}
SMALLEST = 128


def files(paths: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all pictures in folders and tar files; UsageError when there are none."""
    found = False
    for path in map(Path, paths):
        if path.suffix == ".tar":
            try:
                with tarfile.open(path) as tar:
                    for member in tar:
                        if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                            found = True
                            yield member.name, tar.extractfile(member).read()  # type: ignore[union-attr]
            except tarfile.TarError as error:
                raise UsageError(f"{path}: not a tar file of pictures: {error}") from None
            continue
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        for name in inside:
            if name.suffix == ".tar":
                found = True
                yield from files((str(name),))
            elif name.suffix.lower() in SUFFIXES:
                found = True
                yield str(name), name.read_bytes()
    if not found:
        raise UsageError(f"no pictures in {', '.join(paths) or 'the recipe: give [data] paths or --data'}")


def decoded(data: bytes, name: str) -> Tensor | None:
    """[H, W, 3] uint8, or None for what cannot be read or is too small to crop."""
    try:
        pixels = read(io.BytesIO(data), name).pixels
    except PictureError:
        return None
    if min(pixels.shape[:2]) < SMALLEST:
        return None
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return torch.from_numpy(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())


def shrunk(pixels: Tensor, factor: float) -> Tensor:
    """[H, W, 3] uint8 reduced by a factor of at least 1, antialiased."""
    height, width = (max(SMALLEST, round(side / factor)) for side in pixels.shape[:2])
    if (height, width) == tuple(pixels.shape[:2]):
        return pixels
    image = pixels.permute(2, 0, 1)[None].float()
    image = F.interpolate(image, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return image[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


def grained(crops: Tensor, most: float, random: torch.Generator) -> Tensor:
    """[N, H, W, 3] uint8 with grain as of film or sensors, a loudness and a coarseness each.

    Shrunk pictures have none left in their smooth areas, photographs have 1 or 2 levels. most: its deviation
    at most, at mid grey; most crops get little, and black and white none.
    """
    n, h, w, _ = crops.shape
    draw = torch.rand(2, n, 1, 1, 1, generator=random, device=crops.device)
    noise = torch.randn(n, 3, h, w, generator=random, device=crops.device)
    noise = 0.75 * noise[:, :1] + 0.35 * noise  # more of it in luma than in colour
    noise, soft = (x.permute(0, 2, 3, 1) for x in (noise, F.avg_pool2d(noise, 3, 1, 1)))
    noise = torch.lerp(noise, soft, 0.6 * draw[0])
    light = crops.float() / 255
    loud = most * draw[1].square() / noise.std((1, 2, 3), keepdim=True)
    return (crops + loud * 2 * (light * (1 - light)).sqrt() * noise).round().clamp(0, 255).to(torch.uint8)


class Pool:
    """Every pixel of a set of pictures, each at `copies` random sizes, in one array on one device."""

    def __init__(self, data: Data, device: str, seed: int) -> None:
        random = np.random.default_rng(seed)
        top = max(1.0, data.shrink)

        def sizes(item: tuple[tuple[str, bytes], list[float]]) -> list[Tensor]:
            (name, content), factors = item
            whole = decoded(content, name)
            return [] if whole is None else [shrunk(whole, factor) for factor in factors]

        items = ((item, random.uniform(1, top, data.copies).tolist()) for item in files(data.paths))
        with ThreadPoolExecutor(2) as crew:
            pictures = [picture for several in crew.map(sizes, items) for picture in several]
        if not pictures:
            raise UsageError(f"no picture of at least {SMALLEST} pixels a side in the training data")
        shape = torch.tensor([p.shape[:2] for p in pictures])
        area = shape.prod(1)
        self.height, self.width = shape[:, 0].to(device), shape[:, 1].to(device)
        self.start = (area.cumsum(0) - area).to(device)
        self.weight = area.double().to(device)
        self.largest = int(shape.amin(1).amax())  # side of the largest crop there is
        pixels = torch.empty(int(area.sum()), 3, dtype=torch.uint8)
        at = 0
        while pictures:  # from the end, so that memory is given back on the way
            flat = pictures.pop().reshape(-1, 3)
            at += len(flat)
            pixels[len(pixels) - at : len(pixels) - at + len(flat)] = flat
        self.pixels, self.device, self.grain = pixels.to(device), device, data.grain

    def check(self, side: int) -> None:
        """Raise UsageError unless some picture is large enough for crops of this side."""
        if side > self.largest:
            raise UsageError(
                f"crops of {side} pixels: the largest picture allows {self.largest}, as shrunk by up to "
                "[data] shrink: give larger pictures, or a smaller crop and late_crop in [optimiser]"
            )

    def crops(self, batch: int, side: int, random: torch.Generator) -> Tensor:
        """[batch, side, side, 3] uint8, areas evenly covered, mirrored and turned at random."""
        self.check(side)
        fits = (self.height >= side) & (self.width >= side)
        pick = torch.multinomial(self.weight * fits, batch, replacement=True, generator=random)
        draw = torch.rand(4, batch, generator=random, device=self.device)
        top = (draw[0] * (self.height[pick] - side + 1)).long()
        left = (draw[1] * (self.width[pick] - side + 1)).long()
        line = torch.arange(side, device=self.device)
        columns = torch.where(draw[2, :, None] < 0.5, line, side - 1 - line)
        rows = (top[:, None] + line) * self.width[pick, None] + self.start[pick, None]
        index = rows[:, :, None] + (left[:, None] + columns)[:, None, :]
        turned = (draw[3] < 0.5)[:, None, None]
        found = self.pixels[torch.where(turned, index.transpose(1, 2), index)]
        return grained(found, self.grain, random) if self.grain else found
