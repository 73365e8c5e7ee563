"""A run survives what codecs and pictures do, and goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nic_cli.bench.codecs import Codec
from nic_cli.bench.curves import at
from nic_cli.bench.measure import Journal, measure, survey
from nic_cli.bench.published import KODAK, curves, digest, told
from nic_cli.errors import UsageError
from nic_cli.image.reading import read
from nic_cli.metrics import named

SAID = {"metrics": ["psnr"], "threads": 2}


def opened(path):
    return read(path, path.name)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def raw(setting="q1", **changed):
    """A codec that keeps everything, in as many bytes as there are values."""
    shape = {}

    def encode(picture):
        shape["is"] = picture.pixels.shape
        return picture.pixels.tobytes()

    given = {"encode": encode, "decode": lambda data: np.frombuffer(data, np.uint8).reshape(shape["is"])}
    return Codec("raw", setting, **{**given, **changed})


def failing(*_):
    raise RuntimeError("no luck\nat all")


def run(folder, codecs, journal=None):
    inputs, unreadable = survey(sorted(folder.glob("*.*g*")), folder, opened)
    with journal or Journal(None, SAID) as journal:
        return list(measure(inputs, codecs, named(["psnr"]), opened, journal)), unreadable


def test_a_row_holds_what_was_measured(folder):
    (row, _), _ = run(folder, [raw()])
    assert (row.picture, row.width, row.height, row.bytes) == ("a.png", 32, 24, 24 * 32 * 3)
    assert row.bpp == 24 and row.metrics["psnr"] == 100 and row.encode_seconds > 0 and not row.error


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"encode": failing}, "RuntimeError: no luck"), ({"decode": failing}, "RuntimeError: no luck"),
     ({"decode": lambda data: np.zeros((3, 3, 3), np.uint8)}, "decodes to 3x3")],
)  # fmt: skip
def test_a_codec_that_fails_is_counted_and_the_rest_goes_on(folder, changed, words):
    rows, _ = run(folder, [raw("q1", **changed), raw("q2")])
    assert [bool(row.error) for row in rows] == [True, False, True, False]
    assert words in rows[0].error and "\n" not in rows[0].error and not rows[0].metrics


def test_files_that_are_no_pictures_are_named_with_the_reason(folder):
    (folder / "c.png").write_bytes(b"no picture")
    frames = [Image.new("L", (4, 4), 100 * i) for i in range(3)]
    frames[0].save(folder / "d.gif", save_all=True, append_images=frames[1:])
    rows, unreadable = run(folder, [raw()])
    assert len(rows) == 2 and sorted(unreadable) == ["c.png", "d.gif"]
    assert "3 frames" in unreadable["d.gif"]


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_rows(folder, tmp_path):
    path = tmp_path / "run.jsonl"
    codecs = [raw("q1"), raw("q2")]
    whole, _ = run(folder, codecs, Journal(path, SAID))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:40])  # killed in the middle of a line
    again, _ = run(folder, codecs, Journal(path, SAID))
    assert again[:2] == whole[:2]  # seconds and all: not measured again
    assert [(r.picture, r.setting, r.metrics) for r in again] == [
        (r.picture, r.setting, r.metrics) for r in whole
    ]
    assert len(path.read_text().splitlines()) == 5
    with Journal(path, SAID) as journal:
        assert journal.count == 4


def test_a_setting_of_two_curves_is_measured_once(folder):
    """With no journal at all, too."""
    calls = []

    def encode(picture):
        calls.append(picture.pixels)
        return picture.pixels.tobytes()

    both = [
        replace(raw("q1,tune=a", encode=encode, decode=lambda data: calls[-1]), curve=curve, variant="tune=a")
        for curve in ("raw", "raw tune=a")
    ]
    rows, _ = run(folder, both)
    assert len(calls) == 2 and [row.curve for row in rows] == ["raw", "raw tune=a"] * 2


def test_failures_are_tried_again(folder, tmp_path):
    run(folder, [raw(encode=failing)], Journal(tmp_path / "run.jsonl", SAID))
    rows, _ = run(folder, [raw()], Journal(tmp_path / "run.jsonl", SAID))
    assert not any(row.error for row in rows)


def test_a_file_under_another_name_is_the_same_picture(folder, tmp_path):
    before, _ = run(folder, [raw()], Journal(tmp_path / "run.jsonl", SAID))
    (folder / "a.png").rename(folder / "z.png")
    after, _ = run(folder, [raw()], Journal(tmp_path / "run.jsonl", SAID))
    assert {r.picture for r in after} == {"b.png", "z.png"}
    assert after[1].encode_seconds == before[0].encode_seconds


def test_rows_are_known_whichever_realisms_a_run_compares(folder, tmp_path):
    """The curve of one realism bears its name only beside others."""

    def seconds(curve, setting):
        codec = replace(raw(setting), curve=curve)
        rows, _ = run(folder, [codec], Journal(tmp_path / "run.jsonl", SAID))
        assert {row.curve for row in rows} == {curve}
        return [row.encode_seconds for row in rows]

    before = seconds("nic", "q1,b0.75,e5")
    assert seconds("nic b0.75 e5", "q1,b0.75,e5") == seconds("nic e5", "q1,b0.75,e5") == before
    assert seconds("nic iris b0.75 e5", "q1,b0.75,e5") != before
    assert seconds("nic b0.5 e5", "q1,b0.5,e5") != before


@pytest.mark.parametrize(
    "line", ["", "[]", "no", '{"nic bench": 3}', json.dumps({"nic bench": {"threads": 9}})]
)
def test_a_journal_of_something_else_is_refused_and_left_alone(tmp_path, line):
    path = tmp_path / "run.jsonl"
    path.write_text(line + "\n" + "more\n")
    with pytest.raises(UsageError, match="name another file"):
        Journal(path, SAID)
    assert path.read_text() == line + "\nmore\n"


def test_published_curves_belong_to_kodak_alone():
    assert curves(["0" * 64]) == told(["0" * 64]) == [] and len(KODAK) == 64
    assert digest(["b", "a"]) == digest(["a", "b"]) != digest(["a"])


@pytest.fixture
def kodak(monkeypatch):
    monkeypatch.setattr("nic_cli.bench.published.KODAK", digest(["x"]))
    return {curve.name: curve for curve in curves(["x"])}


def test_published_curves_are_those_of_their_sources(kodak):
    assert all(curve.published and curve.source for curve in kodak.values())
    for name, metric, bpp, value in (
        ("AV1 4:4:4", "psnr", 0.49874, 33.64977),
        ("VTM", "ms-ssim", 0.24582, 0.95611),
        ("HPCM-Large", "psnr", 0.2438, 32.1219),
        ("HiFiC", "lpips", 0.18256, 0.06865),
        ("MS-ILLM", "lpips", 0.15317, 0.07318),
        ("CRDR beta 0", "lpips", 0.17501, 0.19586),
    ):
        assert dict(kodak[name].points[metric])[bpp] == pytest.approx(value, abs=1e-5), name
    for curve in kodak.values():
        for metric, points in curve.points.items():
            rates, values = zip(*points, strict=True)
            assert len(set(rates)) == len(rates) and list(rates) == sorted(rates)
            assert list(values) == sorted(values, reverse=metric == "lpips"), (curve.name, metric)


def test_cool_chic_reads_at_fixed_rates_as_its_pictures_do(kodak):
    """Means over 24 pictures at equal lambda, computed apart from the table: 0.1, 0.2, 0.3 and 0.5 bpp."""
    found = [at(kodak["Cool-chic 5.0"].points["psnr"], rate) for rate in (0.1, 0.2, 0.3, 0.5)]
    assert found == pytest.approx([28.06, 30.54, 32.33, 34.74], abs=0.005)


def test_bd_rates_without_a_curve_are_told_in_lines_of_a_terminal(kodak):
    head, *lines = told(["x"])
    assert all(len(line) <= 80 for line in (head, *lines))
    assert [line.split(" -")[0] for line in lines] == ["MLIC++", "DCVC-UF-Intra", "Cool-chic 5.0.1"]
    for line in lines:
        assert line.split(" -")[0] not in kodak and " % against VTM" in line and line.endswith(".md)")


def test_a_published_name_claims_no_version_that_its_source_does_not_give(kodak):
    assert "VTM" in kodak and "vtm.json" in kodak["VTM"].source  # which says nothing but VTM
    assert "v5.0" in kodak["Cool-chic 5.0"].source
