"""Means, values between points, and BD-rates as an independent library computes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from nic_cli.bench.curves import at, bd_rate, bd_rates, curves, hull, left_out
from nic_cli.bench.rows import Row

AVIF = ((0.12165, 27.419), (0.18744, 28.795), (0.30509, 30.603), (0.48998, 32.704), (0.72044, 34.55),
        (1.23843, 37.703))  # fmt: skip
JXL = ((0.23641, 26.91), (0.36917, 29.695), (0.45984, 30.736), (0.59443, 31.88), (0.84077, 33.783),
       (1.264, 36.169), (2.18915, 39.742))  # fmt: skip


def row(picture, setting, size, value, curve="a", error=""):
    return Row(picture, picture, 100, 100, curve, setting, size, 0.5, 0.25, {"psnr": value}, error)


def test_a_curve_is_the_mean_over_pictures_of_each_setting():
    rows = [row("x", "q1", 100, 30.0), row("y", "q1", 300, 32.0), row("x", "q2", 400, 36.0),
            row("y", "q2", 800, 40.0)]  # fmt: skip
    (curve,) = curves(rows, ["psnr"])
    assert curve.points["psnr"] == ((0.16, 31.0), (0.48, 38.0))
    (variant,) = curve.variants
    assert variant.encode_mps == pytest.approx(0.02) and variant.decode_mps == pytest.approx(0.04)
    assert curve.points["encode"] == ((0.16, pytest.approx(50)), (0.48, pytest.approx(50)))
    assert curve.points["decode"] == ((0.16, pytest.approx(25)), (0.48, pytest.approx(25)))


def varied(variant, points):
    """Rows of one picture at one choice of settings."""
    return [
        replace(row("x", f"q{i},{variant}", size, value), variant=variant)
        for i, (size, value) in enumerate(points)
    ]


def test_of_several_settings_each_rate_has_the_best_and_says_whose_it_is():
    usual = varied("tune=a", [(100, 30), (200, 34), (400, 36), (800, 38)])
    other = varied("tune=b", [(110, 29), (220, 33.9), (400, 37), (800, 41)])
    (curve,) = curves([*usual, *other], ["psnr"])
    assert curve.points["psnr"] == ((0.08, 30), (0.16, 34), (0.32, 37), (0.64, 41))
    assert curve.leaders["psnr"] == ("tune=a", "tune=a", "tune=b", "tune=b")
    assert [variant.name for variant in curve.variants] == ["tune=a", "tune=b"]
    assert curve.points["encode"][0][0] == 0.08  # the usual one's


def test_no_point_of_the_best_is_beaten_by_another_curve_and_it_rises():
    chance = np.random.default_rng(1)
    for _ in range(50):
        made = {
            name: tuple(sorted(zip(chance.uniform(0.1, 2, 6), chance.uniform(20, 40, 6), strict=True)))
            for name in "abc"
        }
        best = hull(made, rising=True)
        values = [value for (_, value), _ in best]
        assert values == sorted(values) and best
        for (bpp, value), name in best:
            assert (bpp, value) in made[name]
            others = [at(points, bpp) for other, points in made.items() if other != name]
            assert all(other is None or other <= value for other in others)
        cheapest = max(v for points in made.values() for b, v in points if b <= 2)
        assert values[-1] == cheapest


def test_where_lower_is_better_the_best_is_lowest_and_where_no_side_is_the_usual_one_stands():
    pairs = ({"a": ((0.1, 5.0), (0.2, 3.0)), "b": ((0.1, 4.0), (0.2, 3.5))}, [4.0, 3.0])
    assert [value for (_, value), _ in hull(pairs[0], rising=False)] == pairs[1]
    rows = [replace(each, metrics={"octaves": each.metrics["psnr"]}) for each in
            [*varied("tune=a", [(100, 0.5)]), *varied("tune=b", [(100, 0.9)])]]  # fmt: skip
    assert curves(rows, ["octaves"])[0].points["octaves"] == ((0.08, 0.5),)


def test_a_picture_that_failed_once_is_left_out_of_the_whole_curve_and_counted():
    rows = [row("x", "q1", 100, 30.0), row("y", "q1", 300, 32.0), row("x", "q2", 400, 36.0),
            row("y", "q2", 0, 0.0, error="it broke")]  # fmt: skip
    (curve,) = curves(rows, ["psnr"])
    assert curve.points["psnr"] == ((0.08, 30.0), (0.32, 36.0)) and curve.failures == 1


def test_curves_are_means_over_the_same_pictures_whichever_codec_failed_where():
    rows = [row("x", "q1", 100, 30.0), row("y", "q1", 300, 32.0),
            row("x", "q1", 200, 30.0, "b"), row("y", "q1", 0, 0.0, "b", error="it broke"),
            *(row(name, "q1", 0, 0.0, "c", error="never") for name in "xy")]  # fmt: skip
    a, b, c = curves(rows, ["psnr"])
    assert a.points["psnr"] == ((0.08, 30.0),) and b.points["psnr"] == ((0.16, 30.0),)
    assert c.points["psnr"] == () and c.variants == () and (a.failures, b.failures, c.failures) == (0, 1, 2)
    assert left_out(rows) == {"y"}


def test_a_picture_too_small_for_a_metric_is_left_out_of_it():
    rows = [row("x", "q1", 100, 30.0), row("y", "q1", 300, float("nan"))]
    (curve,) = curves(rows, ["psnr"])
    assert curve.points["psnr"] == ((0.08, 30.0),) and not curve.failures
    assert rows[1].flat(["psnr", "other"])["psnr"] is None


def test_values_between_points_lie_on_a_line_in_log_bpp_and_there_are_none_beyond():
    assert at(((0.1, 20.0), (0.4, 40.0)), 0.2) == pytest.approx(30.0)
    assert at(((0.1, 20.0), (0.4, 40.0)), 0.1) == 20.0
    assert at(((0.1, 20.0), (0.4, 40.0)), 0.41) is None and at((), 0.2) is None


@pytest.mark.parametrize(("anchor", "other"), [(AVIF, JXL), (JXL, AVIF), (AVIF[1:5], AVIF)])
def test_a_bd_rate_is_that_of_a_plain_integration(anchor, other):
    def mean_log_rate(points, low, high):
        rates, values = np.array(points).T
        grid = np.linspace(low, high, 20001)
        y = PchipInterpolator(values, np.log(rates))(grid)
        return np.trapezoid(y, grid) / (high - low)

    low = max(anchor[0][1], other[0][1])
    high = min(anchor[-1][1], other[-1][1])
    expected = 100 * np.expm1(mean_log_rate(other, low, high) - mean_log_rate(anchor, low, high))
    assert bd_rate(anchor, other).percent == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("anchor", "other"), [(AVIF, JXL), (JXL, AVIF), (AVIF, AVIF[:4])])
def test_a_bd_rate_is_that_of_the_library_for_it(anchor, other):
    bjontegaard = pytest.importorskip("bjontegaard")
    rates = [np.array([p[0] for p in points]) for points in (anchor, other)]
    values = [np.array([p[1] for p in points]) for points in (anchor, other)]
    expected = bjontegaard.bd_rate(
        rates[0], values[0], rates[1], values[1], method="pchip", require_matching_points=False, min_overlap=0
    )
    assert bd_rate(anchor, other).percent == pytest.approx(expected, abs=0.1)


def test_a_codec_that_takes_half_the_bytes_has_minus_fifty_percent():
    half = tuple((bpp / 2, value) for bpp, value in AVIF)
    assert bd_rate(AVIF, half).percent == pytest.approx(-50)
    assert str(bd_rate(AVIF, half)) == "-50.0 %"


def test_where_lower_is_better_less_rate_is_still_less_rate():
    error = tuple((bpp, -value) for bpp, value in AVIF)
    half = tuple((bpp / 2, value) for bpp, value in error)
    assert bd_rate(error, half).percent == pytest.approx(-50)


@pytest.mark.parametrize(
    ("points", "reason"),
    [(AVIF[:3], "under 4 points"), (tuple((b, v + 20) for b, v in AVIF), "no overlap"),
     ((*AVIF[:3], (0.4, 30.0), *AVIF[3:]), "not monotonic")],
)  # fmt: skip
def test_curves_that_cannot_be_compared_say_why(points, reason):
    delta = bd_rate(AVIF, points)
    assert delta.percent is None and str(delta) == reason


def test_every_curve_is_compared_with_the_anchor():
    rows = [row("x", f"q{i}", 100 * 2**i * scale, 30.0 + i, curve) for curve, scale in (("a", 1), ("b", 2))
            for i in range(5)]  # fmt: skip
    deltas = bd_rates(curves(rows, ["psnr"]), "a", ["psnr"])["psnr"]
    assert deltas["a"].percent == pytest.approx(0) and deltas["b"].percent == pytest.approx(100)
    assert bd_rates(curves(rows, ["psnr"]), "none", ["psnr"]) == {"psnr": {}}
