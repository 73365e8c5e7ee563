"""`nic bench` measures what can be measured, names the rest, and says the same in every form."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from nic_cli.bench import published
from nic_cli.metrics import METRICS

CODECS = "nic:q0|3,jpeg:q20..80/20"


@pytest.fixture
def folder(clean_place):
    """Three parts of a photograph."""
    Path("photos").mkdir()
    for index, name in enumerate("abc"):
        part = skimage.data.astronaut()[:160, 80 * index : 80 * index + 192]
        Image.fromarray(np.ascontiguousarray(part)).save(f"photos/{name}.png")
    return Path("photos")


def test_table_csv_json_and_page_hold_the_same_rows(nic, folder):
    files = "--csv t.csv --json t.json --html t.html".split()
    done = nic("bench", folder, "--codecs", CODECS, "--anchor", "jpeg", *files)
    assert done.code == 0, done.err
    rows = json.loads(Path("t.json").read_text())["rows"]
    assert len(rows) == 3 * 8  # both realisms of nic
    columns = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    for row, column in zip(rows, columns, strict=True):
        assert list(row) == list(column)
        assert {k: str("" if v is None else v) for k, v in row.items()} == column
        assert row["bpp"] == 8 * row["bytes"] / (row["width"] * row["height"])
    page = Path("t.html").read_text()
    assert all(f"{row['bytes']:,}" in page or str(row["bytes"]) in page for row in rows)
    told = done.out.decode()
    line = next(line for line in told.splitlines() if line.startswith("jpeg"))
    points = sorted(
        (np.mean([r["bpp"] for r in of]), np.mean([r["psnr"] for r in of]))
        for q in (20, 40, 60, 80)
        for of in [[r for r in rows if r["setting"] == f"q{q},sub=420"]]
    )
    rate, value = zip(*points, strict=True)
    expected = [
        np.interp(np.log(r), np.log(rate), value)
        for r in (0.1, 0.2, 0.3, 0.5, 1.0)
        if rate[0] <= r <= rate[-1]
    ]
    assert expected and [float(word) for word in line.split()[1:]] == pytest.approx(expected, abs=0.006)


def test_the_table_fits_80_columns(nic, folder):
    done = nic("bench", folder, "--limit", "1")
    assert done.code == 0 and max(map(len, done.out.decode().splitlines())) <= 80
    assert all(name in done.out.decode() for name in ("nic", "jpeg", "webp", "avif", "PSNR", "MS-SSIM"))


def test_bytes_are_those_that_encode_writes(nic, folder):
    nic("encode", folder / "a.png", "-q", "3", "-b", "0", "-o", "a.nic", "--strip", "name")
    nic("bench", folder, "--codecs", "nic:q3,b0", "--limit", "1", "--json", "t.json")
    (row,) = json.loads(Path("t.json").read_text())["rows"]
    assert row["bytes"] == Path("a.nic").stat().st_size


def test_what_cannot_be_measured_is_named_and_the_rest_is_measured(nic, folder, pixels):
    for index, cut in enumerate((0, 20, 200)):
        (folder / f"bad{index}.png").write_bytes((folder / "a.png").read_bytes()[:cut])
    (folder / "words.png").write_text("no picture at all\n")
    (folder / "notes.txt").write_text("beside the pictures\n")
    frames = [Image.new("L", (8, 8), 90 * i) for i in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    done = nic("bench", folder, "--codecs", "jpeg:q50", "--json", "t.json")
    assert done.code == 1
    for name in ("bad0.png", "bad1.png", "bad2.png", "words.png", "moving.gif"):
        assert sum(line.startswith(f"nic: {name}: ") for line in done.lines) == 1, name
    assert {row["picture"] for row in json.loads(Path("t.json").read_text())["rows"]} == {
        "a.png", "b.png", "c.png"
    }  # fmt: skip
    assert "5 files could not be read" in done.out.decode()


def test_a_run_that_was_stopped_goes_on(nic, folder):
    first = nic("bench", folder, "--codecs", CODECS, "--resume", "run.jsonl", "--limit", "2")
    again = nic("bench", folder, "--codecs", CODECS, "--resume", "run.jsonl", "--limit", "2")
    assert first.code == again.code == 0 and "16 rows were measured before" in again.err
    untimed = [out.decode().partition("loaded in")[0] for out in (first.out, again.out)]
    assert untimed[0] == untimed[1]
    other = nic("bench", folder, "--codecs", CODECS, "--resume", "run.jsonl", "--metrics", "psnr")
    assert other.code == 2 and "other metrics" in other.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--codecs", "gif"], "no codec"), (["--metrics", "beauty"], "'beauty'"), (["--anchor", "jxr"], "'jxr'"),
     (["-q", "9"], "q from 0 to 6"), (["-b", "2"], "b from 0 to 1"), (["-q", "x"], "--quality"),
     (["--limit", "0"], "--limit")],
)  # fmt: skip
def test_a_wrong_wish_is_refused_before_anything_is_measured(nic, folder, arguments, words):
    done = nic("bench", folder, *arguments)
    assert done.code == 2 and len(done.lines) == 1 and words in done.err and not done.out


def test_what_is_no_folder_of_pictures_is_refused(nic, folder):
    Path("empty").mkdir()
    assert nic("bench", "empty").code == nic("bench", folder / "a.png").code == nic("bench", "none").code == 2
    (Path("empty") / "x.png").write_text("words")
    done = nic("bench", "empty")
    assert done.code == 2 and "x.png" in done.err


def test_reports_that_exist_are_kept_unless_forced(nic, folder):
    Path("t.csv").write_text("mine")
    done = nic("bench", folder, "--codecs", "jpeg:q50", "--csv", "t.csv")
    assert done.code == 5 and Path("t.csv").read_text() == "mine"
    assert nic("bench", folder, "--codecs", "jpeg:q50", "--csv", "t.csv", "-f").code == 0
    assert Path("t.csv").read_text() != "mine"


def test_a_codec_that_fails_is_counted_and_gives_exit_code_1(nic, folder, pixels):
    import struct
    import zlib

    deep = np.repeat(pixels[:16, :16].astype(">u2") * 257, 1, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in deep)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
    (folder / "deep.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )
    done = nic("bench", folder, "--codecs", "nic:q3,b0,jpeg:q50", "--anchor", "nic")
    assert done.code == 1 and "nic: deep.png: jpeg q50,sub=420: ValueError: jpeg takes 8 bits" in done.err
    speed = done.out.decode().partition("Speed")[2]
    assert [line.split()[-1] for line in speed.splitlines() if line.startswith("jpeg")] == ["1"]


def test_with_all_that_is_published_for_kodak_it_still_does(nic, folder, monkeypatch):
    monkeypatch.setattr("nic_cli.bench.published.digest", lambda colours: published.KODAK)
    done = nic("bench", folder, "--limit", "1", "--codecs", "jpeg", "--html", "t.html")
    lines = done.out.decode().splitlines()
    assert done.code == 0 and max(map(len, lines)) <= 80
    assert all(any(line.startswith(f"{curve.name}*") for line in lines) for curve in published.every())
    told = published.told([])
    assert lines[-len(told) - 1 :] == ["* published, not measured here", *told]
    page = Path("t.html").read_text()
    assert all(line in page for line in told) and f"Blind to: {METRICS['psnr'].blind}." in page


def test_grey_pictures_are_on_the_page_with_every_codec(nic, folder, pixels):
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(pixels[..., 1]).save(folder / name)
    done = nic("bench", folder, "--codecs", "webp:q40,jpeg:q40", "--html", "t.html", "--limit", "1")
    assert done.code == 0 and Path("t.html").exists(), done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--csv", "x", "--json", "./x"), "name one file"), (("--resume", "x", "--html", "x"), "name one file"),
     (("--csv", "-"), "give a file"), (("--metrics", "kid"), "NIC_BENCH_SQUEEZENET")],
)  # fmt: skip
def test_outputs_and_needs_are_looked_at_before_anything_is_measured(nic, folder, arguments, words):
    done = nic("bench", folder, "--codecs", "jpeg:q40", *arguments)
    assert done.code == 2 and words in done.err and len(done.lines) == 1 and not Path("x").exists()


def test_a_codec_that_fails_everywhere_is_counted_and_ends_nothing(nic, folder, pixels, monkeypatch):
    from nic_cli import classical

    def broken(pixels, name, *_):
        raise OSError("it broke")

    monkeypatch.setattr(classical, "encode", broken)
    done = nic(
        "bench", folder, "--codecs", "nic:q0..3,avif:q40", "-b", "0", "--limit", "1", "--json", "t.json"
    )
    assert done.code == 1 and "a.png: avif q40" in done.err and "unexpected" not in done.err
    assert re.search(r"^avif +1$", done.out.decode(), re.MULTILINE)
    assert len(json.loads(Path("t.json").read_text())["rows"]) == 5


def test_names_with_returns_stay_one_line_of_the_table(nic, folder):
    (folder / "a.png").rename(folder / "a\rb.png")
    nic("bench", folder, "--codecs", "jpeg:q40", "--csv", "t.csv", "--json", "t.json")
    with Path("t.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    rows = json.loads(Path("t.json").read_text())["rows"]
    assert [row["picture"] for row in table] == [row["picture"] for row in rows]
    assert "a\rb.png" in [row["picture"] for row in table]


def test_a_run_may_go_on_with_more_codecs_and_rows_of_other_software_are_made_anew(nic, folder):
    run = ("bench", folder, "--limit", "1", "--resume", "run.jsonl")
    assert nic(*run, "--codecs", "jpeg:q40").code == 0
    more = nic(*run, "--codecs", "jpeg:q40,nic:q1", "-b", "0", "--json", "t.json")
    assert more.code == 0 and "1 rows were measured before" in more.err
    assert all(row["software"] for row in json.loads(Path("t.json").read_text())["rows"])
    text = Path("run.jsonl").read_text()
    Path("run.jsonl").write_text(text.replace("libjpeg_turbo", "libjpeg_old"))
    nic(*run, "--codecs", "jpeg:q40")
    assert len(Path("run.jsonl").read_text().splitlines()) == len(text.splitlines()) + 1


@pytest.mark.parametrize(
    ("was", "put"),
    [('"width": ', '"width": -'), ('"metrics": {', '"metrics": null, "x": {'), ('"psnr": ', '"psn": '),
     ('"bytes": ', '"bytes": "x", "error": '), ('"setting": "', '"setting": null, "curve": "'),
     ('"encode_seconds": ', '"encode_seconds": null, "decode_seconds": ')],
)  # fmt: skip
def test_rows_that_are_none_are_refused_in_one_line(nic, folder, was, put):
    run = ("bench", folder, "--limit", "1", "--resume", "run.jsonl", "--codecs", "jpeg:q40")
    nic(*run)
    head, row = Path("run.jsonl").read_text().splitlines()
    assert was in row
    Path("run.jsonl").write_text(f"{head}\n{row.replace(was, put)}\n")
    done = nic(*run)
    assert (
        done.code == 2 and done.err.strip() == "nic: run.jsonl: not the journal of a run: name another file"
    )
