"""The Python API: everything that may be given, and what is said of what may not."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import nic_cli
from nic_cli import manual, memory
from nic_cli.__main__ import main
from nic_cli.container import file, layout
from nic_cli.errors import DamagedFile, NicError, PictureError, UsageError

from .image.ancillary.test_gain_map import ultra
from .image.pictures import exif, rgb_profile

ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch, photographs):
    """A folder to work in, with photo.png, 80 x 48."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nic_cli.jobs.settings.config_file", lambda: tmp_path / "config.toml")
    monkeypatch.setattr("nic_cli.image.preview.SIDE", 64)  # smaller than the picture, to have one
    pixels = np.ascontiguousarray(photographs["astronaut"][60:108, 180:260])
    Image.fromarray(pixels).save("photo.png", dpi=(300, 300), exif=exif(1))
    return tmp_path


@pytest.fixture(scope="session")
def tiled(photographs) -> bytes:
    """RGB of 150 x 99 in six tiles."""
    pixels = np.ascontiguousarray(photographs["astronaut"][:99, :150])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nic_cli.image.preview.SIDE", 64)
        return nic_cli.encode(pixels, tile=64, q=1, preview=True)


def commanded(*arguments: str) -> bytes:
    """The file that `nic encode photo.png` writes."""
    assert main(["encode", "photo.png", "-f", "-o", "made.nic", "-Q", *arguments]) == 0
    return Path("made.nic").read_bytes()


class Pipe(io.RawIOBase):
    """Bytes that cannot be rewound."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        return self._data.readinto(room)


class OnlyRead:
    """A file object of the least that one may be."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


class Counted(io.BytesIO):
    """Bytes that count how many of them were read."""

    taken = 0

    def read(self, *size):
        data = super().read(*size)
        self.taken += len(data)
        return data


def without_name(data: bytes) -> bytes:
    return file.pack(
        type(c := file.unpack(data))(
            c.header, tuple(chunk for chunk in c.chunks if chunk.kind != layout.ORIGIN), c.tiles
        )
    )


# -- what is encoded --------------------------------------------------------------------------------


def test_a_file_gives_the_bytes_of_the_command_however_it_is_given(place):
    wanted, data = commanded(), Path("photo.png").read_bytes()
    with Path("photo.png").open("rb") as stream:
        assert nic_cli.encode(stream) == wanted
        assert not stream.closed
    assert nic_cli.encode("photo.png") == nic_cli.encode(Path("photo.png")) == wanted
    nameless = [data, bytearray(data), memoryview(data), io.BytesIO(data), Pipe(data), OnlyRead(data)]
    assert {nic_cli.encode(given) for given in nameless} == {without_name(wanted)}
    assert without_name(wanted) != wanted


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"q": 1, "b": 0}, ("-q", "1", "-b", "0")),
        ({"bpp": 1.5}, ("--bpp", "1.5")),
        ({"target_size": 700}, ("--target-size", "700")),
        ({"target_size": "0.7kB"}, ("--target-size", "0.7kB")),
        ({"tile": 64, "preview": True}, ("--tile", "64", "--preview")),
        ({"strip": "exif,name"}, ("--strip", "exif,name")),
        ({"strip": ["all"], "effort": 0}, ("--strip", "all", "-e", "0")),
        ({"frame": 1, "hdr": "keep", "max_pixels": 4000}, ("--frame", "1", "--hdr", "keep")),
        ({"model": "iris", "device": "cpu"}, ("-m", "iris", "--device", "cpu")),
    ],
)
def test_dials_do_what_they_do_for_the_command(place, given, arguments):
    assert nic_cli.encode("photo.png", **given) == commanded(*arguments)


def test_images_and_arrays_in_all_their_forms_give_one_file(place):
    with Image.open("photo.png") as image:
        pixels = np.asarray(image)
    described = type("Described", (), {"__array_interface__": pixels.__array_interface__, "kept": pixels})()
    given = type("Given", (), {"__array__": lambda self, *_, **__: pixels})()
    forms = [Image.fromarray(pixels), pixels, pixels[::-1][::-1], np.asfortranarray(pixels), described, given]
    assert len({nic_cli.encode(form) for form in forms}) == 1
    for shape in ((48, 80), (48, 80, 1), (48, 80, 2), (48, 80, 4)):
        values = np.resize(pixels.astype(">u2") * 200, shape)
        data = nic_cli.encode(values)
        with nic_cli.open(data) as nic:
            assert nic.bit_depth == 16 and nic.channels == (1 if np.prod(shape[2:]) < 3 else 3)
            assert nic.to_array().dtype == np.uint16 and nic.to_array().shape[:2] == (48, 80)


def test_the_old_name_of_the_size_is_taken_with_a_notice(place):
    with pytest.warns(DeprecationWarning, match="target_size") as told:
        data = nic_cli.encode("photo.png", target_bytes=700)
    assert data == nic_cli.encode("photo.png", target_size=700)
    assert told[0].filename == __file__


GREY = np.full((9, 9), 90, np.uint8)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            None,
            "a picture is a path, the bytes of a picture file, a binary file object, a PIL image or an array",
        ),
        ([[1, 2]], "not list"),
        (7, "not int"),
        (io.StringIO("text"), "gives text: open it with 'rb'"),
        (io.BytesIO, "no binary file object"),
        (memoryview(GREY), "give the array itself"),
        (torch.zeros(3, 9, 9), "torch tensor: give an array of uint8 with channels last"),
        (GREY > 3, "multiply by 255 and use astype"),
        (GREY / 255, r"float64 in 0..1: multiply by 255 and use .round\(\).astype\(numpy.uint8\)"),
        (GREY.astype(np.float32), r"use array.round\(\).astype\(numpy.uint8\)"),
        (GREY * np.nan, "float64 with nan or inf"),
        (GREY.astype(int), r"int64 in 0..255: use array.astype\(numpy.uint8\)"),
        (GREY.astype(int) * 200, r"0..65535: use array.astype\(numpy.uint16\)"),
        (GREY.astype(np.int16) - 100, "from -10 to -10: scale them"),
        (np.array([["a"]]), "give uint8 or uint16"),
    ],
)
def test_what_is_no_picture_by_its_type_is_a_type_error_that_says_what_to_do(given, said):
    with pytest.raises(TypeError, match=said) as told:
        nic_cli.encode(given)
    assert isinstance(told.value, UsageError) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (GREY[:0], "is empty"),
        (np.uint8(3), r"shape \[\]"),
        (np.zeros((3, 9, 9), np.uint8), "channels come last"),
        (np.zeros((1, 9, 9, 3), np.uint8), "one picture at a time"),
        (np.zeros((9, 9, 5), np.uint8), r"give \[H, W\] or \[H, W, 1 to 4\]"),
        (np.ma.masked_equal(GREY, 90), "masked values"),
        ("", "no file has the name"),
    ],
)
def test_what_is_no_picture_by_its_shape_is_a_value_error(given, said):
    with pytest.raises(ValueError, match=said) as told:
        nic_cli.encode(given)
    assert isinstance(told.value, UsageError) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("dial", "kind", "said"),
    [
        ({"q": "2"}, TypeError, "q is '2': it takes a number"),
        ({"q": True}, TypeError, "q is True"),
        ({"q": float("nan")}, ValueError, "q is nan: it takes a finite number"),
        ({"q": 9}, ValueError, "q is 9: model iris takes 0 to 6"),
        ({"b": None}, TypeError, "b is None"),
        ({"b": 1.5}, ValueError, "realism goes from 0 to 1"),
        ({"bpp": 0}, ValueError, "over 0 and up to 64"),
        ({"bpp": "1"}, TypeError, "bpp is '1'"),
        ({"q": 1, "bpp": 1}, ValueError, "q and bpp exclude each other"),
        ({"bpp": 1, "target_size": 900}, ValueError, "exclude each other"),
        ({"ssimulacra2": 60, "q": 1}, ValueError, "q and ssimulacra2 exclude each other"),
        ({"ssimulacra2": 101}, ValueError, "^ssimulacra2: 101 cannot be used: give a number from 0 to 100"),
        ({"ssimulacra2": "high"}, TypeError, "ssimulacra2 is 'high'"),
        ({"like": 80}, TypeError, "like is 80: it takes a codec and its quality, such as 'jpeg:80'"),
        ({"like": "jpeg"}, ValueError, "^like: 'jpeg' cannot be used: give jpeg"),
        ({"target_size": "many"}, ValueError, "give a size such as"),
        ({"target_size": 900.0}, TypeError, "it takes whole bytes, or a text"),
        ({"target_size": 0}, ValueError, "from 1 up"),
        ({"target_size": 10}, ValueError, "cannot be reached"),
        ({"effort": 10}, ValueError, "it goes from 0 to 9"),
        ({"effort": True}, TypeError, "a whole number"),
        ({"tile": 100}, ValueError, "a multiple of 64"),
        ({"preview": 1}, TypeError, "it takes True or False"),
        ({"strip": "nothing"}, ValueError, "cannot strip nothing"),
        ({"strip": 3}, TypeError, "it takes names such as"),
        ({"hdr": "yes"}, ValueError, "it takes 'plain' or 'keep'"),
        ({"hdr": True}, TypeError, "it takes 'plain' or 'keep'"),
        ({"frame": 0}, ValueError, "from 1 up"),
        ({"frame": 1}, ValueError, "are for files"),
        ({"max_pixels": 1.0}, TypeError, "a whole number"),
        ({"device": "gpu"}, ValueError, "'auto', 'cpu', 'cuda' or 'mps'"),
        ({"model": 3}, TypeError, "a name of nic models list"),
    ],
)
def test_dials_that_cannot_be_meant_are_refused_in_a_sentence(dial, kind, said):
    with pytest.raises(kind, match=said) as told:
        nic_cli.encode(GREY, **dial)
    assert isinstance(told.value, UsageError) and "\n" not in str(told.value)


def test_errors_speak_of_arguments_and_not_of_options(place):
    with pytest.raises(PictureError, match=r"raise max_pixels$"):
        nic_cli.encode("photo.png", max_pixels=9)
    with pytest.raises(PictureError, match=r"raise max_pixels$"):
        nic_cli.encode(GREY, max_pixels=9)
    frames = [Image.fromarray(GREY + shade) for shade in (0, 9)]
    frames[0].save("two.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(PictureError, match=r"give frame 1 to 2$"):
        nic_cli.encode("two.gif")
    assert nic_cli.encode("two.gif", frame=2) != nic_cli.encode("two.gif", frame=1)
    cut = Path("photo.png").read_bytes()[:-900]
    with pytest.raises(PictureError, match=r"with accept_truncated$"):
        nic_cli.encode(cut)
    with pytest.warns(nic_cli.NicWarning, match="cut short"):
        assert nic_cli.info(nic_cli.encode(cut, accept_truncated=True)).size == (80, 48)


def test_files_that_cannot_be_read_are_one_of_our_errors(place):
    for given in ("none.png", place, Path("none.png")):
        with pytest.raises(NicError, match=r"cannot be read: .*; check the path"):
            nic_cli.encode(given)
        with pytest.raises(NicError, match=r"cannot be read: .*; check the path"):
            nic_cli.open(given)
    with Path("photo.png").open("rb") as stream:
        pass
    for call in (nic_cli.encode, nic_cli.decode, nic_cli.info, nic_cli.open):
        with pytest.raises(ValueError, match="is closed"):
            call(stream)
        with Path("out.bin").open("wb") as writing, pytest.raises(ValueError, match="cannot be read"):
            call(writing)


# -- notices ----------------------------------------------------------------------------------------


def test_what_is_not_kept_is_a_warning_at_the_line_that_called(place):
    with Image.open("photo.png") as image:
        image.convert("CMYK").save("ink.jpg")
    for given in ("ink.jpg", Path("ink.jpg").read_bytes(), Image.open("ink.jpg")):
        with pytest.warns(nic_cli.NicWarning, match=r"left out: inks \(CMYK becomes RGB\)") as told:
            nic_cli.encode(given)
        assert all(one.filename == __file__ for one in told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nic_cli.encode("photo.png")  # the control: nothing is left out of this one


def test_a_gain_map_is_kept_of_a_file_and_named_where_it_is_not():
    phone = ultra()
    data = nic_cli.encode(phone)
    with nic_cli.open(data) as nic:
        assert "gain_map" in nic.metadata.kinds
    with pytest.warns(nic_cli.NicWarning, match="no place for: .*gain map"):
        nic_cli.decode(data)
    with pytest.warns(nic_cli.NicWarning, match="left out of what is cut or scaled: .*gain map"):
        nic_cli.decode(data, crop=(0, 0, 9, 9))
    with (
        Image.open(io.BytesIO(phone)) as image,
        pytest.warns(nic_cli.NicWarning, match="since only files have it: gain map"),
    ):
        nic_cli.encode(image)


# -- what is decoded --------------------------------------------------------------------------------


def test_a_file_that_is_open_says_all_and_decodes_nothing(place, monkeypatch):
    data = nic_cli.encode("photo.png", preview=True, strip="icc", q=1.5, b=0.5)
    Path("photo.nic").write_bytes(data)
    monkeypatch.setattr("nic_cli.codec.stream", None)
    with nic_cli.open("photo.nic") as nic:
        assert (nic.width, nic.height) == nic.size == (80, 48)
        assert (nic.mode, nic.channels, nic.bit_depth, nic.q, nic.b) == ("RGB", 3, 8, 1.5, 0.5)
        assert (nic.model, nic.original.name, nic.original.format) == ("iris", "photo.png", "png")
        assert nic.metadata.exif == exif(1) and nic.metadata.icc is nic.metadata.xmp is None
        assert nic.metadata.preview.size == nic.thumbnail().size == (64, 38)
        assert set(nic.metadata.kinds) == {"exif", "preview", "resolution", "origin"}
        assert nic.memory == nic.info.memory == memory.for_coding(80, 48, 3)
        assert nic.info == nic_cli.info(data) == nic_cli.info(io.BytesIO(data))
        assert nic.info.n_bytes == len(data) and nic.info.bpp == 8 * len(data) / (80 * 48)
        assert "photo.nic: 80 x 48, RGB, q 1.5, b 0.5, model iris" in repr(nic)
        assert "16 x 9 at 8,8 of 80 x 48" in repr(nic.crop(8, 8, 16, 9))


def test_a_file_from_elsewhere_is_read_from_where_it_stands(tiled):
    wanted = nic_cli.decode(tiled).tobytes()
    stream = io.BytesIO(b"before" + tiled)
    for call in (nic_cli.info, nic_cli.decode, nic_cli.decode):
        stream.seek(6)
        call(stream)
    stream.seek(6)
    for given in (stream, Pipe(tiled), OnlyRead(tiled), bytearray(tiled), memoryview(tiled)):
        assert nic_cli.open(given).decode().tobytes() == wanted
    assert not stream.closed


VIEWS = [(0, 0, 150, 99), (17, 33, 40, 21), (149, 98, 1, 1), (64, 0, 64, 64)]


@pytest.mark.parametrize("crop", VIEWS)
@pytest.mark.parametrize("scale", [1, "1/4"])
def test_views_show_what_decode_gives(tiled, crop, scale):
    view = nic_cli.open(tiled).crop(*crop).scale(scale)
    wanted = nic_cli.decode(tiled, crop=crop, scale=scale, b=0)
    assert view.decode(b=0).tobytes() == view.to_array(0).tobytes() == wanted.tobytes()
    assert view.size == view.decode().size == wanted.size
    assert wanted.tobytes() != view.decode(b=1).tobytes()


def test_a_view_of_a_view_is_in_its_own_pixels(tiled):
    nic = nic_cli.open(tiled)
    part = nic.crop(20, 10, 90, 80).crop(7, 9, 30, 20)
    assert part.decode().tobytes() == nic.decode().crop((27, 19, 57, 39)).tobytes()
    small = nic.scale("1/2").scale(2)
    assert small.size == nic.scale(4).size == (38, 25)
    assert np.array_equal(small.crop(3, 5, 35, 20).to_array(), nic.scale(4).to_array()[5:25, 3:38])
    for wrong in (lambda: small.crop(3, 5, 36, 20), lambda: small.scale(4), lambda: part.crop(0, 0, 31, 1)):
        with pytest.raises(ValueError, match=r"not inside the picture, \d|it takes 1, 2, 4 or 8"):
            wrong()


def test_a_part_reads_the_tiles_that_it_needs(photographs):
    strip = nic_cli.encode(np.tile(photographs["astronaut"][:64], (1, 6, 1)), tile=64)
    stream, whole = Counted(strip), Counted(strip)
    with nic_cli.open(stream) as nic:
        stream.taken = 0
        nic.crop(1800, 0, 8, 8).decode()
        assert 0 < stream.taken < len(strip) / 2
    with nic_cli.open(whole) as nic:
        whole.taken = 0
        nic.decode()
        assert len(strip) / 2 < whole.taken < len(strip)  # the control


def test_thumbnails_fit_whether_there_is_a_preview_or_not(tiled):
    nic = nic_cli.open(tiled)
    assert nic.thumbnail(30).size == nic.scale(1).thumbnail(30).size == (30, 20)
    assert nic.crop(0, 0, 100, 50).thumbnail(30).size == (30, 15)
    assert nic.scale(8).thumbnail(4).size[0] == 4 and nic.scale(8).thumbnail(400).size == (19, 13)


def test_sixteen_bits_and_wide_colours_come_whole_as_arrays(photographs):
    pixels = photographs["coffee"][:40, :60].astype(np.uint16) * 257
    with nic_cli.open(nic_cli.encode(pixels, q=6)) as nic:
        assert np.abs(nic.to_array().astype(int) - pixels).mean() < 5 * 257
        with pytest.warns(nic_cli.NicWarning, match="8 bits of the 16"):
            rounded = np.asarray(nic.decode())
        assert np.array_equal(rounded, (nic.to_array().astype(int) + 128) // 257)
    image = Image.fromarray(photographs["coffee"][:40, :60])
    image.info["icc_profile"] = rgb_profile()
    with nic_cli.open(nic_cli.encode(image)) as nic:
        assert nic.metadata.icc == rgb_profile()
        assert np.array_equal(nic.to_array(), np.asarray(nic.decode()))


def test_a_file_that_is_closed_says_so_and_leaves_no_handle(tiled, tmp_path):
    (tmp_path / "a.nic").write_bytes(tiled)
    with nic_cli.open(tmp_path / "a.nic") as nic:
        view = nic.crop(0, 0, 9, 9)
    assert nic.size == (150, 99) and "closed" in repr(view)
    for call in (nic.decode, view.to_array, nic.scale(2).thumbnail):
        with pytest.raises(ValueError, match="closed before it was decoded"):
            call()
    with io.BytesIO(tiled) as stream:
        nic = nic_cli.open(stream)
    with pytest.raises(ValueError, match="closed before it was decoded"):
        nic.decode()
    if Path("/proc/self/fd").exists():
        handles = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            nic_cli.open(tmp_path / "a.nic").crop(0, 0, 9, 9).size  # noqa: B018
            with pytest.raises(ValueError, match="scale"):
                nic_cli.decode(tmp_path / "a.nic", scale=3)
        assert len(list(Path("/proc/self/fd").iterdir())) == handles


def test_threads_share_a_file_and_their_notices_reach_everyone(tiled, place):
    wanted = {crop: nic_cli.decode(tiled, crop=crop).tobytes() for crop in VIEWS}
    with nic_cli.open(io.BytesIO(tiled)) as nic, ThreadPoolExecutor(8) as pool:
        done = [(crop, pool.submit(nic.crop(*crop).decode)) for crop in VIEWS * 6]
        assert all(made.result().tobytes() == wanted[crop] for crop, made in done)
    with Image.open("photo.png") as image:
        image.convert("CMYK").save("ink.tif")
    tell = threading.Barrier(4)

    def encoded():
        tell.wait()
        return nic_cli.encode("ink.tif")

    with pytest.warns(nic_cli.NicWarning) as told, ThreadPoolExecutor(4) as pool:
        assert len({made.result() for made in [pool.submit(encoded) for _ in range(4)]}) == 1
    assert sum("CMYK" in str(one.message) for one in told) == 4


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (
            lambda data: nic_cli.decode(None),
            TypeError,
            "a .nic file is a path, bytes or a binary file object",
        ),
        (lambda data: nic_cli.open(GREY), TypeError, "not ndarray"),
        (lambda data: nic_cli.info(io.StringIO()), TypeError, "gives text"),
        (lambda data: nic_cli.decode(data, b="0"), TypeError, "b is '0'"),
        (lambda data: nic_cli.decode(data, b=2), ValueError, "realism goes from 0 to 1"),
        (lambda data: nic_cli.decode(data, crop=(0, 0, 9)), ValueError, "x, y, width and height"),
        (lambda data: nic_cli.decode(data, crop="0,0,9,9"), TypeError, "x, y, width and height"),
        (lambda data: nic_cli.decode(data, crop=(0, 0, 9, 9.0)), TypeError, "height is 9.0"),
        (lambda data: nic_cli.decode(data, scale="1/3"), ValueError, "1, 1/2, 1/4, 1/8"),
        (lambda data: nic_cli.decode(data, scale=0.5), TypeError, "scale is 0.5"),
        (lambda data: nic_cli.decode(data, max_pixels=0), ValueError, "from 1 up"),
        (lambda data: nic_cli.decode(data, max_pixels=99), PictureError, "raise max_pixels$"),
        (lambda data: nic_cli.open(data).crop("0", 0, 9, 9), TypeError, "x is '0'"),
        (lambda data: nic_cli.open(data).thumbnail(0), ValueError, "side is 0"),
        (lambda data: nic_cli.open(data[:-1]), DamagedFile, "it was cut"),
        (lambda data: nic_cli.info(data[:-1] + b"?"), DamagedFile, "checksum"),
        (lambda data: nic_cli.open(data[:-1] + b"?").decode(), DamagedFile, "checksum"),
    ],
)
def test_what_decoding_cannot_mean_is_refused_in_a_sentence(tiled, call, kind, said):
    with pytest.raises(kind, match=said) as told:
        call(tiled)
    assert isinstance(told.value, NicError) and "\n" not in str(told.value)


# -- the package ------------------------------------------------------------------------------------


def test_a_script_of_a_user_passes_mypy_and_one_that_is_wrong_does_not(tmp_path):
    assert (ROOT / "nic_cli/py.typed").is_file()
    (tmp_path / "right.py").write_text(
        "import io\nfrom pathlib import Path\nimport numpy as np\nfrom PIL import Image\nimport nic_cli\n"
        "def code(picture: Image.Image, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:\n"
        "    data: bytes = nic_cli.encode(picture, q=2, strip=('gps',), target_size='40kB', hdr='keep')\n"
        "    for given in (nic_cli.encode(array), nic_cli.encode(Path('a')), nic_cli.encode(io.BytesIO())):\n"
        "        data += given\n"
        "    with nic_cli.open(data) as nic, open('a.nic', 'rb') as stream:\n"
        "        image: Image.Image = nic.crop(0, 0, 9, 9).scale('1/2').decode(b=0)\n"
        "        icc: bytes | None = nic.metadata.icc\n"
        "        print(nic.to_array().shape, icc, nic.size[0] + nic_cli.info(stream).width, image)\n"
        "    return data\n"
    )
    (tmp_path / "wrong.py").write_text("import nic_cli\nnic_cli.encode(3)\nnic_cli.open('a').decode(b='1')\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file="]
    done = subprocess.run(
        [*command, f"--cache-dir={ROOT / '.mypy_cache/of_users'}", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Found 2 errors in 1 file" in done.stdout and "wrong.py:2:" in done.stdout, done.stdout


def test_help_shows_signatures_and_what_each_argument_is():
    for name in ("encode", "decode", "open", "info"):
        text = getattr(nic_cli, name).__doc__
        taken = getattr(nic_cli, name).__kwdefaults__ or {}
        assert all(re.search(rf"\b{argument}: ", text) for argument in taken), name


def test_the_examples_of_the_manual_run(place):
    """Each block in turn, as it stands there."""
    with Image.open("photo.png") as image:
        image.save("scan.tif")
        image.resize((700, 600)).save("map.png")
    blocks = [block[1:] for block in manual.blocks(manual.source("python")) if block[0] == "```"]
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile("\n".join(block), "python.md", "exec"), names)
    assert len(blocks) > 5 and {"nic_cli", "image", "data"} <= set(names)
