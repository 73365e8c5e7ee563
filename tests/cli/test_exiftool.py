"""What a camera wrote is there after the way through nic, for the tool that people read and edit it with."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.image.metadata import PREFIX
from tests.image.pictures import P3, XMP, rgb_profile

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")

WRITTEN = {
    "Make": "nic",
    "Model": "camera 1",
    "DateTimeOriginal": "2026:11:02 10:20:30",
    "ExposureTime": 0.02,
    "LensModel": "50 mm, long name that lies behind an offset",
    "GPSLatitude": 48.5,
    "GPSLatitudeRef": "N",
}
PLACES = ("IFD0", "ExifIFD", "GPS")
OF_XMP = {"XMP-dc:Title": "a title", "XMP-tiff:Make": "nic"}


def exiftool(*arguments: object) -> str:
    command = ["exiftool", "-n", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


def tags(path: Path) -> dict[str, object]:
    found = json.loads(exiftool("-json", "-G1", path))[0]
    assert not [tag for tag in found if tag.endswith((":Warning", ":Error"))], found
    return found


def value(found: dict[str, object], tag: str) -> object:
    """What EXIF says of `tag`, whichever of its directories it lies in."""
    return next((found[f"{place}:{tag}"] for place in PLACES if f"{place}:{tag}" in found), None)


@pytest.fixture
def photo(clean_place: Path, pixels: np.ndarray) -> Path:
    """A JPEG as from a camera, lying on its side, with EXIF, XMP and a wide profile."""
    Image.fromarray(np.rot90(pixels)).save("photo.jpg", quality=97, icc_profile=rgb_profile(P3), xmp=XMP)
    every = {**WRITTEN, **OF_XMP, "IFD0:Orientation": 6}
    exiftool("-overwrite_original", *(f"-{k}={v}" for k, v in every.items()), "photo.jpg")
    return Path("photo.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_tags_are_there_and_can_be_edited(nic, photo, pixels, suffix):
    assert PREFIX in photo.read_bytes()
    target = Path(f"again.{suffix}")
    for result in (nic("encode", photo, "-o", "x.nic"), nic("decode", "x.nic", "-o", target)):
        assert result.code == 0 and len(result.lines) == 1  # and so no word of anything lost
    found = tags(target)
    assert {tag: value(found, tag) for tag in WRITTEN} == pytest.approx(WRITTEN)
    assert {tag: found[tag] for tag in OF_XMP} == OF_XMP
    assert found["ICC_Profile:ProfileDescription"] == "nic test"
    assert value(found, "Orientation") in (1, None)
    before = np.asarray(Image.open(target))
    assert before.shape == pixels.shape

    exiftool("-overwrite_original", "-Artist=ann", "-XMP-dc:Title=another", "-IFD0:Make=made anew", target)
    found = tags(target)
    assert value(found, "Artist") == "ann" and found["XMP-dc:Title"] == "another"
    assert value(found, "Make") == "made anew" and value(found, "LensModel") == WRITTEN["LensModel"]
    assert (np.asarray(Image.open(target)) == before).all()
    assert nic("encode", target, "-o", "y.nic").code == 0  # and nic reads what the tool wrote
    assert nic("decode", "y.nic", "-o", "y.png").code == 0
    assert value(tags(Path("y.png")), "Artist") == "ann"
