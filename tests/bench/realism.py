"""Does b = 1 look more real than b = 0, and what does it cost? The checks that a stage C must pass.

    python -m tests.bench.realism kodak/ [-m MODEL] [--bpp 0.2 | -q 0.4] [--made 0.75] [-b 0,0.5,0.75,1]
        [--vgg FILE] [--squeezenet FILE] [--learn FOLDER] [--sheet OUT.png] [--each]

Every picture is coded once, for the realism --made, and shown at each b: the same bytes. Prints, as means
over pictures: PSNR; the spectrum's worst ratio (in brackets that of the worst picture) and its median
(the lowest, the highest); power of the finest two octaves against the original's; texture distance; the
distance in features of VGG 16 (ST-LPIPS, of the package stlpips-pytorch or FILE), which no training has
seen. With --squeezenet: distance and patch KID in SqueezeNet. With --learn: how well a small network that
was trained for a minute on pictures of FOLDER coded alike tells patches of these from real ones, as the area
under its curve (0.5: it can't). --sheet: twelve fixed places of Kodak, original, AVIF of the same bytes and
each b from 0.5 on, not enlarged. --each: a line for each picture too.
"""

from __future__ import annotations

import argparse
import io
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from torch.nn import functional as F

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import UsageError
from nic_cli.image.reading import from_array, read
from nic_cli.metrics.kid import PatchKid
from nic_cli.metrics.perceptual import Perceptual as Squeeze
from nic_cli.metrics.spectrum import median, worst
from nic_cli.metrics.st_lpips import ShiftTolerant
from nic_cli.metrics.texture import texture
from nic_cli.zoo.load import load

# Picture of Kodak, left and top of 160 pixels, and what is there.
PLACES = (
    (13, 250, 330, "water"), (24, 400, 250, "wall"), (5, 170, 300, "tyres"), (8, 250, 270, "windows"),
    (1, 170, 160, "bricks"), (20, 560, 350, "grass"), (21, 130, 300, "rocks"), (22, 200, 70, "barn"),
    (14, 600, 150, "water"), (18, 250, 430, "dress"), (4, 190, 330, "skin"), (23, 500, 300, "plumage"),
)  # fmt: skip
SIDE = 160
PATCH, STEPS, BATCH = 64, 400, 64


def coded(pixels, model, made, bpp, q=None):
    """A picture's container, at a rate or at q, and its bytes."""
    target = None if q is not None else int(bpp * pixels.shape[0] * pixels.shape[1] / 8)
    container = codec.encode(from_array(pixels), model, q=q, b=made, target_bytes=target)
    return container, len(file.pack(container))


def avif(pixels, size):
    """Pixels of the largest AVIF of at most so many bytes."""
    found, low, high = b"", 0, 100
    while low <= high:
        quality, stream = (low + high) // 2, io.BytesIO()
        Image.fromarray(pixels).save(stream, "AVIF", speed=4, quality=quality)
        if fits := len(stream.getvalue()) <= size:
            found = stream.getvalue()
        low, high = (quality + 1, high) if fits else (low, quality - 1)
    return np.asarray(Image.open(io.BytesIO(found)).convert("RGB")) if found else np.zeros_like(pixels)


def pictures(folder):
    """Name and pixels of each picture in RGB."""
    for path in sorted(folder.glob("*.png")):
        pixels = read(path.open("rb"), str(path)).pixels
        yield path.name, np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))


def octave_powers(wanted, found):
    """Power of the finest two octaves of luma found, over that wanted: of Haar bands."""
    ratios, luma = [], [p @ np.array([0.299, 0.587, 0.114]) for p in (wanted, found)]
    for _ in range(2):
        luma = [y[: y.shape[0] // 2 * 2, : y.shape[1] // 2 * 2] for y in luma]
        parts = [[y[i::2, j::2] for i in (0, 1) for j in (0, 1)] for y in luma]
        there, made = (
            sum(np.square(x).mean() for x in four) - 4 * np.square(sum(four) / 4).mean() for four in parts
        )
        ratios.append(made / there)
        luma = [sum(four) / 4 for four in parts]
    return ratios


def pairs(pictures, model, made, b, bpp):
    """Pictures and what is shown of them; those that take more bytes even at q 0 are left out."""
    found = []
    for pixels in pictures:
        with suppress(UsageError):
            found.append((pixels, codec.decode(coded(pixels, model, made, bpp)[0], model, b=b).pixels))
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


def sheet(rows, path):
    """Rows of (title, panel), two rows side by side."""
    font, count = ImageFont.load_default(14), len(rows[0])
    wide, high = count * (SIDE + 2) + 20, SIDE + 22
    canvas = Image.new("RGB", (2 * wide, -(-len(rows) // 2) * high), "white")
    draw = ImageDraw.Draw(canvas)
    for i, panels in enumerate(rows):
        left, top = i % 2 * wide, i // 2 * high
        for j, (label, panel) in enumerate(panels):
            canvas.paste(Image.fromarray(panel), (left + j * (SIDE + 2), top + 20))
            draw.text((left + j * (SIDE + 2) + 3, top + 2), label, "black", font)
    canvas.save(path)


class Measured:
    """Means over pictures at one b."""

    def __init__(self, vgg, squeezenet):
        self.vgg, self.rows, self.decoded = vgg, [], []
        self.squeeze, self.kid = (kind(squeezenet) if squeezenet else None for kind in (Squeeze, PatchKid))

    def add(self, wanted, found):
        error = np.square(found.astype(float) - wanted).mean()
        row = [10 * np.log10(255**2 / error), worst(wanted, found)[0], median(wanted, found)]
        row += [*octave_powers(wanted, found), texture(wanted, found), self.vgg(wanted, found)]
        if self.kid is not None:
            row.append(self.squeeze(wanted, found))
            self.kid.add(wanted, found)
        self.rows.append(row)
        self.decoded.append(found)

    def line(self, rows, first, extra=""):
        mean = np.mean(rows, 0)
        more = 100 * (mean / np.mean(first, 0) - 1)
        line = f"{mean[0]:.2f} dB  worst {mean[1]:.2f} ({np.max(rows, 0)[1]:.2f})  median {mean[2]:.2f}"
        line += f" ({np.min(rows, 0)[2]:.2f}, {np.max(rows, 0)[2]:.2f})  octaves {mean[3]:.2f} {mean[4]:.2f}"
        line += f"  texture {mean[5]:.3f} ({more[5]:+.1f} %)  VGG {mean[6]:.4f} ({more[6]:+.1f} %)"
        if len(mean) > 7:
            line += f"  SqueezeNet {mean[7]:.4f} ({more[7]:+.1f} %)"
        return line + extra


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model")
    parser.add_argument("-b", default="0,0.5,0.75,1")
    parser.add_argument("--bpp", type=float, default=0.2)
    parser.add_argument("-q", type=float)
    parser.add_argument("--made", type=float, default=0.75)
    parser.add_argument("--only", help="numbers of pictures of Kodak")
    parser.add_argument("--vgg", default="")
    parser.add_argument("--squeezenet", type=Path)
    parser.add_argument("--learn", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    model, vgg = load(given.model), ShiftTolerant(given.vgg)
    realisms = [float(b) for b in given.b.split(",")]
    wanted = dict(pictures(given.folder))
    if given.only:
        wanted = {name: wanted[name] for n in given.only.split(",") if (name := f"kodim{int(n):02d}.png")}
    measured = {b: Measured(vgg, given.squeezenet) for b in realisms}
    rows, bits = {}, []
    for name, pixels in wanted.items():
        container, size = coded(pixels, model, given.made, given.bpp, given.q)
        bits.append(8 * size / pixels.shape[0] / pixels.shape[1])
        shown = {b: codec.decode(container, model, b=b).pixels for b in realisms}
        for b, found in shown.items():
            measured[b].add(pixels, found)
            if given.each:
                rows_of_it = measured[b].rows[-1:], measured[realisms[0]].rows[-1:]
                print(f"{name} {bits[-1]:.3f} bpp b {b:g}: {measured[b].line(*rows_of_it)}", flush=True)
        if given.sheet:
            there = [place for place in PLACES if f"kodim{place[0]:02d}.png" == name]
            others = {"original": pixels, "AVIF": avif(pixels, size)} if there else {}
            for n, left, top, what in there:
                panels = others | {f"b = {b:g}": found for b, found in shown.items() if b >= 0.5}
                rows[n] = [
                    (
                        f"{n} {what}" if label == "original" else label,
                        panel[top : top + SIDE, left : left + SIDE],
                    )
                    for label, panel in panels.items()
                ]
    print(f"{np.mean(bits):.4f} bpp ({np.min(bits):.3f} to {np.max(bits):.3f}), made for b = {given.made:g}")
    others = [pixels for _, pixels in pictures(given.learn)] if given.learn else []
    for b, found in measured.items():
        extra = f"  KID {found.kid.value():.5f}" if found.kid is not None else ""
        if others:
            learnt = pairs(others, model, given.made, b, given.bpp)
            extra += f"  told apart {told_apart(learnt, (wanted.values(), found.decoded)):.3f}"
        print(f"b {b:g}: {found.line(found.rows, measured[realisms[0]].rows, extra)}", flush=True)
    if rows:
        sheet([rows[n] for n, *_ in PLACES if n in rows], given.sheet)


if __name__ == "__main__":
    main()
