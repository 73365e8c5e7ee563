"""What is no picture, too much of one, or several, is refused in one line and in no time."""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from nic_cli.errors import NicError, PictureError, UsageError
from nic_cli.image.reading import from_array, from_pil, read
from nic_cli.image.writing import FORMAT_BY_SUFFIX, write

from .pictures import stream

PHOTO = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def refused(data: bytes, says: str | None = None) -> None:
    begin = time.monotonic()
    with pytest.raises(PictureError, match=says) as caught:
        read(io.BytesIO(data), "x.png")
    assert time.monotonic() - begin < 1
    assert str(caught.value).startswith("x.png: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"x", b"\0" * 1000, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a"]
)
def test_what_is_no_picture(data):
    refused(data)


def test_empty():
    refused(b"", "empty")


@pytest.mark.parametrize("format", ["EPS", "ICO", "TGA", "PDF", "JPEG2000", "DDS"])
def test_formats_off_the_list(format):
    refused(stream(Image.fromarray(PHOTO), format).getvalue(), "not a picture in a format we read")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "AVIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.95])
def test_truncated(format, part):
    whole = stream(Image.fromarray(PHOTO), format).getvalue()
    refused(whole[: int(len(whole) * part)])


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "QOI"])
def test_flipped_bits_are_refused_or_harmless(format, capfd):
    whole = stream(Image.fromarray(PHOTO), format).getvalue()
    random = np.random.default_rng(6)
    for i in range(80):
        data = bytearray(whole)
        for place in random.integers(200 if i % 2 else len(data), size=1 + i % 3):
            data[place] ^= 1 << random.integers(8)
        try:
            read(io.BytesIO(data), "x")
        except PictureError as error:
            assert str(error).startswith("x: ") and "\n" not in str(error)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "group4"])
def test_damaged_tiff_is_refused_or_told_of_in_our_words_alone(compression, capfd):
    image = Image.fromarray(PHOTO).convert("1" if compression == "group4" else "RGB")
    whole = stream(image, "TIFF", compression=compression).getvalue()
    random, told = np.random.default_rng(7), []
    for i in range(80):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        try:
            read(io.BytesIO(data[: random.integers(len(data))] if i % 2 else data), "x", warn=told.append)
        except PictureError as error:
            assert str(error).startswith("x: ") and "\n" not in str(error)
    assert capfd.readouterr().err == ""  # libtiff would write there
    assert all(line.startswith("x: ") and "\n" not in line for line in told)
    assert compression != "group4" or any("look whether the picture is whole" in line for line in told)


def test_a_flipped_bit_of_a_png_is_noticed():
    data = bytearray(stream(Image.fromarray(PHOTO), "PNG").getvalue())
    data[len(data) // 2] ^= 4
    refused(bytes(data), "damaged")


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_several_frames_are_counted_and_refused(format):
    frames = [Image.fromarray(PHOTO + 40 * i) for i in range(3)]
    data = stream(frames[0], format, save_all=True, append_images=frames[1:]).getvalue()
    refused(data, "holds 3 frames or pages")
    with pytest.raises(PictureError, match="holds 3"):
        from_pil(Image.open(io.BytesIO(data)))


def test_the_second_view_of_a_camera_does_not_count():
    views = [Image.fromarray(np.full((16, 16, 3), v, np.uint8)) for v in (50, 200)]
    picture = read(stream(views[0], "MPO", save_all=True, append_images=views[1:]))
    assert np.abs(picture.pixels.astype(int) - 50).max() < 4


def png_of(width: int, height: int, kind: int = 2) -> bytes:
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


BOMBS = {
    "pixels": png_of(65536, 65536),
    "just over": png_of(1 << 15, (1 << 15) + 1),
    "side": png_of((1 << 20) + 1, 1),
    "greatest": png_of(2**31 - 1, 2**31 - 1),
    "ppm": b"P6 70000 70000 255\n",
    "ppm of 16 bit": b"P6 70000 70000 65535\n",
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
    "gif": b"GIF89a"
    + struct.pack("<HH", 65535, 65535)
    + b"\0\0\0,\0\0\0\0"
    + struct.pack("<HH", 65535, 65535)
    + b"\0\x02",
    "qoi": b"qoif" + struct.pack(">IIBB", 1 << 30, 1 << 30, 3, 0),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name):
    refused(BOMBS[name], "over the limit")


def test_the_limit_itself_passes_the_check_and_fails_on_missing_data():
    with pytest.raises(PictureError, match="damaged"):
        read(io.BytesIO(png_of(1 << 13, 1 << 13, kind=0)))
    from_pil(Image.new("1", (1 << 20, 1)))


def test_large_pictures_pass_without_a_warning_and_pillows_own_limit_stays(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # warns above, refuses above twice that
    assert read(stream(Image.fromarray(PHOTO), "PNG")).width == 64
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_no_size():
    with pytest.raises(PictureError, match="0 x 5"):
        from_pil(Image.new("L", (0, 5)))
    refused(b"P5 0 5 255\n")


def test_threads_leave_the_limit_as_it_was():
    before, data = Image.MAX_IMAGE_PIXELS, stream(Image.fromarray(PHOTO), "PNG").getvalue()
    threads = [threading.Thread(target=lambda: [read(io.BytesIO(data)) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS


def test_files_that_cannot_be_opened(tmp_path):
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(NicError, match="shown: cannot be read: ") as caught:
            read(path, "shown")
        assert not isinstance(caught.value, PictureError)


def test_a_file_is_closed_again(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(stream(Image.fromarray(PHOTO), "PNG").getvalue())
    picture = read(path)
    path.write_bytes(b"")
    assert (picture.pixels == PHOTO).all()
    assert sys.getrefcount(picture) < 4


class Endless(io.RawIOBase):
    """A beginning, and zeros after it."""

    def __init__(self, head):
        self.head, self.given = head, 0

    def seekable(self):
        return False

    def read(self, size=-1):
        data, self.head = self.head[:size], self.head[size:]
        self.given += size
        return data.ljust(size, b"\0")


def test_endless_input_ends(monkeypatch):
    monkeypatch.setattr("nic_cli.image.reading._MAX_STREAM", 5000)

    with pytest.raises(PictureError, match="no end"):
        read(Endless(b"\x89PNG\r\n\x1a\n"))


def test_a_stream_of_no_picture_is_not_read_to_its_end():
    endless = Endless(b"")
    with pytest.raises(PictureError, match="not a picture"):
        read(endless)
    assert endless.given < 1 << 20


@pytest.mark.parametrize("format", ["jpeg", "ppm"])
def test_formats_without_alpha_say_so(format):
    with pytest.raises(UsageError, match="has no alpha: choose png"):
        write(from_array(np.zeros((4, 4, 4), np.uint8)), io.BytesIO(), format)


def test_formats_with_short_sides_say_so():
    with pytest.raises(UsageError, match="WEBP ends at 16383"):
        write(from_array(np.zeros((1, 16384), np.uint8)), io.BytesIO(), "webp")
    with pytest.raises(UsageError, match="JPEG ends at 65535"):
        write(from_array(np.zeros((65536, 1), np.uint8)), io.BytesIO(), "jpeg")


def test_unknown_formats_are_listed():
    with pytest.raises(UsageError, match="choose from png, jpeg, webp, tiff, ppm"):
        write(from_array(PHOTO), io.BytesIO(), "bmp")
    assert set(FORMAT_BY_SUFFIX.values()) == {"png", "jpeg", "webp", "tiff", "ppm"}


@pytest.mark.parametrize("format", ["png", "tiff", "ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_are_exact(format, channels):
    out = io.BytesIO()
    write(from_array(PHOTO[:, :, :channels]), out, format)
    out.seek(0)
    assert (read(out).pixels == PHOTO[:, :, :channels]).all()


def test_what_another_thread_warns_of_is_not_told_of_a_picture():
    import threading
    import warnings

    from nic_cli.image.opening import quietly

    told = []
    with quietly("a.tif", told.append):
        other = threading.Thread(target=lambda: warnings.warn("of a library", stacklevel=1))
        other.start()
        other.join()
        warnings.warn("of the picture", stacklevel=1)
    assert told == ["a.tif: of the picture"]


def test_a_tiff_of_samples_beyond_reason_takes_no_memory():
    """SamplesPerPixel as a LONG, which Pillow reads as well: what it says is not made a list of."""
    tags = {256: 12, 257: 9, 258: 16, 259: 1, 273: 8, 277: 1 << 26}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(64)
    tracemalloc.start()
    try:
        refused(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
