"""What a picture says comes back from `nic encode` and `nic decode`, or is named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.image.pictures import P3, exif, rgb_profile
from tests.image.routes import chunk


@pytest.fixture
def phone(clean_place, pixels):
    """A JPEG as phones make them: turned, with a comment, a resolution, a profile and a gain map."""
    pyvips = pytest.importorskip("pyvips")
    if not pyvips.type_find("VipsOperation", "uhdrsave"):
        pytest.skip("this libvips has no Ultra HDR")
    light = (pixels / 255.0) ** 2.2 * np.linspace(0.5, 4, pixels.shape[1])[None, :, None]
    image = pyvips.Image.new_from_array(light.astype(np.float32)).copy(interpretation="scrgb")
    data = image.uhdrsave_buffer(Q=95)
    said = Image.Exif()
    said.load(exif(6))
    at = 2
    added = b"Exif\0\0" + exif(6)
    segment = b"\xff\xe1" + (len(added) + 2).to_bytes(2, "big") + added
    comment = b"\xff\xfe" + (2 + 6).to_bytes(2, "big") + b"a note"
    Path("phone.jpg").write_bytes(data[:at] + segment + comment + data[at:])
    return Path("phone.jpg")


def test_a_gain_map_comes_back_in_a_jpeg_and_is_named_elsewhere(nic, phone):
    import pyvips

    said = json.loads(nic("encode", "--json", phone, "-o", "phone.nic").out)
    assert {"gain map", "texts", "EXIF"} <= set(said["kept"])
    sizes = json.loads(nic("info", "--json", "phone.nic").out)["metadata"]
    assert 0 < sizes["gain_map"] < 2000
    assert nic("decode", "phone.nic", "-o", "back.jpg").code == 0
    back = pyvips.Image.new_from_file("back.jpg")
    assert back.get("vips-loader").startswith("uhdr") and (back.width, back.height) == (48, 80)
    done = nic("decode", "phone.nic", "-o", "back.png")
    assert "PNG has no place for: HDR gain map" in done.err
    assert nic("encode", phone, "--strip", "gainmap", "-o", "bare.nic").code == 0
    assert json.loads(nic("info", "--json", "bare.nic").out)["metadata"]["gain_map"] == 0
    done = nic("decode", "phone.nic", "--crop", "8,8,16,16", "-o", "part.jpg")
    assert "left out of what is cut or scaled: gain map" in done.err


def test_texts_and_resolution_come_back_and_what_is_not_kept_is_named(nic, picture):
    data = picture.read_bytes()
    added = chunk(b"pHYs", (11811).to_bytes(4, "big") * 2 + b"\1") + chunk(b"tEXt", b"parameters\0steps 20")
    picture.write_bytes(data[:33] + added + chunk(b"tIME", bytes(7)) + data[33:])
    done = nic("encode", "--json", picture)
    said = json.loads(done.out)
    assert {"resolution", "texts"} <= set(said["kept"]) and len(said["not_kept"]) == 1
    assert f"left out: {said['not_kept'][0]}" in done.err
    assert nic("decode", "photo.nic", "-o", "back.png").code == 0
    with Image.open("back.png") as back:
        back.load()
    assert back.info["parameters"] == "steps 20" and back.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_info_tells_of_the_original(nic, picture):
    nic("encode", picture)
    assert json.loads(nic("info", "--json", "photo.nic").out)["original"] == {
        "name": "photo.png",
        "format": "png",
    }
    assert "original   photo.png (png)" in nic("info", "photo.nic").out.decode()
    nic("encode", picture, "--strip", "name", "-f")
    assert json.loads(nic("info", "--json", "photo.nic").out)["original"] is None


def test_every_kind_can_be_stripped(nic, picture):
    from nic_cli.image.metadata import KINDS
    from nic_cli.jobs.option_values import STRIPPABLE

    assert STRIPPABLE == ("all", "gps", *KINDS)
    for kind in STRIPPABLE:
        assert nic("encode", picture, "--strip", kind, "-f").code == 0
    assert nic("encode", picture, "--strip", "colour", "-f").code == 2


def test_wide_colours_are_tagged_or_converted(nic, clean_place, pixels):
    Image.fromarray(pixels).save("wide.png", icc_profile=rgb_profile(P3))
    nic("encode", "wide.png", "-q", "6", "-b", "0")
    nic("decode", "wide.nic", "-o", "back.png")
    nic("decode", "wide.nic", "-o", "back.ppm")
    back, plain = Image.open("back.png"), Image.open("back.ppm")
    assert back.info["icc_profile"] == rgb_profile(P3)
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    own = ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile(P3)))
    right = np.asarray(ImageCms.profileToProfile(back, own, srgb, renderingIntent=1)).astype(int)
    assert np.abs(right - np.asarray(plain)).mean() < 1
    assert nic("encode", "wide.png", "--hdr", "much", "-f").code == 2


@pytest.mark.parametrize("cut", [2, 300])
def test_a_picture_cut_short_is_taken_if_asked(nic, clean_place, pixels, cut):
    Image.fromarray(pixels).save("cut.jpg", quality=95)
    data = Path("cut.jpg").read_bytes()
    Path("cut.jpg").write_bytes(data[:-cut])
    done = nic("encode", "cut.jpg")
    assert done.code == 3 and "--accept-truncated" in done.err
    done = nic("encode", "cut.jpg", "--accept-truncated", "-q", "6", "-b", "0")
    assert done.code == 0 and "cut.jpg: cut short: what is missing" in done.err
    nic("decode", "cut.nic")
    with Image.open("cut.png") as back:
        apart = np.abs(np.asarray(back).astype(int) - pixels)
    assert apart[: len(pixels) // 2].mean() < 6
    Path("words.jpg").write_bytes(b"no picture at all")
    assert nic("encode", "words.jpg", "--accept-truncated").code == 3


def test_an_album_comes_back_as_it_was(nic, clean_place, pixels):
    Path("album/deep").mkdir(parents=True)
    image = Image.fromarray(pixels)
    image.save("album/a.JPEG", quality=95)
    image.save("album/deep/b.tiff")
    image.save("album/c.gif")
    assert nic("encode", "-r", "album", "-o", "packed/").code == 0
    Path("packed/a.nic").rename("packed/renamed.nic")
    done = nic("decode", "-r", "packed", "-o", "back/", "--format", "original")
    found = sorted(path.relative_to("back").as_posix() for path in Path("back").rglob("*.*"))
    assert (done.code, found) == (0, ["c.png", "deep/b.tiff", "renamed.JPEG"])
    assert "c.nic: its original was gif, which we do not write: now PNG" in done.err
    with Image.open("back/renamed.JPEG") as jpeg, Image.open("back/deep/b.tiff") as tiff:
        assert (jpeg.format, tiff.format) == ("JPEG", "TIFF")
    assert nic("decode", "-", "-o", "x.png", "--format", "original", stdin=b"").code == 2
    assert nic("decode", "packed/c.nic", "-o", "x.png", "--format", "original").code == 2


def test_a_name_that_leads_elsewhere_leads_nowhere(nic, picture):
    from dataclasses import replace

    from nic_cli.container import file
    from nic_cli.types import Chunk

    nic("encode", picture)
    container = file.unpack(Path("photo.nic").read_bytes())
    for name in (b"png\0../../photo.png", b"png\0/tmp/photo.png", b"png\0..", b"png\0"):
        bad = replace(container, chunks=(Chunk(b"orig", name),))
        Path("photo.nic").write_bytes(file.pack(bad))
        assert nic("decode", "photo.nic", "-o", "out/", "--format", "original", "-f").code == 0
        assert [path.name for path in Path("out").iterdir()] == ["photo.png"]


def test_names_without_a_suffix_or_with_another_ones_get_that_of_their_format(nic, clean_place, pixels):
    image = Image.fromarray(pixels)
    image.save("wrong.png", format="JPEG")
    image.save("none", format="PNG")
    nic("encode", "wrong.png", "-o", "packed/wrong.nic")
    nic("encode", "none", "-o", "packed/none.nic")
    nic("encode", "none", "-o", "packed/unsaid.nic", "--strip", "name")
    done = nic("decode", "packed", "-o", "back/", "--format", "original")
    assert sorted(path.name for path in Path("back").iterdir()) == ["none.png", "unsaid.png", "wrong.jpg"]
    assert "unsaid.nic: its original is not said in it: now PNG" in done.err


def test_inks_are_said_to_become_colours(nic, clean_place, pixels):
    Image.fromarray(pixels).convert("CMYK").save("ink.jpg")
    done = nic("encode", "--json", "ink.jpg")
    assert "left out: inks (CMYK becomes RGB)" in done.err
    assert json.loads(done.out)["not_kept"] == ["inks (CMYK becomes RGB)"]


def test_verify_looks_at_what_stands_beside_the_tiles(nic, picture):
    from dataclasses import replace

    from nic_cli.container import file
    from nic_cli.types import Chunk

    nic("encode", picture)
    container = file.unpack(Path("photo.nic").read_bytes())
    bad = {b"text": b"\0\3abc", b"reso": bytes(9), b"geot": b"II*\0", b"gmap": b"x", b"iptc": b"x"}
    for kind, data in bad.items():
        Path("bad.nic").write_bytes(file.pack(replace(container, chunks=(Chunk(kind, data),))))
        for command in ("verify", "decode"):
            done = nic(command, "bad.nic")
            assert done.code == 0 and "of a form that this version does not know" in done.err, (
                kind,
                done.err,
            )
        Path("bad.png").unlink()
    for data in (b"RIFF", b"x"):
        Path("bad.nic").write_bytes(file.pack(replace(container, chunks=(Chunk(b"ALPH", data),))))
        for command in ("verify", "decode"):
            done = nic(command, "bad.nic")
            assert (done.code, len(done.err.splitlines())) == (3, 1), done.err
            assert "accept-truncated" not in done.err and "unpack" not in done.err
        assert not Path("bad.png").exists()
