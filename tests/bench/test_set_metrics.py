"""Metrics of whole sets see every picture that came back, each setting apart."""

from __future__ import annotations

import numpy as np
import pytest

from nic_cli.bench.codecs import Codec
from nic_cli.bench.curves import curves
from nic_cli.bench.rows import Row
from nic_cli.bench.set_metrics import SetMetrics
from nic_cli.metrics import METRICS, Metric, named


class Total:
    """The sum of what was found, over all pictures."""

    def __init__(self):
        self.sum = 0.0

    def add(self, wanted, found):
        self.sum += float(found.sum())

    def value(self):
        return self.sum


@pytest.fixture
def crowds(monkeypatch):
    monkeypatch.setitem(METRICS, "total", Metric("total", "Total", "", False, False, Total, of_sets=True))
    return SetMetrics(["total"])


def row(picture, setting, size, error=""):
    return Row(picture, picture, 10, 10, "a", setting, size, 1.0, 1.0, {"psnr": 30.0}, error)


def test_a_setting_has_the_value_of_all_its_pictures_at_their_mean_rate(crowds):
    for setting, value in (("q1", 1), ("q1", 2), ("q2", 5), ("q2", 6)):
        crowds.see(Codec("a", setting, bytes, bytes), np.zeros(3), np.full(3, value))
    rows = [row("x", "q1", 10), row("y", "q1", 30), row("x", "q2", 100), row("y", "q2", 200)]
    (curve,) = curves(rows, ["psnr"])
    joined = crowds.joined(curve, rows)
    assert joined.points["total"] == ((1.6, 9.0), (12.0, 33.0)) and "psnr" in joined.points


def test_a_setting_at_which_a_picture_failed_has_none(crowds):
    crowds.see(Codec("a", "q1", bytes, bytes), np.zeros(3), np.ones(3))
    rows = [row("x", "q1", 10), row("y", "q1", 0, "it broke")]
    (curve,) = curves(rows, ["psnr"])
    assert crowds.joined(curve, rows).points["total"] == ()


def test_they_are_no_functions_of_one_picture(crowds):
    assert list(named(["psnr", "total"])) == ["psnr"]
