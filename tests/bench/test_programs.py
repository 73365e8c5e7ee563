"""Codecs by their own commands: what is run is what one would type, and whatever fails leaves nothing."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.bench import programs
from nic_cli.bench.programs import PROGRAMS, command, decode, encode, missing, version
from nic_cli.bench.programs.pictures import from_picture, from_y4m, png, yuv
from nic_cli.errors import NicError, UsageError
from nic_cli.image.reading import read
from nic_cli.image.writing import write
from nic_cli.types import Picture

pytestmark = pytest.mark.skipif(os.name == "nt", reason="stand-ins are scripts of a POSIX shell")
HERE = [name for name in ("avifenc", "cjxl", "cwebp", "heif-enc") if missing(name) is None]
REAL = pytest.mark.parametrize(
    "name", HERE or [pytest.param("", marks=pytest.mark.skip("none is installed"))]
)
FAST = {"avifenc": {"speed": "8"}, "cjxl": {"effort": "3"}, "cwebp": {}, "heif-enc": {"preset": "faster"}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Temporary files go where names are awkward, and none is left, however a test ends."""
    made = tmp_path / "with a space" / "-dash"
    made.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield made
    assert list(made.iterdir()) == []


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a program of this name first on PATH: a script of sh, or of Python."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")

    def made(name: str, script: str) -> Path:
        first = sys.executable if "import" in script else "/bin/sh"
        (place / name).write_text(f"#!{first}\n{script}\n")
        (place / name).chmod(0o755)
        return place / name

    return made


@pytest.fixture(scope="module")
def crop(photographs):
    return np.ascontiguousarray(photographs["coffee"][:96, :128])


def psnr(wanted, found):
    return 10 * np.log10(255**2 / np.mean((wanted.astype(float) - found) ** 2))


def by_hand(name, quality, folder, given, back):
    """The lines as they would be typed: the file that comes out, and the picture that comes back."""
    file = folder / f"coded.{ {'avifenc': 'avif', 'cjxl': 'jxl', 'cwebp': 'webp', 'heif-enc': 'heic'}[name] }"
    if name == "avifenc":
        helps = subprocess.run(["avifenc", "--help"], capture_output=True, text=True, check=False).stdout
        quantizer = int((100 - quality) * 63 / 100 + 0.5)
        rate = f"--min 0 --max 63 -a end-usage=q -a cq-level={quantizer}"
        rate = f"-q {quality}" if "--qcolor" in helps else rate
        line = f"avifenc -c aom --jobs all --speed 8 --depth 10 --yuv 444 {rate} -a tune=psnr {given} {file}"
        undo = f"avifdec --depth 8 {file} {back}"
    elif name == "cjxl":
        line, undo = f"cjxl {given} {file} --distance={quality} --effort=3", f"djxl {file} {back}"
    elif name == "cwebp":
        line, undo = f"cwebp -m 6 -sharp_yuv -q {quality} {given} -o {file}", f"dwebp {file} -o {back}"
    else:
        depth = "" if "8bit" in given.name else "--bit-depth 10 "
        line = f"heif-enc -q {quality} {depth}-p preset=faster -p tune=psnr -p chroma=444 {given} -o {file}"
        undo = f"{'heif-dec' if shutil.which('heif-dec') else 'heif-convert'} {file} {back}"
    for words in (line.split(), undo.split()):
        subprocess.run(words, capture_output=True, check=True)
    return file.read_bytes()


@pytest.fixture
def plain():
    """A folder whose name has no spaces, for lines that are split at them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


@REAL
def test_files_and_pixels_are_those_of_the_commands_by_hand(name, crop, plain):
    settings = {**FAST[name], **({"depth": "8"} if name == "heif-enc" else {})}
    quality = PROGRAMS[name].usual[4]
    given, back = plain / "8bit.png", plain / "back.png"
    Image.fromarray(crop).save(given)
    wanted = by_hand(name, quality, plain, given, back)
    data = encode(crop, name, quality, settings)
    assert data == wanted
    found = decode(data, name)
    assert found.dtype == np.uint8
    assert abs(psnr(crop, found) - psnr(crop, np.asarray(Image.open(back).convert("RGB")))) < 0.001
    assert psnr(crop, found) > 25
    assert encode(crop, name, PROGRAMS[name].usual[0], settings) != data  # control: the dial turns


@pytest.mark.skipif("heif-enc" not in HERE, reason="heif-enc is not installed")
def test_ten_bits_of_heif_enc_go_in_and_out_by_sixteen(crop, plain):
    given, back = plain / "16.png", plain / "back.png"
    with given.open("wb") as stream:
        write(Picture(crop.astype(np.uint16) * 257), stream, "png")
    wanted = by_hand("heif-enc", 42, plain, given, back)
    data = encode(crop, "heif-enc", 42, {"preset": "faster"})
    assert data == wanted
    deep = read(back).pixels
    assert deep.dtype == np.uint16
    found = decode(data, "heif-enc")
    assert np.abs(found - deep / 257).max() <= 0.5
    assert abs(psnr(crop, found) - psnr(crop, np.rint(deep / 257))) < 0.001
    eight = decode(encode(crop, "heif-enc", 42, {"preset": "faster", "depth": "8"}), "heif-enc")
    assert (eight != found).any()


@REAL
def test_the_version_is_what_the_program_says(name):
    ask = {"cwebp": "-version", "heif-enc": "--help"}.get(name, "--version")
    told = subprocess.run([name, ask], capture_output=True, text=True, check=False)
    words = (told.stdout + told.stderr).split()
    number = next(word for word in words if re.fullmatch(r"v?\d+\.[\d.]+", word))
    assert version(name).startswith(name)
    assert number in version(name)
    assert "\n" not in version(name)


@REAL
@pytest.mark.parametrize("shape", [(17, 33, 3), (17, 33, 1), (1, 1, 3), (1, 1, 1), (64, 64, 1), (3, 200, 3)])
def test_odd_small_and_grey_pictures_come_back_in_their_size(name, shape, crop):
    pixels = np.ascontiguousarray(np.tile(crop, (1, 2, 1))[: shape[0], : shape[1], : shape[2]])
    found = decode(encode(pixels, name, PROGRAMS[name].usual[6], FAST[name]), name)
    assert found.shape == (*shape[:2], 3)
    assert np.abs(found.astype(int) - pixels).mean() < 12


@pytest.mark.skipif("avifenc" not in HERE, reason="avifenc is not installed")
def test_svt_has_one_subsampling_and_its_refusals_are_one_line(crop):
    if "svt" not in version("avifenc"):
        pytest.skip("this avifenc has no SVT-AV1")
    with pytest.raises(UsageError, match="sub=420 alone"):
        encode(crop, "avifenc", 40, {"codec": "svt", "sub": "444"})
    assert decode(encode(crop, "avifenc", 40, {"codec": "svt", "speed": "8"}), "avifenc").shape == crop.shape
    assert "-c svt" in command("avifenc", 40, {"codec": "svt"})


def test_what_is_recorded_is_what_is_run(stand_in, crop, tmp_path):
    stand_in("djxl", "exit 1")
    stand_in("cjxl", f'printf "%s\\n" "$0 $*" > "{tmp_path}/line"; cp IN.png OUT.jxl')
    given = encode(crop, "cjxl", 1.5, {"effort": "9"})
    program, *rest = (tmp_path / "line").read_text().split()
    assert (
        " ".join(["cjxl", *rest])
        == command("cjxl", 1.5, {"effort": "9"})
        == "cjxl IN.png OUT.jxl -d 1.5 -e 9"
    )
    assert Path(program).is_absolute()
    assert (np.asarray(Image.open(io.BytesIO(given))) == crop).all()
    assert given.count(b"IDAT") == 1  # and nothing but pixels
    assert all(word not in given for word in (b"gAMA", b"sRGB", b"iCCP", b"tEXt", b"eXIf", b"pHYs", b"tIME"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo one >&2; echo 'no such thing' >&2; exit 1", "cjxl: exit code 1: no such thing"),
        ("echo 'option x failed: bad value'; echo 'ERROR: no' >&2; exit 7",
         "cjxl: exit code 7: option x failed: bad value; ERROR: no"),
        ("printf 'first\\n\\007last\\033[31m\\377\\n \\n' >&2; exit 3",
         r"cjxl: exit code 3: \x07last\x1b[31m"),
        ("exit 2", "cjxl: exit code 2"),
        ("echo done >&2", "cjxl: exit code 0, and nothing written: done"),
        (": > OUT.jxl", "cjxl: exit code 0, and nothing written"),
        ("echo half > OUT.jxl; kill -SEGV $$", "cjxl: killed by SIGSEGV"),
        ("head -c 3000000 /dev/zero >&2; exit 1", "cjxl: exit code 1: " + r"\x00" * 10),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_told_in_one_line(stand_in, crop, script, words):
    stand_in("djxl", "exit 0")
    stand_in("cjxl", script)
    with pytest.raises(NicError) as caught:
        encode(crop, "cjxl", 1, {})
    assert str(caught.value).startswith(words)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


def test_a_program_that_hangs_is_stopped_with_what_it_started(stand_in, crop, tmp_path):
    stand_in("djxl", "exit 0")
    stand_in("cjxl", f'[ "$1" = --help ] && exit; echo busy >&2; sleep 60 & echo $! > "{tmp_path}/pid"; wait')
    started = time.monotonic()
    with pytest.raises(NicError, match=r"^cjxl: stopped after 0.5 s: busy$"):
        encode(crop, "cjxl", 1, {}, seconds=0.5)
    assert time.monotonic() - started < 20
    assert is_gone(tmp_path / "pid")


def test_an_interrupt_ends_the_program_and_leaves_nothing(stand_in, crop, tmp_path, folder):
    stand_in("djxl", "exit 0")
    stand_in("cjxl", f'[ "$1" = --help ] && exit; echo $$ > "{tmp_path}/pid"; echo half > OUT.jxl; sleep 60')
    command("cjxl", 1, {})  # so that what is interrupted is the encoder
    busy = []

    def interrupt():
        while not (tmp_path / "pid").exists():
            time.sleep(0.05)
        busy.extend(folder.iterdir())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        encode(crop, "cjxl", 1, {})
    thread.join()
    assert len(busy) == 1  # control: there was a folder, which `folder` finds gone
    assert is_gone(tmp_path / "pid")


def is_gone(record: Path) -> bool:
    """Whether the process of this number ends within a second: one that was killed may wait to be reaped."""
    number = record.read_text().strip()
    for _ in range(20):
        state = Path(f"/proc/{number}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "wrote",
    [
        "garbage",
        "P6 5000 5000 255 ",
        "P6 -1 1 255 aaa",
        "\\211PNG\\r\\n\\032\\n",
        "P6 99999999 99999999 255 a",
    ],
)
def test_a_decoder_that_writes_no_picture_is_told_in_one_line(stand_in, wrote):
    stand_in("djxl", f"printf '{wrote}' > BACK.ppm")
    with pytest.raises(NicError, match="what djxl wrote") as caught:
        decode(b"x", "cjxl")
    assert len(str(caught.value).splitlines()) == 1


def test_a_decoder_that_fails_is_told_by_its_own_name(stand_in):
    stand_in("djxl", "echo no >&2; exit 4")
    with pytest.raises(NicError, match=r"^djxl: exit code 4: no$"):
        decode(b"x", "cjxl")


def test_what_is_missing_is_said_with_its_name(stand_in, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert missing("cjpegli") == "cjpegli is not installed, or not on PATH"
    stand_in("cjxl", "exit 0")
    assert "djxl, which reads its files" in missing("cjxl")
    stand_in("heif-enc", "echo heif-enc libheif version: 1.0.0")
    stand_in("heif-convert", "exit 0")
    assert missing("heif-enc") == "this heif-enc was built without x265"
    stand_in("cjpegli", "exit 1")
    assert missing("cjpegli") is None  # Pillow reads JPEG
    assert version("cjpegli") == "cjpegli, which tells no version"
    for asked in (lambda: version("avifenc"), lambda: command("cwebp", 1, {}), lambda: decode(b"x", "cwebp")):
        with pytest.raises(UsageError, match="not installed"):
            asked()


@pytest.mark.parametrize(
    ("quality", "settings", "words"),
    [
        (26, {}, "cjxl: d26 cannot be used: give numbers from 0.01 to 25"),
        (1, {"effort": "11"}, "cjxl: effort=11 cannot be used: give 1, 2"),
        (1, {"speed": "1"}, "cjxl: there is no setting 'speed': there are effort"),
        (1, {"effort": "-o/etc/passwd"}, "cannot be used"),
        (float("nan"), {}, "dnan cannot be used"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_those_that_can(
    stand_in, crop, quality, settings, words
):
    stand_in("djxl", "exit 0")
    stand_in("cjxl", "exit 0")
    for asked in (
        lambda: command("cjxl", quality, settings),
        lambda: encode(crop, "cjxl", quality, settings),
    ):
        with pytest.raises(UsageError) as caught:
            asked()
        assert words in str(caught.value)


def test_every_program_has_seven_usual_values_within_its_range():
    for program in PROGRAMS.values():
        assert len(set(program.usual)) == 7
        rising = sorted(program.usual, reverse=program.dial in ("d", "qp"))
        assert list(program.usual) == rising
        for value in program.usual:
            programs.table.turned(program, value)
        assert programs.table.settled(program, {}) == program.defaults
        assert set(program.defaults) == set(program.options)
    with pytest.raises(UsageError, match="whole numbers"):
        programs.table.turned(PROGRAMS["avifenc"], 2.5)


def test_newer_avifenc_is_asked_by_quality_itself(stand_in):
    stand_in("avifdec", "exit 0")
    stand_in("avifenc", 'echo "    -q,--qcolor Q : quality"; exit 0')
    assert "-q 40 " in command("avifenc", 40, {})
    assert "cq-level" not in command("avifenc", 40, {})


def test_sixteen_bits_are_refused(crop):
    with pytest.raises(ValueError, match="8 bits"):
        encode(crop.astype(np.uint16), "cwebp", 50, {})


# As vvencapp 1.12 and vvdecapp 3.0 document their options: the file is the values themselves.
VVENCAPP = """
import sys
words = sys.argv[1:]
if words == ["--version"]:
    print("vvencapp: VVenC, the Fraunhofer H.266/VVC Encoder, version 1.12.0")
elif words != ["--help"]:
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert set(told) == {"-i", "-s", "-c", "-f", "--preset", "--qpa", "-q", "-o"}, told
    assert (told["-c"], told["-f"]) == ("yuv420_10", "1")
    width, height = map(int, told["-s"].split("x"))
    values = open(told["-i"], "rb").read()
    assert len(values) == width * height * 3 and width % 2 == height % 2 == 0
    open(told["-o"], "wb").write(f"{width} {height}\\n".encode() + values)
"""
VVDECAPP = """
import sys
words = sys.argv[1:]
told = dict(zip(words[::2], words[1::2], strict=True))
size, _, values = open(told["-b"], "rb").read().partition(b"\\n")
width, height = size.decode().split()
head = f"YUV4MPEG2 W{width} H{height} F60:1 Ip C420p10\\nFRAME\\n"
open(told["-o"], "wb").write(head.encode() + values)
"""


def test_vvc_gets_raw_values_and_comes_back(stand_in, crop):
    """Against programs that stand for the real ones: this shows that the way there and back is whole."""
    stand_in("vvencapp", VVENCAPP)
    stand_in("vvdecapp", VVDECAPP)
    assert version("vvencapp").endswith("version 1.12.0")
    line = command("vvencapp", 32, {})
    assert line == (
        "vvencapp -i IN.yuv -s WIDTHxHEIGHT -c yuv420_10 -f 1 --preset slower --qpa 0 -q 32 -o OUT.266"
    )
    found = decode(encode(crop, "vvencapp", 32, {}), "vvencapp")
    assert found.shape == crop.shape
    assert psnr(crop, found) > 35  # colour in quarters, and nothing else, is lost
    odd = crop[:17, :33]
    data = encode(odd, "vvencapp", 32, {})
    assert decode(data, "vvencapp").shape == (18, 34, 3)
    assert psnr(odd, decode(data, "vvencapp", size=(17, 33))) > 35
    grey = decode(encode(crop[..., :1], "vvencapp", 32, {}), "vvencapp")
    assert (grey == crop[..., :1]).all()  # 10 bits hold all grey values


def test_values_of_yuv_are_those_of_bt_709_in_full_range():
    red = np.tile(np.array([255, 0, 0], np.uint8), (2, 2, 1))
    assert np.frombuffer(yuv(red), "<u2").tolist() == [217] * 4 + [395, 1023]
    white = np.full((2, 2, 1), 255, np.uint8)
    assert np.frombuffer(yuv(white), "<u2").tolist() == [1023] * 4 + [512, 512]


@pytest.mark.parametrize(
    "data",
    [b"", b"YUV4MPEG2 W2 H2 C444\nFRAME\n" + bytes(12), b"YUV4MPEG2 W2 H2 C420p10\nFRAME\n" + bytes(11),
     b"YUV4MPEG2 W0 H2\nFRAME\n", b"YUV4MPEG2 W2\nFRAME\n", b"YUV4MPEG2 W9999999 H2\nFRAME\n"],
)  # fmt: skip
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(ValueError, match="here: "):
        from_y4m(data, "here")


def test_jpegli_by_its_command_is_read_by_its_own_decoder_or_by_pillow(stand_in, crop):
    stand_in(
        "cjpegli",
        "import sys\nif sys.argv[1] == '--help': sys.exit()\nfrom PIL import Image\n"
        "given, made, q, quality, sub = sys.argv[1:]\nassert (q, sub) == ('-q', '--chroma_subsampling=444')\n"
        "Image.open(given).save(made, quality=int(quality), subsampling=0)",
    )
    data = encode(crop, "cjpegli", 90, {})
    assert psnr(crop, decode(data, "cjpegli")) > 30
    stand_in("djpegli", "import sys\nfrom PIL import Image\nImage.new('RGB', (5, 4)).save(sys.argv[2])")
    assert decode(data, "cjpegli").shape == (4, 5, 3)


def test_jpegli_by_its_library_gives_jpeg(crop):
    pyjpegli = pytest.importorskip("pyjpegli")
    data = encode(crop, "jpegli", 55, {})
    assert data == pyjpegli.encode(crop, 128, 96, quality=55)
    assert (decode(data, "jpegli") == np.asarray(Image.open(io.BytesIO(data)))).all()
    assert version("jpegli").startswith("pyjpegli ")
    assert command("jpegli", 55, {}) == "pyjpegli.encode(IN, quality=55)"
    assert decode(encode(crop[:17, :33, :1], "jpegli", 90, {}), "jpegli").shape == (17, 33, 3)


def test_jpegli_without_its_library_says_how_to_get_it(crop, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyjpegli", None)
    with pytest.raises(UsageError, match="pip install pyjpegli"):
        encode(crop, "jpegli", 55, {})


def test_png_is_what_pillow_reads_and_sixteen_bits_are_rounded(crop):
    for pixels in (crop, crop[..., :1]):
        assert (np.asarray(Image.open(io.BytesIO(png(pixels)))).reshape(pixels.shape) == pixels).all()
        assert (from_picture(png(pixels), "x") == pixels).all()
        assert (from_picture(png(pixels, deep=True), "x") == pixels).all()
    stream = io.BytesIO()
    write(Picture(np.array([[[128, 129, 65535]]], np.uint16)), stream, "png")
    assert from_picture(stream.getvalue(), "x").tolist() == [[[0, 1, 255]]]
