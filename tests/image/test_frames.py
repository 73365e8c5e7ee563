"""Of several frames or pages the one that is named is taken, as a viewer shows it, and none by chance."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from nic_cli.errors import PictureError
from nic_cli.image.reading import from_pil, read

from .pictures import png16, stream

Y, X = np.mgrid[:40, :56]


def scenes() -> list[np.ndarray]:
    """A square that walks over a still ground: [40, 56, 4], of which writers store the changed part only."""
    ground = np.dstack([Y * 4, 90 + 0 * Y, 200 - Y * 4, 255 + 0 * Y]).astype(np.uint8)
    frames = []
    for at in (4, 20, 36):
        frame = ground.copy()
        frame[8:20, at : at + 12, :3] = (255, 255, 0)
        frame[24:32, at : at + 8, 3] = 0
        frames.append(frame)
    return frames


def animated(format: str) -> bytes:
    first, *rest = [Image.fromarray(frame) for frame in scenes()]
    options = {"GIF": {"disposal": 2}, "WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}
    return stream(
        first, format, save_all=True, append_images=rest, duration=100, **options.get(format, {})
    ).getvalue()


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("frame", [1, 2, 3])
def test_each_frame_is_the_picture_that_was_put_in(format, frame):
    want = scenes()[frame - 1]
    picture = read(io.BytesIO(animated(format)), frame=frame)
    seen = picture.alpha > 0
    assert (seen == (want[:, :, 3] > 0)).all()
    apart = np.abs(picture.pixels.astype(int) - want[:, :, :3])[seen]
    assert apart.max() == 0 if format in ("PNG", "WEBP", "TIFF") else apart.mean() < 8


def test_a_still_picture_has_frame_1():
    data = stream(Image.fromarray(scenes()[0]), "PNG").getvalue()
    assert (read(io.BytesIO(data), frame=1).pixels == scenes()[0][:, :, :3]).all()
    with pytest.raises(PictureError, match=r"^x: holds one picture, no frame 2; leave out --frame"):
        read(io.BytesIO(data), "x", frame=2)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_frame_too_far_says_how_many_there_are(format):
    with pytest.raises(PictureError, match=r"^x: holds 3 frames or pages, no 4; give --frame 1 to 3$"):
        read(io.BytesIO(animated(format)), "x", frame=4)
    with pytest.raises(PictureError, match=r"^x: holds 3 frames or pages; give --frame 1 to 3$"):
        read(io.BytesIO(animated(format)), "x")


def test_pages_may_differ_in_all():
    deep = np.random.default_rng(1).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as pages:
        pages.write(scenes()[0][:, :, 0], photometric="minisblack")
        pages.write(deep, photometric="rgb", compression="deflate")
        pages.write(deep.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
        pages.write(np.zeros((5, 5), np.float32), photometric="minisblack")
    for frame, shape in ((1, (40, 56, 1)), (2, (20, 30, 3)), (3, (20, 30, 3))):
        picture = read(io.BytesIO(out.getvalue()), frame=frame)
        assert picture.pixels.shape == shape
        assert frame == 1 or (picture.pixels == deep).all()
    with pytest.raises(PictureError, match="floating-point"):
        read(io.BytesIO(out.getvalue()), frame=4)


def test_every_page_has_its_own_metadata():
    pages = []
    for turned in (1, 6):
        image = Image.fromarray(scenes()[0][:, :, :3])
        image.encoderinfo = {"tiffinfo": {274: turned, 270: f"page {turned}"}}
        pages.append(image)
    data = stream(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={270: "page 1"})
    picture = read(data, frame=2)
    assert picture.pixels.shape == (56, 40, 3) and b"page 6" in picture.metadata.exif


def test_a_page_beyond_the_limit_is_refused():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as pages:
        pages.write(np.zeros((5, 5), np.uint8))
        pages.write(np.zeros((7, 6), np.uint8))
    data = bytearray(out.getvalue())
    for tag, value in ((256, 6), (257, 7)):
        entry = tag.to_bytes(2, "little") + b"\x04\0\x01\0\0\0" + value.to_bytes(4, "little")
        alike = tag.to_bytes(2, "little") + b"\x03\0\x01\0\0\0" + value.to_bytes(4, "little")
        at = max(data.find(entry), data.find(alike))
        data[at + 2 : at + 12] = b"\x04\0\x01\0\0\0" + (1 << 19).to_bytes(4, "little")
    assert read(io.BytesIO(data), frame=1).width == 5
    with pytest.raises(PictureError, match="over the limit"):
        read(io.BytesIO(data), frame=2)


def test_the_second_view_of_a_camera_can_be_asked_for():
    views = [Image.fromarray(np.full((16, 16, 3), v, np.uint8)) for v in (50, 200)]
    data = stream(views[0], "MPO", save_all=True, append_images=views[1:])
    assert abs(int(read(data, frame=2).pixels[8, 8, 0]) - 200) < 4


def test_a_damaged_later_frame_is_refused():
    data = animated("PNG")
    with pytest.raises(PictureError, match="damaged"):
        read(io.BytesIO(data[: int(len(data) * 0.8)]), "x", frame=3)


def test_a_program_gives_a_copy_of_the_frame_it_wants():
    image = Image.open(io.BytesIO(animated("GIF")))
    image.seek(1)
    with pytest.raises(PictureError, match=r"the image: holds 3 frames or pages; .* image\.copy\(\)"):
        from_pil(image)
    assert (from_pil(image.copy()).pixels == read(io.BytesIO(animated("GIF")), frame=2).pixels).all()


def test_later_16_bit_frames_of_an_animation_are_narrowed_aloud():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def control(number: int) -> bytes:
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 5, 4, 0, 0, 1, 10, 0, 0))

    values = np.random.default_rng(2).integers(0, 65536, (2, 4, 5, 3), dtype=np.uint16)
    first, second = (png16(frame).getvalue() for frame in values)
    at = first.index(b"IDAT") - 4
    pixels = second[second.index(b"IDAT") + 4 : -16]
    moving = first[:at] + chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0) + first[at:-12]
    moving += control(1) + chunk(b"fdAT", struct.pack(">I", 2) + pixels) + first[-12:]
    said = []
    assert (read(io.BytesIO(moving), "x", warn=said.append, frame=1).pixels == values[0]).all() and not said
    assert (read(io.BytesIO(moving), "x", warn=said.append, frame=2).pixels == values[1] >> 8).all()
    assert len(said) == 1 and "8 were kept" in said[0]
