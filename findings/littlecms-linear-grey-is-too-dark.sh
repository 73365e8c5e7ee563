#!/bin/sh
# littleCMS 2.19, as Pillow 13.0.0's wheels carry it; CPython 3.11, Linux x86-64.
#
# A grey picture of linear light with its ICC profile (one curve, gamma 1) is converted to sRGB in 8 bits. One would
# expect the same values as of an RGB picture with equal channels and the same curve, within half a level of the
# formula. Seen: darks are up to 10 levels of 255 too dark (value 2 becomes 12, right is 22), and at gamma 1.4 still
# 1.6 levels off; the RGB picture is right to half a level, and so is the grey one when littleCMS is told not to
# optimise.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q pillow==13.0.0 numpy
"$place/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import numpy as np
from PIL import Image, ImageCms

WHITE = (63190, 65536, 54061)  # D50, in 1/65536
SRGB = {b"rXYZ": (28580, 14582, 912), b"gXYZ": (25231, 46981, 6362), b"bXYZ": (9379, 3973, 46787)}


def profile(space: bytes, gamma: float) -> bytes:
    """An ICC profile, version 2, of sRGB's colours or grey, with one gamma."""
    curve = b"curv" + struct.pack(">IIHH", 0, 1, round(256 * gamma), 0)
    xyz = {name: b"XYZ \0\0\0\0" + struct.pack(">3i", *value) for name, value in SRGB.items()}
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + struct.pack(">3i", *WHITE)
    tags |= {b"kTRC": curve} if space == b"GRAY" else xyz | {name: curve for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12x4s24x4x3i", start + len(body), b"", 0x02400000, b"mntr", space, b"XYZ ",
                       b"acsp", *WHITE)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


ramp = np.arange(256, dtype=np.uint8)[None]
srgb, found = ImageCms.createProfile("sRGB"), {}
for gamma in (1.0, 1.4):
    light = (np.arange(256) / 255) ** gamma
    right = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    for name, image, space, flags in (
        ("grey", Image.fromarray(ramp), b"GRAY", 0),
        ("grey, not optimised", Image.fromarray(ramp), b"GRAY", ImageCms.Flags.NOOPTIMIZE),
        ("RGB", Image.fromarray(np.dstack([ramp] * 3)), b"RGB ", 0),
    ):
        own = io.BytesIO(profile(space, gamma))
        out = np.asarray(ImageCms.profileToProfile(image, own, srgb, 1, "RGB", flags=flags))[0, :, 1]
        found[gamma, name] = np.abs(out - right).max()
        print(f"gamma {gamma}  {name:20} value 2 becomes {out[2]:2}, right is {right[2]:4.1f}; "
              f"at most {found[gamma, name]:.1f} levels off")
wrong = {key for key, levels in found.items() if levels > 1}
if wrong != {(1.0, "grey"), (1.4, "grey")} or found[1.0, "grey"] < 8:
    sys.exit("this has changed")
PYTHON
