"""Pillow opens and saves `.nic` files as it does its own formats."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

import nic_cli.pillow
from nic_cli.container import file

from .bench import endurance
from .image.pictures import XMP, exif, rgb_profile

MODES = {  # as saved: as opened
    "1": "L",
    "L": "L",
    "LA": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "I;16": "I;16",
}


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """RGB, 150 x 99."""
    with Image.open(endurance.SCENE) as image:
        return image.convert("RGB").crop((250, 150, 400, 249))


@pytest.fixture(scope="module")
def coded(scene) -> bytes:
    return saved(scene)


def saved(image: Image.Image, **given) -> bytes:
    data = io.BytesIO()
    image.save(data, "NIC", **given)
    return data.getvalue()


def opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data))


def python(code: str, place: Path) -> str:
    """What code prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=True
    ).stdout


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference, of 255."""
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def in_mode(scene: Image.Image, mode: str) -> Image.Image:
    alpha = Image.linear_gradient("L").resize(scene.size)
    if mode == "I;16":
        return Image.fromarray(np.asarray(scene.convert("L"), np.uint16) * 257)
    image = scene.quantize() if mode in ("P", "PA") else scene.convert(mode)
    if mode.endswith("A"):
        image.putalpha(alpha)
    assert image.mode == mode
    return image


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_comes_back_in_the_mode_that_open_said(scene, mode):
    image = in_mode(scene, mode)
    wanted = image.convert(MODES[mode]) if mode != "I;16" else image
    with pytest.warns(nic_cli.NicWarning, match="inks") if mode == "CMYK" else nullcontext():
        data = saved(image, q=4)
    with opened(data) as found:
        assert (found.mode, found.size) == (MODES[mode], scene.size)
        found.load()
        assert (found.mode, found.size) == (MODES[mode], scene.size)
        noise = {"1": 40, "I;16": 4 * 257}.get(mode, 4)  # dots are no photograph
        assert distance(found, wanted) < noise
        if wanted.mode.endswith("A"):
            assert found.getchannel("A").tobytes() == wanted.getchannel("A").tobytes()


def test_what_is_not_kept_is_told_at_the_line_that_saves(scene):
    with pytest.warns(nic_cli.NicWarning, match="inks") as told:
        scene.convert("CMYK").save(io.BytesIO(), "NIC")
    assert [one.filename for one in told] == [__file__]


def test_sixteen_bit_colour_comes_in_the_8_bits_that_pillow_has(scene):
    data = nic_cli.encode(np.asarray(scene, np.uint16) * 257)
    with opened(data) as found:
        assert found.mode == "RGB"
        with pytest.warns(nic_cli.NicWarning, match="8 bits of the 16"):
            wanted = nic_cli.decode(data)
        assert found.tobytes() == wanted.tobytes()


def test_save_takes_the_arguments_of_encode(scene, coded, monkeypatch):
    monkeypatch.setattr("nic_cli.image.preview.SIDE", 32)  # smaller than the picture, to have one
    assert coded == nic_cli.encode(scene)
    assert saved(scene, q=1, b=0, tile=128, model="iris", device="cpu") == nic_cli.encode(
        scene, q=1, b=0, tile=128
    )
    assert len(saved(scene, target_size="1.5kB")) <= 1500
    assert saved(scene, preview=True) == nic_cli.encode(scene, preview=True) != coded
    with opened(saved(scene, q=1, b=0)) as found:
        assert {key: found.info[key] for key in ("q", "b", "model")} == {"q": 1, "b": 0, "model": "iris"}


def test_paths_files_and_streams(scene, coded, tmp_path):
    path = tmp_path / "scene.nic"
    scene.save(path)
    assert path.read_bytes() == coded
    wanted = nic_cli.decode(coded).tobytes()
    with Image.open(str(path)) as image:
        handle = image.fp
        assert image.tobytes() == wanted
        assert handle.closed  # Pillow's own file, not needed any more
    with path.open("rb") as stream, Image.open(stream) as image:
        assert image.tobytes() == wanted
        assert not stream.closed
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as sink:
        sink.write(coded)
    with os.fdopen(reader, "rb") as source, Image.open(source) as image:  # cannot be rewound
        assert image.tobytes() == wanted


def test_open_reads_the_header_alone(coded, tmp_path):
    """No pixels are there, and neither torch nor numpy is loaded before they are asked for."""
    (tmp_path / "cut.nic").write_bytes(coded[:-1])
    (tmp_path / "whole.nic").write_bytes(coded)
    code = (
        "import sys, nic_cli.pillow\nfrom PIL import Image\n"
        "heavy = lambda: sorted({'torch', 'numpy', 'constriction', 'safetensors'} & set(sys.modules))\n"
        "for name in ('cut.nic', 'whole.nic'):\n"
        "    image = Image.open(name)\n"
        "    print(image.size, image.mode, image.format, image.get_format_mimetype(), heavy())\n"
        "image.load()\nprint('numpy' in heavy(), 'torch' in heavy())"
    )
    line = "(150, 99) RGB NIC image/x-nic []"
    assert python(code, tmp_path).splitlines() == [
        line,
        line,
        "True False",
    ]  # the first of these is the control


@pytest.mark.parametrize("at", [2, 9, 12, 20, 40])
def test_what_is_no_sound_header_is_left_to_other_plugins(coded, at):
    spoiled = coded[:at] + bytes([coded[at] ^ 1]) + coded[at + 1 :]
    for data in (spoiled, coded[: at + 1]):
        with pytest.raises(UnidentifiedImageError):
            opened(data)
        with pytest.raises(SyntaxError, match=r"not a .nic|signature|format|header|ends at byte"):
            nic_cli.pillow.NicImageFile(io.BytesIO(data))


def test_damaged_pixels_are_an_error_of_load_and_verify(coded):
    spoiled = coded[:-1] + bytes([coded[-1] ^ 1])
    for data, said in (
        (spoiled, "tile 0: checksum"),
        (coded[:-9], "it was cut"),
        (coded + b"?", "after its"),
    ):
        with opened(data) as image:
            assert image.size == (150, 99)
            for _ in range(2):
                with pytest.raises(OSError, match=said):
                    image.load()
            with pytest.raises(OSError, match=said):
                image.verify()


def test_a_model_that_is_not_here_is_an_error_of_load(coded, monkeypatch):
    monkeypatch.delenv("NIC_MODEL", raising=False)
    container = file.unpack(coded)
    header = replace(container.header, model="absent", model_id=bytes(8))
    with opened(file.pack(replace(container, header=header))) as image:
        assert image.info["model"] == "absent"
        with pytest.raises(OSError, match=r"made with model absent .*NIC_MODEL") as caught:
            image.load()
    assert "\n" not in str(caught.value)


def test_verify_and_the_end_of_with_close_the_file(coded):
    image = opened(coded)
    image.verify()
    with pytest.raises(ValueError, match="closed before it was decoded"):
        image.load()
    with opened(coded) as image:
        pass
    with pytest.raises(ValueError, match="closed"):
        image.load()
    with opened(coded) as image:
        image.load()
    assert image.getpixel((3, 4))  # as with all of Pillow's formats


def test_copies_and_pickles_hold_the_pixels(coded):
    wanted = nic_cli.decode(coded)
    assert opened(coded).copy().tobytes() == wanted.tobytes()
    assert pickle.loads(pickle.dumps(opened(coded))).tobytes() == wanted.tobytes()
    image = opened(coded)
    image.paste((1, 2, 3), (0, 0, 5, 5))  # the pixels are its own
    assert image.getpixel((4, 4)) == (1, 2, 3)


def test_a_picture_that_comes_in_pieces(coded):
    parser = ImageFile.Parser()
    for start in range(0, len(coded), 100):
        parser.feed(coded[start : start + 100])
    assert parser.close().tobytes() == nic_cli.decode(coded).tobytes()


@pytest.mark.parametrize(
    "size", [(8, 8), (18, 18), (20, 40), (75, 49), (76, 50), (149, 98), (500, 500), (3, 90)]
)
def test_thumbnails_have_the_size_that_pillow_promises(scene, coded, size, monkeypatch):
    real, scales = nic_cli.decode, []
    monkeypatch.setattr(
        nic_cli, "decode", lambda data, scale: scales.append(scale) or real(data, scale=scale)
    )
    wanted, found = nic_cli.decode(coded, scale=1), opened(coded)
    wanted.thumbnail(size)
    found.thumbnail(size)
    found.load()
    assert found.size == wanted.size
    assert distance(found, wanted) < 5
    least = max(1, min(150 // (2 * size[0]), 99 // (2 * size[1])))  # Pillow wants twice the size
    assert scales[1] == max(scale for scale in (1, 2, 4, 8) if scale <= least)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_draft_is_close_to_the_full_picture_reduced(coded, scale):
    whole, image = nic_cli.decode(coded), opened(coded)
    mode, box = image.draft("L", (150 // scale, 99 // scale))
    assert (mode, box) == ("RGB", (0, 0, 150 / scale, 99 / scale))
    assert image.draft(None, (1, 1)) is None  # once, as for JPEG
    assert image.size == (-(-150 // scale), -(-99 // scale))
    image.load()
    assert distance(image, whole.reduce(scale)) < 4
    assert image.draft(None, (1, 1)) is None


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])  # of I;16 Pillow makes no thumbnails
def test_thumbnails_of_other_modes(scene, mode):
    image = in_mode(scene, mode)
    with opened(saved(image)) as found:
        image.thumbnail((20, 20))
        found.thumbnail((20, 20))
        assert (found.mode, found.size) == (mode, image.size)
        assert distance(found, image) < 5


def test_draft_leaves_what_is_to_be_large(coded):
    image = opened(coded)
    assert image.draft("RGB", (100, 99)) is None
    assert image.draft("RGB", None) is None
    assert image.size == (150, 99)


def test_metadata_of_the_image_are_kept(scene):
    image = scene.copy()
    said = {"icc_profile": rgb_profile(), "exif": b"Exif\0\0" + exif(1), "xmp": XMP}
    image.info |= said
    with opened(saved(image)) as found:
        assert {key: found.info[key] for key in said} == said  # before anything is decoded
        assert found.getexif()[271] == "nic"
        found.load()
        assert {key: found.info[key] for key in said} == said
        assert distance(found, scene) < 8  # and the values are those of the profile


def test_metadata_given_to_save_come_first(scene):
    image = scene.copy()
    image.info |= {"icc_profile": rgb_profile(), "exif": exif(1), "xmp": XMP, "XML:com.adobe.xmp": "old"}
    tags = Image.Exif()
    tags[315] = "eve"
    with opened(saved(image, exif=tags, xmp="<x/>", icc_profile=None)) as found:
        assert found.getexif()[315] == "eve"
        assert found.info["xmp"] == b"<x/>"
        assert "icc_profile" not in found.info
    with opened(saved(image, exif=b"", xmp=b"")) as found:
        assert not {"exif", "xmp"} & set(found.info)
    assert image.info["xmp"] == XMP  # the image itself is left as it was


def test_a_tiff_keeps_its_exif(scene):
    tags = Image.Exif()
    tags[315] = "ann"
    data = io.BytesIO()
    scene.save(data, "TIFF", exif=tags)
    with Image.open(data) as tiff, opened(saved(tiff)) as found:
        assert found.getexif()[315] == "ann"


def test_pictures_are_upright_and_stay_so(scene):
    turned = io.BytesIO()
    scene.save(turned, "JPEG", exif=b"Exif\0\0" + exif(6), quality=95)
    with Image.open(turned) as image, opened(saved(image)) as found:
        upright = ImageOps.exif_transpose(image)
        assert found.size == upright.size == (99, 150)
        assert found.getexif()[274] == 1
        again = ImageOps.exif_transpose(found)
        assert again.size == (99, 150)
        assert distance(again, upright) < 6


def test_pictures_that_their_reader_turned_are_not_turned_again(scene):
    image = scene.copy()
    image.format, image.info["exif"] = "HEIF", exif(6)  # as the readers of HEIC and JPEG XL leave it
    with opened(saved(image)) as found:
        assert found.size == scene.size
        assert found.getexif()[274] == 1


def test_of_several_frames_the_one_shown_is_saved(scene):
    frames, data = [scene, ImageOps.invert(scene)], io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(data) as animated:
        animated.seek(1)
        with opened(saved(animated)) as found:
            assert distance(found, frames[1]) < 12 < distance(found, frames[0])


def test_a_save_that_cannot_be_leaves_no_file(scene, tmp_path):
    path = tmp_path / "x.nic"
    with pytest.raises(ValueError, match="q is 9"):
        scene.save(path, q=9)
    with pytest.raises(OSError, match="floating-point"):
        scene.convert("F").save(path)
    with pytest.raises(OSError, match="no model 'nowhere'"):
        scene.save(path, model="nowhere")
    assert not path.exists()


def test_registering_twice_is_registering_once():
    before = list(Image.ID)
    nic_cli.pillow.register()
    assert Image.ID == before
    assert Image.ID.count("NIC") == 1
    assert Image.EXTENSION[".nic"] == "NIC"
    assert Image.MIME["NIC"] == "image/x-nic"


def test_eight_threads_see_the_same_picture():
    """A sample of `python -m tests.bench.endurance`."""
    assert len(endurance.hashes(threads=8, decodes=6)) == 1


def test_rounds_leave_nothing_behind_and_a_leak_would_be_seen(tmp_path):
    """A sample of `python -m tests.bench.endurance`, held to the same growth a round: 2 MB in 67."""
    code = (
        "import torch; torch.set_num_threads(1)\nfrom tests.bench.endurance import growth\n"
        "print(growth(24), growth(12, leak=1 << 17))"
    )
    clean, leaking = map(int, python(code, tmp_path).split())
    assert clean / 8 < 2e6 / 67 < leaking / 4


def test_the_resolution_of_a_picture_comes_with_its_pixels(tmp_path, scene):
    scene.crop((0, 0, 64, 48)).save(tmp_path / "a.png", dpi=(300, 300))
    (tmp_path / "a.nic").write_bytes(nic_cli.encode(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.nic") as image:
        image.load()
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
