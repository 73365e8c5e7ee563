#!/bin/sh
# Pillow 13.0.0 (PyPI), whose wheel holds libavif 1.4.2 and libaom 3.14.1; CPython 3.11, Linux x86-64.
#
# libaom's denoise-noise-level, from 0 (off) to 50, takes noise out of a picture before it is coded and writes a model of
# it into the file, from which decoders make grain. The name and the range promise an amount: one would expect that 50
# takes more out than 1, and ends in another file.
# Seen: levels 1, 10 and 50 give one and the same file, whether the noise has a deviation of 3 or of 12 levels. Any
# level but 0 is a switch: some half of the bytes, and grain of the decoder in place of the noise that was there.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q pillow==13.0.0
cat >"$place/levels.py" <<'PYTHON'
import hashlib
import io
import math
import random

from PIL import Image

SIDE = 256


def photograph(noise):
    """Slopes, soft stripes and a disc, under grey noise of this deviation."""
    draw, picture = random.Random(1), Image.new("RGB", (SIDE, SIDE))
    pixels = []
    for y in range(SIDE):
        for x in range(SIDE):
            inside = math.hypot(x - 90, y - 130) < 60
            grey = 70 + 0.3 * x + 0.2 * y + 12 * math.sin(x / 11) + (50 if inside else 0) + draw.gauss(0, noise)
            pixels.append((int(grey), int(grey * 0.9), int(grey * 0.8)))
    picture.putdata(pixels)
    return picture


for noise in (3, 12):
    picture, files = photograph(noise), {}
    for level in (0, 1, 10, 50):
        stream = io.BytesIO()
        picture.save(
            stream, "AVIF", codec="aom", quality=60, speed=6, advanced={"denoise-noise-level": str(level)}
        )
        files[level] = stream.getvalue()
        digest = hashlib.sha256(files[level]).hexdigest()[:12]
        print(f"noise of {noise}, level {level}: {len(files[level])} bytes, {digest}")
    assert files[1] != files[0] and len(files[1]) < 0.8 * len(files[0]), "the option does nothing now"
    assert files[1] == files[10] == files[50], "the level counts now"
PYTHON
"$place/venv/bin/python" "$place/levels.py"
