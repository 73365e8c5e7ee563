"""Does b = 1 look more real than b = 0, and what does it cost? The checks that a stage C must pass.

    python -m tests.bench.realism kodak/ [-m MODEL] [--bpp 0.2] [-b 0,0.5,0.75,1]
        [--vgg FILE] [--squeezenet FILE] [--learn FOLDER] [--sheet OUT.png]

Every picture is coded at the same bits per pixel for each b. Prints means of PSNR; of the distance in
features of VGG 16 (ST-LPIPS, of the package stlpips-pytorch or FILE), which no training has seen; of the
power of the top two octaves against the original's. With --squeezenet: distance and patch KID in SqueezeNet.
With --learn: how well a small network that was trained for a minute on pictures of FOLDER coded alike tells
patches of these from real ones, as the area under its curve (0.5: it can't). --sheet: twelve fixed places of
Kodak, original, b = 0 and b = 1, side by side.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from torch.nn import functional as F

from nic_cli import codec
from nic_cli.bench.metrics.kid import PatchKid
from nic_cli.bench.metrics.perceptual import Perceptual as Squeeze
from nic_cli.bench.metrics.texture import octaves
from nic_cli.container import file
from nic_cli.errors import UsageError
from nic_cli.image.reading import from_array, read
from nic_cli.train.losses.perceptual import Distance, Perceptual
from nic_cli.zoo.load import load

# Picture of Kodak, left and top of 160 pixels: bricks, wood, petals, leaves, water, faces, feathers.
PLACES = (
    (1, 180, 140), (2, 420, 180), (5, 330, 180), (7, 300, 170), (8, 330, 270), (13, 250, 330),
    (14, 330, 220), (15, 260, 110), (19, 180, 480), (20, 330, 210), (23, 160, 60), (24, 330, 300),
)  # fmt: skip
SIDE, SCALE = 160, 2
PATCH, STEPS, BATCH = 64, 400, 64


def shown(pixels, model, b, bpp):
    """(bits per pixel, pixels) of a picture coded for realism b at a rate."""
    target = int(bpp * pixels.shape[0] * pixels.shape[1] / 8)
    container = codec.encode(from_array(pixels), model, b=b, target_bytes=target)
    size = len(file.pack(container))
    return 8 * size / pixels.shape[0] / pixels.shape[1], codec.decode(container, model).pixels


def pictures(folder):
    """Name and pixels of each picture in RGB."""
    for path in sorted(folder.glob("*.png")):
        pixels = read(path.open("rb"), str(path)).pixels
        yield path.name, np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))


def pairs(pictures, model, b, bpp):
    """Pictures and what is decoded of them; those that take more bytes even at q 0 are left out."""
    found = []
    for pixels in pictures:
        with suppress(UsageError):
            found.append((pixels, shown(pixels, model, b, bpp)[1]))
    return list(zip(*found, strict=True))


def patches(pictures):
    """[N, 3, 64, 64] in -1..1, side by side."""
    found = []
    for pixels in pictures:
        x = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
        found.append(F.unfold(x, PATCH, stride=PATCH)[0].T.reshape(-1, 3, PATCH, PATCH))
    return torch.cat(found)


def told_apart(learnt, judged):
    """Area under the curve of a fresh network; learnt, judged: (real pictures, decoded ones)."""
    torch.manual_seed(0)
    widths = 3, 32, 64, 128
    layers = [
        part
        for a, b in pairwise(widths)
        for part in (nn.Conv2d(a, b, 3, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2))
    ]
    net = nn.Sequential(*layers, nn.Conv2d(128, 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(0))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    real, fake = map(patches, learnt)
    for _ in range(STEPS):
        at = torch.randint(len(real), (BATCH // 2,))
        loss = F.softplus(net(fake[at]) - net(real[at])).mean()  # a patch against what became of it
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        scores = [torch.cat([net(part) for part in patches(p).split(256)]) for p in judged]
    return float((scores[0][:, None] > scores[1][None]).float().mean())


def sheet(crops, path):
    """Twelve places, each as original, b = 0 and b = 1."""
    font, wide = ImageFont.load_default(18), SCALE * SIDE
    canvas = Image.new("RGB", (6 * wide + 20, 6 * (wide + 26)), "white")
    draw = ImageDraw.Draw(canvas)
    for i, panels in enumerate(crops):
        left, top = i % 2 * (3 * wide + 20), i // 2 * (wide + 26)
        for j, (label, panel) in enumerate(panels):
            image = Image.fromarray(panel).resize((wide, wide), Image.Resampling.LANCZOS)
            canvas.paste(image, (left + j * wide, top + 26))
            draw.text((left + j * wide + 4, top + 3), label, "black", font)
    canvas.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model")
    parser.add_argument("-b", default="0,0.5,0.75,1")
    parser.add_argument("--bpp", type=float, default=0.2)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--vgg", default="")
    parser.add_argument("--squeezenet", type=Path)
    parser.add_argument("--learn", type=Path)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    model, vgg = load(given.model), Distance(Perceptual("vgg", given.vgg), "cpu")
    realisms = [float(b) for b in given.b.split(",")]
    wanted = dict(list(pictures(given.folder))[: given.limit])
    others = [pixels for _, pixels in pictures(given.learn)] if given.learn else []
    crops = [[("original", wanted[f"kodim{n:02d}.png"][top : top + SIDE, left : left + SIDE])]
             for n, left, top in PLACES] if given.sheet else []  # fmt: skip
    first = None
    for b in realisms:
        rows, decoded = [], {}
        squeeze, kid = (kind(given.squeezenet) if given.squeezenet else None for kind in (Squeeze, PatchKid))
        for name, pixels in wanted.items():
            bpp, found = shown(pixels, model, b, given.bpp)
            decoded[name] = found
            x, y = (torch.from_numpy(p.astype(np.float32) / 255)[None] for p in (found, pixels))
            with torch.inference_mode():
                apart = float(vgg(x, y))
            error = np.square(found.astype(float) - pixels).mean()
            row = [bpp, 10 * np.log10(255**2 / error), apart, octaves(pixels, found)]
            if kid is not None:
                row.append(squeeze(pixels, found))
                kid.add(pixels, found)
            rows.append(row)
        mean = np.mean(rows, 0)
        first = mean if first is None else first
        more = 100 * (mean / first - 1)
        line = f"b {b:g}: {mean[0]:.4f} bpp  {mean[1]:.2f} dB  VGG {mean[2]:.4f} ({more[2]:+.1f} %)"
        line += f"  octaves {mean[3]:.3f}"
        if kid is not None:
            line += f"  SqueezeNet {mean[4]:.4f} ({more[4]:+.1f} %)  KID {kid.value():.5f}"
        if others:
            learnt = pairs(others, model, b, given.bpp)
            line += f"  told apart {told_apart(learnt, (wanted.values(), decoded.values())):.3f}"
        print(line, flush=True)
        for (n, left, top), panels in zip(PLACES, crops, strict=True) if crops and b in (0.0, 1.0) else ():
            part = decoded[f"kodim{n:02d}.png"][top : top + SIDE, left : left + SIDE]
            panels.append((f"b = {b:g}", part))
    if crops:
        sheet(crops, given.sheet)


if __name__ == "__main__":
    main()
