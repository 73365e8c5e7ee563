"""The sentences of a comparison say who wins, by how much, where and how often, also where nic loses."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nic_cli.bench.command import _anchor
from nic_cli.bench.curves import curves
from nic_cli.bench.rows import Curve, Row, Variant
from nic_cli.bench.verdict import leaders, sentences
from nic_cli.errors import UsageError

SIZES = (200, 400, 800, 1600, 3200)


def rows(curve, factor, variant="", pictures="xyz", seconds=(0.01, 0.02), lift=0.0):
    """Pictures of 0.01 MP, each with `factor` times the bytes of SIZES for the same PSNR."""
    return [
        Row(name, name, 100, 100, curve, f"q{i},{variant}", round(size * factor), *seconds,
            {"psnr": 30.0 + 2 * i + lift}, variant=variant)
        for name in pictures
        for i, size in enumerate(SIZES)
    ]  # fmt: skip


def said(table, anchor="avif", metrics=("psnr",)):
    return sentences(curves(table, metrics), table, anchor, metrics)


@pytest.mark.parametrize(
    ("factor", "words"), [(0.8, "20.0 % fewer bytes than"), (1.25, "25.0 % more bytes than")]
)
def test_who_wins_is_told_with_percent_rates_and_pictures(factor, words):
    first, second = said([*rows("nic", factor), *rows("avif", 1.0)])
    assert first == (
        f"PSNR: nic needs {words} AVIF at equal quality, over 0.16 to 2.6 bits a pixel, "
        "and so on 3 of 3 pictures."
    )
    assert second == "Seconds a megapixel: to encode nic 1, AVIF 1; to decode nic 2, AVIF 2."


def test_no_difference_is_called_none():
    (first, _) = said([*rows("nic", 1.001), *rows("avif", 1.0)])
    assert re.search(r"needs as many bytes \(\+0\.\d %\) as AVIF", first)


def test_where_the_mean_is_none_single_pictures_are_not_said_to_agree():
    table = [
        *rows("nic", 0.8, pictures="x"),
        *rows("nic", 1.2, pictures="y"),
        *rows("avif", 1.0, pictures="xy"),
    ]
    (first, _) = said(table)
    assert "as many bytes" in first and "-20 to +20 % on single pictures" in first and "so on" not in first


def test_a_picture_on_which_the_other_failed_is_in_no_sentence():
    sound = [*rows("nic", 0.8, pictures="xy"), *rows("avif", 1.0, pictures="xy")]
    easy = rows("nic", 0.1, pictures="z")
    lost = [replace(each, error="16 bits", metrics={}) for each in rows("avif", 1.0, pictures="z")]
    assert said([*sound, *easy, *lost]) == said(sound)


def test_what_failed_on_every_picture_is_compared_with_nothing():
    lost = [replace(each, error="16 bits", metrics={}) for each in rows("avif", 1.0)]
    assert said([*rows("nic", 1.0), *lost]) == []
    assert "than JPEG" in said([*rows("nic", 1.0), *lost, *rows("jpeg", 2.0)])[0]


def test_two_files_of_one_picture_are_two():
    table = [*rows("nic", 0.8, pictures="xy"), *rows("avif", 1.0, pictures="xy")]
    assert "2 of 2 pictures" in said([replace(each, sha256="same") for each in table])[0]


def test_pictures_that_do_not_agree_are_not_counted_as_agreeing():
    table = [*rows("nic", 0.7, pictures="xy"), *rows("nic", 1.2, pictures="z"), *rows("avif", 1.0)]
    first, _ = said(table)
    assert "fewer bytes" in first and "on 2 of 3 pictures" in first


def test_the_best_of_the_settings_of_another_is_named_apart_from_its_usual_ones():
    usual = rows("avif", 1.0, "tune=iq,sub=420,speed=4")
    tuned = rows("avif", 0.5, "tune=psnr,sub=444,speed=4", seconds=(0.03, 0.02))
    first, second = said([*rows("nic", 0.8), *usual, *tuned])
    assert "nic needs 20.0 % fewer bytes than AVIF (tune iq, 4:2:0) at equal quality" in first
    assert first.endswith(
        "; 60.0 % more bytes than AVIF at the best of its settings for this (tune psnr, 4:4:4)."
    )
    assert "to encode nic 1, AVIF 1 to 3;" in second


def test_the_better_one_of_several_curves_of_nic_is_compared_and_named():
    first, _ = said([*rows("nic b0", 0.8), *rows("nic b0.75", 1.1), *rows("avif", 1.0)])
    assert "nic -b 0 needs 20.0 % fewer" in first


def test_curves_that_cannot_be_compared_are_said_to_be_so():
    first, _ = said([*rows("nic", 1.0, lift=90), *rows("avif", 1.0)])
    assert first == "PSNR: AVIF and nic cannot be compared: no overlap."


def test_without_two_sides_nothing_is_said_and_papers_are_no_side():
    paper = Curve("VTM", {"psnr": ((0.1, 30.0),)}, published=True)
    for table in (rows("nic", 1.0), rows("avif", 1.0)):
        assert sentences([*curves(table, ("psnr",)), paper], table, "avif", ("psnr",)) == []


def test_where_the_anchor_is_nic_the_other_is_avif():
    table = [*rows("nic b0", 0.8), *rows("jpeg", 2.0), *rows("avif", 1.0)]
    assert "than AVIF at equal" in said(table, anchor="nic b0")[0]
    assert "than JPEG at equal" in said(table, anchor="jpeg")[0]


def test_where_each_choice_of_settings_leads_is_told_in_rising_rates():
    both = Variant("tune=a,sub=444", {}), Variant("tune=b,sub=444", {})
    names = tuple(both[i].name for i in (0, 0, 1))
    curve = Curve(
        "avif", {"psnr": ((0.1, 1.0), (0.2, 2.0), (0.4, 3.0))}, variants=both, leaders={"psnr": names}
    )
    assert leaders(curve, "psnr") == "tune a from 0.1 to 0.2; tune b at 0.4"
    assert leaders(curve, "ms-ssim") == "" == leaders(replace(curve, variants=both[:1]), "psnr")


def test_the_anchor_is_avif_whatever_its_settings_or_the_one_curve_of_the_codec_that_is_asked():
    names = ["nic b0", "nic b1", "avif speed=4", "jpeg"]
    assert _anchor(None, names) == "avif speed=4" == _anchor("avif", names) == _anchor("avif speed=4", names)
    assert _anchor("avif:speed=4", names) == "avif speed=4"
    assert _anchor(None, ["jpeg", "nic"]) == "jpeg" == _anchor("jpeg", names)
    for wrong in ("nic", "jxl"):
        with pytest.raises(UsageError, match=f"'{wrong}' is not measured"):
            _anchor(wrong, names)
