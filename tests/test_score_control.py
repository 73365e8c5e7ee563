"""A wanted score is found in few codings, whatever scores do with the rate, and never missed from below."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nic_cli import score_control
from nic_cli.score_control import CLOSE, CODINGS, WITHIN, lowest

TOP = 6 * 4096
USUAL = ((0, -10.0), (8192, 45.0), (TOP, 85.0))


def searched(score, wish, usual=USUAL, top=TOP):
    """What is found of a function of the rate, and the rates that were tried."""
    tried = []

    def coded(rate):
        assert 0 <= rate <= top and rate not in tried
        tried.append(rate)
        return float(score(rate)), rate

    found = lowest(coded, wish, usual, top)
    assert found.made == found.rate and found.codings == len(tried) <= CODINGS
    assert found.score == score(found.rate) if wish > 0 else True
    return found, tried


def concave(lift, bend):
    """A score that rises and bends like those of photographs."""
    return lambda rate: lift + 95 * (1 - math.exp(-bend * rate / TOP))


@pytest.mark.parametrize("wish", [5, 30, 50, 70, 80])
@pytest.mark.parametrize("lift", [-25, -10, 0, 4.9])
@pytest.mark.parametrize("bend", [2, 3, 6])
def test_a_score_that_rises_is_met_within_a_quarter_of_a_point(wish, lift, bend):
    score = concave(lift, bend)
    found, _ = searched(score, wish)
    if score(TOP) < wish:
        assert found.rate == TOP
    else:
        assert wish <= found.score <= wish + CLOSE


@pytest.mark.parametrize("wish", [30, 50, 70, 80])
def test_a_score_that_is_all_in_the_first_tenth_of_the_rates_is_not_missed_either(wish):
    """Nothing like a photograph: eight codings come near, and never end below."""
    found, tried = searched(concave(4.9, 20), wish)
    assert wish <= found.score <= wish + 6 and found.rate == min(
        r for r in tried if concave(4.9, 20)(r) >= wish
    )


def test_the_usual_score_is_met_at_once_but_for_where_lines_bend():
    for wish in (0, 20, 60, 80):
        score = lambda rate: np.interp(rate, *zip(*USUAL, strict=True)) + 0.1  # noqa: E731
        assert searched(score, wish)[0].codings == 1


def test_what_lies_apart_from_the_usual_takes_few_codings():
    for lift in (-12, -4, 3, 9):
        score = lambda rate, lift=lift: np.interp(rate, *zip(*USUAL, strict=True)) + lift  # noqa: E731
        assert searched(score, 60)[0].codings <= 3


@pytest.mark.parametrize("seed", range(40))
def test_noise_costs_codings_and_never_the_wish(seed):
    chance = np.random.default_rng(seed)
    noise, base = chance.normal(0, 0.2, TOP + 1), concave(chance.uniform(-15, 5), chance.uniform(2.5, 5))
    wish = chance.uniform(10, 70)
    found, tried = searched(lambda rate: base(rate) + noise[rate], wish)
    assert wish <= found.score <= wish + WITHIN
    assert not [rate for rate in tried if rate < found.rate and base(rate) + noise[rate] >= wish]


@pytest.mark.parametrize("seed", range(40))
def test_of_scores_that_jump_one_within_a_point_goes_before_a_lower_rate_beyond_it(seed):
    chance = np.random.default_rng(seed)
    noise, base = chance.normal(0, 1, TOP + 1), concave(chance.uniform(-15, 5), chance.uniform(2.5, 5))
    wish = chance.uniform(10, 70)
    score = lambda rate: base(rate) + noise[rate]  # noqa: E731
    found, tried = searched(score, wish)
    reached = [rate for rate in tried if score(rate) >= wish]
    near = [rate for rate in reached if score(rate) <= wish + WITHIN]
    assert found.rate == min(near or reached)


@pytest.mark.parametrize("step", [1.5, 4, 10])
def test_jumps_over_the_wish_end_at_the_nearest_rate_above(step):
    """No rate has a score within a point: the best of eight is a file all the same, with what it has."""
    score = lambda rate: step * math.floor(concave(0, 3)(rate) / step)  # noqa: E731
    wish = 12 * step - 1.2 if step < 5 else 61
    found, tried = searched(score, wish)
    assert found.score == step * math.ceil(wish / step)
    assert len(tried) == CODINGS
    first = next(rate for rate in range(TOP) if score(rate) >= wish)
    assert found.rate - first <= TOP // 50


def test_a_cliff_is_found_by_halves():
    for cliff in (1, 77, 9000, TOP - 1):
        found, _ = searched(lambda rate, cliff=cliff: 90.0 if rate >= cliff else 10.0, 50)
        assert found.rate >= cliff and found.score == 90


def test_what_even_the_top_does_not_have_comes_back_with_the_highest_score():
    found, tried = searched(concave(0, 3), 99)
    assert found.rate == TOP and found.score < 99 and len(tried) == 1
    found, tried = searched(lambda rate: 40 + rate / TOP, 60)
    assert found.rate == TOP and found.score == 41 and len(tried) <= 4
    found, _ = searched(lambda rate: 50 - 10 * rate / TOP, 60)  # a score that falls
    assert found.score < 60 and TOP in _tried(lambda rate: 50 - 10 * rate / TOP, 60)


def _tried(score, wish):
    return searched(score, wish)[1]


def test_what_rate_0_has_already_is_rate_0():
    found, tried = searched(lambda rate: 80 + rate / TOP, 60)
    assert found.rate == 0 and found.score == 80 and len(tried) <= 4


def test_no_coding_is_made_after_a_close_one_and_none_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(score_control, "CODINGS", 2)
    found, tried = searched(lambda rate: 100 * (rate / TOP) ** 3, 50)
    assert len(tried) == 2 and found.codings == 2
    assert found.score == max(100 * (rate / TOP) ** 3 for rate in tried)


def test_who_is_content_with_less_pays_less():
    counts = []
    for close in (0.05, 1.0):
        score, tried = concave(-9, 2.2), []
        found = lowest(lambda rate, s=score, t=tried: (t.append(rate) or s(rate), 0), 66, USUAL, TOP, close)
        assert 66 <= found.score <= 66 + close
        counts.append(len(tried))
    assert counts[1] < counts[0]


def test_scores_may_be_negative():
    found, _ = searched(lambda rate: -300 + 400 * rate / TOP, -20.0)
    assert -20 <= found.score <= -20 + CLOSE


def test_the_smallest_tops_work():
    for top in (1, 2, 3):
        found, _ = searched(lambda rate, top=top: 100.0 * rate / top, 55, top=top)
        assert found.rate == math.ceil(0.55 * top)
