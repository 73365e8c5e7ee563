"""What goes in comes out: through files, options, metadata and formats."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import bare


def pixels_of(source) -> np.ndarray:
    with Image.open(source) as image:
        return np.asarray(image)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_a_photograph_through_files(nic, picture, pixels):
    encoded = nic("encode", picture)
    assert (encoded.code, encoded.out) == (0, b"")
    n_bytes = Path("photo.nic").stat().st_size
    bpp = 8 * n_bytes / (80 * 48)
    saving = 100 * (n_bytes / picture.stat().st_size - 1)
    assert encoded.err == f"photo.nic  {n_bytes:,} bytes  {bpp:.3f} bpp  q 2  ({saving:+.1f} %)\n"
    decoded = nic("decode", "photo.nic", "-o", "back.png")
    assert (decoded.code, decoded.out) == (0, b"")
    assert decoded.err == f"back.png  {Path('back.png').stat().st_size:,} bytes  80 x 48  b 0.75\n"
    assert pixels_of("back.png").shape == pixels.shape
    assert psnr(pixels_of("back.png"), pixels) > 15


def test_encoding_twice_gives_the_same_bytes(nic, picture, packed, coded):
    assert nic("encode", picture, "-o", "again.nic").code == 0
    assert bare(Path("again.nic")) == coded


def test_quality_realism_and_tile_reach_the_file(nic, picture):
    assert nic("encode", picture, "-q", "0.5", "-b", "0.25", "--tile", "64").code == 0
    said = json.loads(nic("info", "--json", "photo.nic").out)
    assert (said["q"], said["b"], said["tile"]) == (0.5, 0.25, 64)


def test_settings_stand_behind_the_flags(nic, picture, monkeypatch, tmp_path):
    config = tmp_path / "home/nic/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("quality = 1\nrealism = 0.5\n")
    nic("encode", picture, "-b", "0")
    said = json.loads(nic("info", "--json", "photo.nic").out)
    assert (said["q"], said["b"]) == (1, 0)


@pytest.mark.parametrize("unit", ["bpp", "bytes"])
def test_a_wished_for_size_is_reached_from_below(nic, picture, coded, unit):
    wish = len(coded) - 30
    rate = ("--bpp", (wish + 0.5) * 8 / 3840) if unit == "bpp" else ("--target-size", f"{wish / 1000}kB")
    done = nic("encode", picture, *rate, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert Path("photo.nic").stat().st_size == said["bytes"]
    assert 0.98 * wish <= said["bytes"] <= wish
    assert f"q {said['q']:.4g}" in done.err


def test_realism_is_chosen_again_at_decoding(nic, packed):
    said = json.loads(nic("decode", packed, "-b", "0.125", "--json").out)
    assert said["b"] == 0.125


@pytest.mark.parametrize(
    ("arguments", "name", "format"),
    [
        ((), "photo.png", "PNG"),
        (("--format", "jpeg"), "photo.jpg", "JPEG"),
        (("--format", "webp"), "photo.webp", "WEBP"),
        (("--format", "tiff"), "photo.tif", "TIFF"),
        (("--format", "ppm"), "photo.ppm", "PPM"),
        (("-o", "other.JPG"), "other.JPG", "JPEG"),
        (("-o", "other.bin", "--format", "png"), "other.bin", "PNG"),
        (("-o", "new/folder/"), "new/folder/photo.png", "PNG"),
    ],
)
def test_formats_of_decoding(nic, packed, arguments, name, format):
    done = nic("decode", packed, *arguments)
    assert done.code == 0, done.err
    with Image.open(name) as image:
        assert (image.format, image.size) == (format, (80, 48))


def test_alpha_is_lossless_and_refused_where_it_has_no_room(nic, pixels):
    alpha = np.arange(80 * 48, dtype=np.uint8).reshape(48, 80)
    Image.fromarray(np.dstack([pixels, alpha])).save("glass.png")
    assert nic("encode", "glass.png").code == 0
    assert nic("decode", "glass.nic", "-o", "back.png").code == 0
    assert np.array_equal(pixels_of("back.png")[..., 3], alpha)
    done = nic("decode", "glass.nic", "-o", "back.jpg")
    assert (done.code, len(done.lines)) == (2, 1)
    assert not Path("back.jpg").exists()


def test_metadata_are_kept_or_stripped(nic, pixels):
    exif = Image.Exif()
    exif[0x010E] = "a view"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    Image.fromarray(pixels).save("said.jpg", exif=exif, xmp=xmp)

    def sizes(*arguments: str) -> dict[str, int]:
        assert nic("encode", "said.jpg", "-f", *arguments).code == 0
        return json.loads(nic("info", "--json", "said.nic").out)["metadata"]

    kept = sizes()
    assert kept["exif"] > 0
    assert kept["xmp"] == len(xmp)
    assert sizes("--strip", "exif") == {**kept, "exif": 0}
    assert sizes("--strip", "exif", "--strip", "xmp") == {**kept, "exif": 0, "xmp": 0}
    assert sizes("--strip", "all") == dict.fromkeys(kept, 0)


def test_preserve_keeps_times_and_mode(nic, picture):
    picture.chmod(0o600)
    os.utime(picture, (1e9, 1e9))
    assert nic("encode", picture, "--preserve").code == 0
    status = Path("photo.nic").stat()
    assert (status.st_mtime, status.st_mode & 0o777) == (1e9, 0o600)
    assert nic("encode", picture, "-o", "plain.nic").code == 0
    assert Path("plain.nic").stat().st_mtime > 1e9


def test_a_folder_keeps_its_tree(nic, picture, coded):
    for name in ("album/a/one.png", "album/b/one.png", "album/two.PNG"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(picture.read_bytes())
    Path("album/notes.txt").write_text("no picture")
    done = nic("encode", "-r", "album", "-o", "packed/")
    assert (done.code, done.counts) == (0, "3 done, 0 failed")
    found = sorted(str(path) for path in Path("packed").rglob("*.nic"))
    assert found == ["packed/a/one.nic", "packed/b/one.nic", "packed/two.nic"]
    assert nic("decode", "packed", "-o", "-").code == 2
    assert nic("decode", "packed", "-o", "flat/").code == 0
    assert [str(path) for path in Path("flat").rglob("*.*")] == ["flat/two.png"]


def test_a_model_in_a_folder_encodes_and_decodes_by_its_setting(nic, picture, monkeypatch):
    from nic_cli.zoo.load import folder_of

    folder = folder_of("iris")
    config = json.loads((folder / "config.json").read_text())
    Path("mine").mkdir()
    Path("mine/config.json").write_text(json.dumps({**config, "name": "mine"}))
    Path("mine/model.safetensors").symlink_to(folder / "model.safetensors")
    assert nic("encode", picture, "-m", "mine").code == 0
    refused = nic("decode", "photo.nic", "-o", "back.png")
    assert (refused.code, len(refused.lines)) == (4, 1)  # a folder of that name here is not trusted
    assert "set NIC_MODEL to its folder" in refused.err
    monkeypatch.setenv("NIC_MODEL", "mine")
    assert nic("decode", "photo.nic", "-o", "back.png").code == 0


def test_a_model_of_another_id_that_is_set_is_named_with_both_ids(nic, picture, model, monkeypatch):
    """As after a training anew into the same folder."""
    from nic_cli.zoo.load import folder_of, load

    Path("mine").mkdir()
    config = json.loads((folder_of("iris") / "config.json").read_text())
    Path("mine/model.safetensors").symlink_to(folder_of("iris") / "model.safetensors")
    Path("mine/config.json").write_text(json.dumps({**config, "name": "mine"}))
    assert nic("encode", picture, "-m", "mine").code == 0
    Path("again").mkdir()
    Path("again/model.safetensors").symlink_to(folder_of("iris") / "model.safetensors")
    Path("again/config.json").write_text(json.dumps({**config, "name": "mine", "skip": 6}))
    other = load("again", "cpu").id.hex()
    assert other != model.id.hex()
    monkeypatch.setenv("NIC_MODEL", "again")
    refused = nic("decode", "photo.nic", "-o", "back.png", "-f")
    assert (refused.code, len(refused.lines)) == (4, 1)
    assert f"(id {model.id.hex()}), but again, which NIC_MODEL names, has id {other}" in refused.err
    assert "set NIC_MODEL" not in refused.err


def test_standard_input_and_output(nic, picture, packed, coded, pixels):
    encoded = nic("encode", "-", stdin=picture.read_bytes())
    assert (encoded.code, encoded.out) == (0, coded)
    assert encoded.err.startswith(f"standard output  {len(coded):,} bytes")
    decoded = nic("decode", "-", "-Q", stdin=coded)
    assert (decoded.code, decoded.err) == (0, "")
    with Image.open(io.BytesIO(decoded.out)) as image:
        assert (image.format, image.size) == ("PNG", (80, 48))
    named = nic("decode", "-", "-o", "named.webp", stdin=coded)
    assert (named.code, named.out) == (0, b"")
    assert nic("decode", packed, "-o", "-", "--format", "tiff").out[:2] in (b"II", b"MM")
