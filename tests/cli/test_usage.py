"""What cannot be meant is refused with code 2 and one line, before anything is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

REFUSED = {
    ("squash",): "no such command 'squash'",
    ("encode",): "no input; name files, folders, - for standard input, or a list with --manifest",
    ("encode", "photo.png", "--crop", "1,2,3,4"): "no such option … --crop",
    ("encode", "photo.png", "--efort", "3"): "no such option … --efort",
    ("encode", "photo.png", "-E", "3"): "no such option … -E",
    ("encode", "photo.png", "--max-pixels", "0"): "--max-pixels: 0 … from 1 up",
    ("info", "photo.nic", "more.nic", "--preview", "out.webp"): "--preview: 2 inputs",
    ("encode", "photo.png", "-s", "40kB"): "no such option … -s",
    ("decode", "photo.nic", "--scale", "1/3"): "--scale: '1/3' … 1/2, 1/4, 1/8",
    ("decode", "photo.nic", "--crop", "1,2,3"): "--crop: '1,2,3' … X,Y,WIDTH,HEIGHT",
    ("decode", "photo.nic", "--crop", "0,0,0,9"): "--crop: '0,0,0,9' … X,Y,WIDTH,HEIGHT",
    ("decode", "photo.nic", "-o", "part.png", "--crop", "0,0,9999,9"): "the region 0,0,9999,9 … photo.nic",
    ("bench", "missing"): "missing: not a folder",
    ("models", "conjure"): "no such command 'conjure'",
    ("encode", "photo.png", "-e", "10"): "--effort: 10 cannot be used: give a whole number from 0 to 9",
    ("encode", "photo.png", "-e", "-1"): "--effort: -1 cannot be used: give a whole number from 0 to 9",
    ("encode", "photo.png", "-q", "-1"): "--quality: -1 cannot be used: give a number from 0 up",
    (
        "encode",
        "photo.png",
        "-q",
        "75",
    ): "q 75 is over what model iris has: give 0 to 6, or --like jpeg:75",
    ("encode", "photo.png", "-q", "nan"): "--quality: nan cannot be used: give a number from 0 up",
    ("encode", "photo.png", "-q", "high"): "--quality: 'high' cannot be used: give a number",
    ("encode", "photo.png", "-q"): "-q",
    ("encode", "photo.png", "-b", "1.01"): "--realism: 1.01 cannot be used: give a number from 0 to 1",
    ("decode", "photo.nic", "-b", "-0.1"): "--realism: -0.1 cannot be used: give a number from 0 to 1",
    ("encode", "photo.png", "--bpp", "0"): "--bpp: 0 cannot be used",
    ("encode", "photo.png", "--bpp", "nan"): "--bpp: nan cannot be used",
    ("encode", "photo.png", "--target-size", "big"): "give a size such as",
    ("encode", "photo.png", "--tile", "100"): "give a multiple of 64",
    ("encode", "photo.png", "--threads", "0"): "give a whole number from 1 to 1024",
    ("encode", "photo.png", "--device", "gpu"): "give auto, cpu, cuda or mps",
    ("encode", "photo.png", "--color", "red"): "give auto, always or never",
    ("encode", "photo.png", "--strip", "looks"): "--strip: 'looks' cannot be used",
    ("encode", "photo.png", "-q", "1", "--bpp", "1"): "-q, --bpp, --target-size, --ssimulacra2 and --like "
    "exclude each other",
    ("encode", "photo.png", "--bpp", "1", "--target-size", "9k"): "exclude each other",
    ("encode", "photo.png", "-q", "1", "--target-size", "9k"): "exclude each other",
    ("encode", "photo.png", "-q", "1", "--ssimulacra2", "70"): "exclude each other",
    ("encode", "photo.png", "--like", "jpeg:80", "--ssimulacra2", "70"): "exclude each other",
    ("encode", "photo.png", "--bpp", "1", "--like", "jpeg:80"): "exclude each other",
    ("encode", "photo.png", "--ssimulacra2", "101"): "--ssimulacra2: 101 … from 0 to 100",
    ("encode", "photo.png", "--ssimulacra2", "nan"): "--ssimulacra2: nan … from 0 to 100",
    ("encode", "photo.png", "--like", "jpeg"): "--like: 'jpeg' … jpeg, webp, avif, jxl … jpeg:80",
    ("encode", "photo.png", "--like", "gif:80"): "--like: 'gif:80' cannot be used",
    ("encode", "photo.png", "--like", "jpeg:101"): "--like: 'jpeg:101' cannot be used",
    ("encode", "photo.png", "--metrics", "vmaf"): "metric 'vmaf': there are psnr",
    ("encode", "photo.png", "--metrics", "psnr,kid"): "metric 'kid' is of whole sets",
    ("encode", "photo.png", "--metrics", ","): "--metrics: give some of psnr",
    ("compare", "photo.png"): "missing argument 'SECOND'",
    ("compare", "-", "-"): "standard input (-) is one picture",
    ("compare", "photo.png", "photo.png", "-b", "0"): "--realism: neither is a .nic file",
    ("compare", "photo.png", "photo.nic", "-b", "2"): "--realism: 2 cannot be used",
    ("compare", "photo.png", "photo.nic", "-m", "vmaf"): "metric 'vmaf': there are psnr",
    ("encode", "photo.png", "-f", "--skip-existing"): "-f and --skip-existing exclude each other",
    ("encode", "photo.png", "-Q", "-v"): "-Q and -v exclude each other",
    ("encode", "photo.png", "-o", "photo.jxl"): "photo.jxl: nic encode writes .nic files: give -o photo.nic",
    ("encode", "https://x.example/p.png"): "https://x.example/p.png: an address, not a file: pipe it in",
    ("encode", "photo.png", "-o", "-", "--json"): "standard output cannot take both",
    ("encode", "photo.png", "-"): "standard input (-) stands alone",
    ("info", "photo.nic", "-"): "standard input (-) stands alone",
    ("encode", "photo.png", "copy.png", "-o", "one.nic"): "2 inputs cannot all go to one.nic",
    ("decode", "photo.nic", "--format", "gif"): "--format: 'gif' cannot be used: give png, jpeg",
    ("decode", "photo.nic", "-o", "photo.xyz"): "photo.xyz: no format has this suffix",
    ("train",): "missing argument 'RECIPE'",
    ("train", "r.toml", "--time", "soon"): "--time: 'soon' cannot be used: give a time such as",
}


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_refused_with_code_2_and_one_line(nic, picture, packed, arguments):
    before = sorted(Path().iterdir())
    done = nic(*arguments)
    assert (done.code, done.out, len(done.lines)) == (2, b"", 1), done
    assert done.err.startswith("nic: ")
    for part in REFUSED[arguments].split(" … "):
        assert part in done.err
    assert sorted(Path().iterdir()) == before


def test_refusals_of_the_command_line_say_where_help_is(nic):
    assert nic("encode", "--crop").err.endswith("; see 'nic encode --help'\n")
    assert nic("squash").err.endswith("; see 'nic --help'\n")


def test_two_inputs_for_one_output_are_both_named(nic, picture):
    for folder in ("x", "y"):
        Path(folder).mkdir()
        Path(folder, "a.png").write_bytes(picture.read_bytes())
    done = nic("encode", "x/a.png", "y/a.png", "-o", "out/")
    assert done.code == 2
    assert "x/a.png and y/a.png would both become out/a.png.nic" in done.err
    assert not Path("out").exists()


def test_a_pair_of_one_name_keeps_its_suffixes(nic, picture):
    Image.open(picture).save("photo.jpg")
    done = nic("encode", ".", "-Q")
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in Path().glob("*.nic")) == ["photo.jpg.nic", "photo.png.nic"]
    back = nic("decode", "-Q", "-o", "back/", "--format", "original", *map(str, Path().glob("*.nic")))
    assert (back.code, back.err) == (0, "")
    assert sorted(path.name for path in Path("back").iterdir()) == ["photo.jpg", "photo.png"]


def test_suffixes_are_kept_by_wish(nic, picture):
    assert nic("encode", picture, "--keep-suffix").code == 0
    assert Path("photo.png.nic").exists() and not Path("photo.nic").exists()


def test_an_output_after_the_input_is_told_of_o(nic, picture, packed):
    out = nic("encode", "photo.png", "out.nic")
    assert (out.code, out.lines) == (2, ["nic: out.nic: not there, and an input here: -o names the output"])
    packed.rename("p.nic")
    out = nic("decode", "p.nic", "out.jpg")
    assert (out.code, out.lines) == (2, ["nic: out.jpg: not there, and an input here: -o names the output"])
    Path("photo.nic").write_bytes(b"x")
    out = nic("encode", "photo.png", "photo.nic")
    assert out.code == 2 and "photo.nic is a" in out.err and "-o names" in out.err
    out = nic("encode", "photo.nic")
    assert (out.code, out.lines) == (2, ["nic: photo.nic is a .nic file already: -o names an output"])


def test_quality_over_the_models_top_says_the_range(nic, picture):
    done = nic("encode", picture, "missing.png", "-q", "15.5")
    assert done.code == 2
    assert len(done.lines) == 1
    assert "15.5 is over what model iris has: give 0 to " in done.err
    assert not Path("photo.nic").exists()


def test_less_than_nothing_of_nothing_is_nothing(nic, packed):
    done = nic("decode", packed, "-b", "-0", "-o", "out.png")
    assert done.code == 0 and done.lines[0].endswith("b 0")


def test_a_size_that_cannot_be_reached(nic, picture):
    done = nic("encode", picture, "--target-size", "60")
    assert done.code == 2
    assert "60 bytes cannot be reached" in done.err
    assert not Path("photo.nic").exists()


def test_a_binary_is_not_written_to_a_terminal(nic, picture, packed):
    for command in (["encode", picture], ["decode", packed]):
        done = nic(*command, "-o", "-", out_terminal=True)
        assert (done.code, done.out, len(done.lines)) == (2, b"", 1)
        assert "standard output is a terminal" in done.err
        assert nic(*command, "-o", "-", "-f", "-Q", out_terminal=True).out


def test_help_is_the_only_thing_that_asks_for_no_input(nic):
    done = nic("decode", "-h")
    assert done.code == 0
    assert b"--realism" in done.out
    assert done.err == ""
