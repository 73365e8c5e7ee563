#!/bin/sh
# Pillow 13.0.0 (PyPI), whose wheel holds libavif 1.4.2 and libaom 3.14.1; CPython 3.11, Linux x86-64.
#
# One picture is saved as AVIF with max_threads=1, 2, 4 and 8, all else the same. Threads are there to be fast, so one
# would expect the same file every time, as the encoders of JPEG XL and WebP give it.
# Seen: 2, 4 and 8 threads give one file, 1 thread gives another, of other pixels. The default is the number of
# processors: a machine of one makes other files of the same settings than all the rest, and so other figures.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q pillow==13.0.0
cat >"$place/threads.py" <<'PYTHON'
import hashlib
import io
import math
import random

from PIL import Image

draw = random.Random(1)
picture = Image.new("RGB", (768, 512))
picture.putdata(
    [
        tuple(
            int(128 + 50 * math.sin(x / (9 + 3 * k)) + 40 * math.cos(y / (13 - 2 * k)) + draw.gauss(0, 6))
            for k in range(3)
        )
        for y in range(512)
        for x in range(768)
    ]
)
files = {}
for count in (1, 2, 4, 8):
    stream = io.BytesIO()
    picture.save(stream, "AVIF", quality=50, speed=6, max_threads=count)
    pixels = hashlib.sha256(Image.open(stream).tobytes()).hexdigest()
    files[count] = (len(stream.getvalue()), hashlib.sha256(stream.getvalue()).hexdigest(), pixels)
    print(f"{count} threads: {files[count][0]} bytes, pixels {pixels[:12]}")
assert files[2] == files[4] == files[8], "several threads differ among themselves"
assert files[1][1] != files[2][1], "one thread gives the same file now"
assert files[1][2] != files[2][2], "one thread gives the same pixels now"
PYTHON
"$place/venv/bin/python" "$place/threads.py"
