"""Values of 12 bits in 16 are coded as finely as others, and come back as they were."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import DamagedFile
from nic_cli.image import huge
from nic_cli.image.reading import from_array, read
from nic_cli.image.writing import to_pil, write
from tests.image.pictures import png16, written


@pytest.fixture
def twelve(photographs):
    return photographs["chelsea"][:96, :128].astype(np.uint16) * 16


def test_they_come_back_in_their_own_range(twelve, model):
    said = []
    picture = read(png16(twelve), "scan.png", warn=said.append)
    assert said == [
        f"scan.png: its 16-bit values end at {twelve.max()}: coded as 0 to 4095, and given back so"
    ]
    container = file.unpack(file.pack(codec.encode(picture, model, q=6.0, b=0.0)))
    back = read(written(codec.decode(container, model), "png"), warn=said.append).pixels
    again = (back.astype(float) * 4095 / 65535).round()
    plain = codec.decode(codec.encode(from_array(twelve << 4), model, q=6.0, b=0.0), model).pixels / 16
    right = twelve.astype(float)
    error, usual = np.square(again - right).mean(), np.square(plain - right).mean()
    assert error < 1.1 * usual  # as if they filled their range


def test_without_a_code_they_are_the_same(twelve):
    picture = from_array(twelve)
    assert picture.top == 4095 and picture.pixels.max() > 50000
    for format in ("png", "tiff", "ppm"):
        out = io.BytesIO()
        write(picture, out, format, warn=pytest.fail)
        out.seek(0)
        back = read(out)
        assert back.top == 4095 and (back.pixels == picture.pixels).all()
    assert (np.asarray(to_pil(from_array(twelve[:, :, 0]))) == twelve[:, :, 0]).all()


def test_eight_bits_are_of_their_range_and_say_so(twelve):
    said, out = [], io.BytesIO()
    write(from_array(twelve), out, "jpeg", warn=said.append)
    assert said == ["JPEG has 8 bits: 0 to 4095 became 0 to 255"]
    assert np.asarray(Image.open(out)).max() > 200


@pytest.mark.parametrize("format", ["jpeg", "webp", "pil"])
@pytest.mark.parametrize("channels", ["grey", "colour", "grey with alpha", "colour with alpha"])
@pytest.mark.parametrize("top", [255, 1023, 4095, 16383])
def test_what_has_eight_bits_is_bright_whatever_range_and_channels_there_are(format, channels, top):
    """Grey and alpha as well: of 12 bits both would be next to nothing as they are."""
    wide = np.tile(np.linspace(0, top, 64).astype(np.uint16), (48, 1))
    planes = [wide] * (3 if "colour" in channels else 1) + [np.full_like(wide, top)] * ("alpha" in channels)
    if format == "jpeg" and "alpha" in channels:
        pytest.skip("JPEG has no alpha")
    picture = from_array(np.stack(planes, 2) if planes[1:] else wide)
    assert picture.top == top
    if format == "pil":
        image = to_pil(picture)
        if image.mode == "I;16":
            assert (np.asarray(image) == wide).all()
            return
    else:
        out = io.BytesIO()
        write(picture, out, format)
        image = Image.open(out)
    found = np.asarray(image.convert("RGBA"))
    assert np.abs(found[..., :3] - np.linspace(0, 255, 64)[None, :, None]).max() < 8
    assert (found[..., 3] == 255).all()


def test_usual_values_and_black_are_left_alone(twelve):
    assert from_array(twelve << 4).top == 65535 and from_array(twelve * 0).top == 65535


def test_rows_are_stretched_alike(twelve, monkeypatch):
    pytest.importorskip("pyvips")
    whole = read(png16(twelve))
    monkeypatch.setattr(huge, "FROM", 100)
    rows = read(png16(twelve))
    assert isinstance(rows.pixels, huge.VipsRows) and rows.top == whole.top
    assert (rows.pixels[:96] == whole.pixels).all()


def test_a_range_that_makes_no_sense_is_damage(model, photographs):
    from dataclasses import replace

    from nic_cli.types import Chunk

    container = codec.encode(from_array(photographs["chelsea"][:64, :64]), model)
    for top in (4095, 7):
        bad = replace(container, chunks=(Chunk(b"RANG", top.to_bytes(2, "little")),))
        with pytest.raises(DamagedFile, match=f"values of 0 to {top}"):
            codec.decode(bad, model)
