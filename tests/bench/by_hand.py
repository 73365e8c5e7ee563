"""Are files and figures of `nic_cli.bench.programs` those of the commands as one would type them?

    python -m tests.bench.by_hand FOLDER [--first N] [--only NAME]

Each of the first N pictures (four unless told) goes through each program that is installed at its third and
sixth usual value: by `programs`, and by lines written here, with files by Pillow. Prints bytes and PSNR of
both, and exits with 1 where bytes differ or PSNR is over 0.001 dB apart. 16-bit PNG of heif-enc is read by
`nic decode`'s own reader.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from nic_cli.bench import programs
from nic_cli.image.reading import read
from nic_cli.image.writing import write
from nic_cli.types import Picture


def lines(name: str, quality: float) -> tuple[str, str]:
    """What is typed to encode a.png, or a16.png, and to decode it to b.png."""
    if name == "avifenc":
        helps = subprocess.run([name, "--help"], capture_output=True, text=True, check=False).stdout
        level = int((100 - quality) * 0.63 + 0.5)
        rate = (
            f"-q {quality}" if "qcolor" in helps else f"--min 0 --max 63 -a end-usage=q -a cq-level={level}"
        )
        return (
            f"avifenc -s 4 -d 10 -y 444 -j all {rate} -a tune=psnr a.png a.avif",
            "avifdec -d 8 a.avif b.png",
        )
    if name == "cjxl":
        return f"cjxl a.png a.jxl -d {quality}", "djxl a.jxl b.png"
    if name == "cjpegli":
        return f"cjpegli a.png a.jpg -q {quality} --chroma_subsampling 444", "djpegli a.jpg b.png"
    if name == "cwebp":
        return f"cwebp -m 6 -sharp_yuv -q {quality} a.png -o a.webp", "dwebp a.webp -o b.png"
    decoder = "heif-dec" if shutil.which("heif-dec") else "heif-convert"
    settings = "-p chroma=444 -p preset=slower -p tune=psnr"
    return f"heif-enc -q {quality} {settings} -b 10 a16.png -o a.heic", f"{decoder} a.heic b.png"


def psnr(wanted: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((wanted.astype(float) - found) ** 2)))


def values(path: Path, name: str) -> np.ndarray:
    """The picture that a decoder wrote, [H, W, 3], by another way than `programs` takes."""
    if name != "heif-enc":
        return np.asarray(Image.open(path).convert("RGB"))
    pixels = read(path).pixels
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=4)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    names = [n for n in programs.PROGRAMS if n != "vvencapp" and programs.missing(n) is None]
    apart, most, count = 0, 0.0, 0
    for path in sorted(given.folder.glob("*.png"))[: given.first]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        for name in [n for n in names if given.only in n]:
            for quality in (programs.PROGRAMS[name].usual[2], programs.PROGRAMS[name].usual[5]):
                data = programs.encode(pixels, name, quality, {})
                ours = psnr(pixels, programs.decode(data, name))
                with TemporaryDirectory() as folder:
                    there = Path(folder)
                    Image.fromarray(pixels).save(there / "a.png")
                    with (there / "a16.png").open("wb") as stream:
                        write(Picture(pixels.astype(np.uint16) * 257), stream, "png")
                    for line in lines(name, quality):
                        subprocess.run(line.split(), cwd=there, capture_output=True, check=True)
                    file = next(p for p in there.iterdir() if p.name.startswith("a.") and p.suffix != ".png")
                    size, same = file.stat().st_size, file.read_bytes() == data
                    theirs = psnr(pixels, values(there / "b.png", name))
                difference = abs(ours - theirs)
                apart, most, count = apart + (not same), max(most, difference), count + 1
                print(
                    f"{path.name:16} {name:9} {programs.PROGRAMS[name].dial}{quality:<4g}"
                    f" {len(data):9,} bytes {'as' if same else 'not as'} by hand ({size:,})"
                    f"  {ours:.4f} dB, by hand {theirs:.4f}",
                    flush=True,
                )
    print(f"{count} files, {apart} of other bytes, PSNR at most {most:.4f} dB apart")
    return int(apart > 0 or most > 0.001)


if __name__ == "__main__":
    sys.exit(main())
