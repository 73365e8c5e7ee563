"""The picture in the README: the same crop at the same number of bytes, four ways.

    python -m tests.pictures.result [--bpp 0.2]

Takes the photograph of a cat that scikit-image ships (CC0, by Stefan van der Walt). The whole
picture is coded. AVIF gets the largest file under the rate, the others at most the size of that.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from nic_cli.zoo.load import load

CROP = (120, 60, 280, 220)  # left, top, right, bottom
SCALE = 2


def largest_under(image: Image.Image, limit: int, kind: str, **options) -> bytes:
    """The file of the highest quality of at most `limit` bytes, or of the lowest there is."""
    best = b""
    for quality in range(1, 96):
        stream = io.BytesIO()
        image.save(stream, kind, quality=quality, **options)
        if best and len(stream.getvalue()) > limit:
            break
        best = stream.getvalue()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bpp", type=float, default=0.2)
    given = parser.parse_args()
    pixels = data.chelsea()
    image, model = Image.fromarray(pixels), load()
    target = int(given.bpp * image.width * image.height / 8)
    coded = {"AVIF": largest_under(image, target, "AVIF", speed=4)}
    limit = len(coded["AVIF"])  # its settings are the coarsest: the others meet its size
    coded["JPEG"] = largest_under(image, limit, "JPEG", optimize=True)
    container = codec.encode(from_array(pixels), model, b=0.75, target_bytes=limit)
    ours = Image.fromarray(codec.decode(container, model).pixels)
    panels = [("original", image, pixels.size), ("nic", ours, len(file.pack(container)))]
    for kind, stream in coded.items():
        panels.append((kind, Image.open(io.BytesIO(stream)).convert("RGB"), len(stream)))
    side = CROP[2] - CROP[0]
    sheet = Image.new("RGB", (SCALE * side * len(panels), SCALE * side + 28), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for at, (name, panel, n_bytes) in enumerate(panels):
        error = np.square(np.asarray(panel, float) - pixels).mean()
        fidelity = f", {10 * np.log10(255**2 / error):.2f} dB" if error else ""
        label = f"{name}  {n_bytes:,} bytes{fidelity}"
        print(label)
        crop = panel.crop(CROP).resize((SCALE * side,) * 2, Image.Resampling.LANCZOS)
        sheet.paste(crop, (SCALE * side * at, 28))
        draw.text((SCALE * side * at + 6, 5), label, "black", font)
    sheet.save(Path(__file__).with_name("result.png"), optimize=True)


if __name__ == "__main__":
    main()
