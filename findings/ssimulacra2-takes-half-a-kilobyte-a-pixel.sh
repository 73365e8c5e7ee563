#!/bin/sh
# ssimulacra2 0.3.0 (PyPI), with numpy 2.4.6 and Pillow 13.0.0; CPython 3.11, Linux x86-64.
#
# The score of two pictures is asked for. In single precision the two pictures in three colours and the six blurred
# planes that its formula names come to about 100 bytes a pixel at full size, with the five smaller sizes 130; one
# would expect no more than twice that. Seen: some 510 bytes a pixel at the peak, the same for 1 and for 4 megapixels,
# so that a photograph of 24 megapixels takes 12 GB, and one of 64 more than most machines have.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q ssimulacra2==0.3.0 numpy==2.4.6 pillow==13.0.0
cat >"$place/pictures.py" <<'PYTHON'
import sys

import numpy as np
from PIL import Image

side, folder = int(sys.argv[1]), sys.argv[2]
rows, columns = np.mgrid[:side, :side]
waves = 128 + 60 * np.sin(rows / 17) + 60 * np.cos(columns / 23)
rng = np.random.default_rng(1)
for name, noise in (("wanted", 2), ("found", 12)):
    values = waves[..., None] + rng.normal(0, noise, (side, side, 3))
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(f"{folder}/{name}.png")
PYTHON
cat >"$place/peak.py" <<'PYTHON'
import resource
import sys

from ssimulacra2 import compute_ssimulacra2

compute_ssimulacra2(f"{sys.argv[1]}/wanted.png", f"{sys.argv[1]}/found.png")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
PYTHON
peak() {
    "$place/venv/bin/python" "$place/pictures.py" "$1" "$place"
    "$place/venv/bin/python" "$place/peak.py" "$place"
}
idle=$(peak 64)
for side in 1024 2048; do
    each=$((($(peak $side) - idle) / (side * side)))
    echo "$side x $side: $each bytes a pixel"
    if [ $each -lt 400 ] || [ $each -gt 650 ]; then
        echo "this has changed" >&2
        exit 1
    fi
done
